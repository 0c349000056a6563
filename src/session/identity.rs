//! Who a session belongs to, and how long.

use std::time::Duration;

use time::OffsetDateTime;

use super::{Op, Session};
use crate::{
    error::{SessionError, SessionErrorKind},
    id::SessionId,
    record::{MAX_SUBJECT_LEN, Record, Subject},
    store::Guarantees,
    time::Timestamp,
};

impl Session {
    /// Makes `subject` the owner of this session: call it when somebody has proved who they are.
    ///
    /// The client gets a new secret, and the old one is refused at once, so a token that was planted before the login is
    /// worth nothing. What an anonymous visitor collected is kept; what belonged to another subject is
    /// cleared. The absolute timeout starts anew.
    ///
    /// If the session was ended or rotated meanwhile, the login starts a fresh one: it is never dropped. If it was the same
    /// subject who logged in a moment before with the same token, as in a double click, the fresh session begins with a
    /// copy of that one's data.
    ///
    /// # Errors
    /// [`InvalidSubject`](SessionErrorKind::InvalidSubject) unless `subject` has 1 to [`MAX_SUBJECT_LEN`] bytes, and
    /// those that every change has; see [`Session`].
    pub fn log_in(&self, subject: impl AsRef<str>) -> Result<(), SessionError> {
        let subject = subject.as_ref();
        if !(1..=MAX_SUBJECT_LEN).contains(&subject.len()) {
            let message = format!("a subject has 1 to {MAX_SUBJECT_LEN} bytes, not {}", subject.len());
            return Err(SessionError::new(SessionErrorKind::InvalidSubject, message));
        }
        self.lock().change(Op::LogIn { subject: Subject::new(subject), at: self.0.engine.now() })
    }

    /// Ends this session, with every token that was ever issued for it, and removes the client's cookie.
    ///
    /// What is written afterwards, like a farewell message, begins a new anonymous session. A log-out is kept
    /// whatever the response's status, and carried through if the client disconnects.
    ///
    /// # Errors
    /// [`Closed`](SessionErrorKind::Closed) once the response was sent. While the store is out of reach the call
    /// succeeds, the cookie is removed, and the response is an error that says that the end is not confirmed.
    pub fn log_out(&self) -> Result<(), SessionError> {
        self.lock().log_out()
    }

    /// Gives the client a new secret without changing who it is.
    ///
    /// The old secret is honoured until the new one is first seen, at most 30 seconds, so that requests under way
    /// are not thrown out. For a change of privilege use [`log_in`](Self::log_in), which has no grace.
    ///
    /// A request that comes with the old secret renews nothing: its client has been given the new one already.
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn renew(&self) -> Result<(), SessionError> {
        self.lock().change(Op::Renew)
    }

    /// Lets this session live for `duration`, used or not, with a new secret: the "remember me" of a login form.
    ///
    /// It replaces both timeouts and is bounded by the manager's
    /// [`remember_at_most`](crate::SessionManager::remember_at_most), 30 days by default. A request that comes with the
    /// old secret of a [renewal](Self::renew) gets no other, and the cookie that its client holds lasts as long as it did.
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn remember(&self, duration: Duration) -> Result<(), SessionError> {
        self.lock().change(Op::Remember(duration))
    }

    /// Who is logged in.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        self.lock().view().subject.as_ref().map(|subject| subject.as_str().to_owned())
    }

    /// When the subject last proved who it is.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<OffsetDateTime> {
        self.login_time().map(OffsetDateTime::from)
    }

    /// Passes only if the subject logged in less than `age` ago: for what deserves a fresh login, like a change of
    /// password.
    ///
    /// # Errors
    /// [`FreshLoginRequired`](SessionErrorKind::FreshLoginRequired), answered as 401.
    pub fn require_login_within(&self, age: Duration) -> Result<(), SessionError> {
        match self.login_time() {
            Some(at) if self.0.engine.now().since(at) < age => Ok(()),
            _ => Err(SessionError::new(SessionErrorKind::FreshLoginRequired, "this needs a fresh login")),
        }
    }

    /// The session's name: public, safe to log. `None` for a session that was not stored yet.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.record().map(|record| record.id())
    }

    /// Whether there is no stored session behind this one: the visitor's first request, or the one after an end.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.record().is_none()
    }

    /// When the session ends unless it is used before. `None` for a session that was not stored yet.
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.record().map(|record| record.expires_at().into())
    }

    /// It ends when it was not used for this long.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        self.record().map_or(self.0.engine.policy().lifetime.idle, |record| record.idle_timeout())
    }

    /// It ends this long after it began, used or not, unless `remember` chose otherwise.
    #[must_use]
    pub fn absolute_timeout(&self) -> Duration {
        self.0.engine.policy().lifetime.absolute
    }

    /// The size of the token that the client presented, in bytes.
    #[must_use]
    pub fn token_len(&self) -> Option<usize> {
        self.lock().request().token_len
    }

    /// What the store behind this session promises.
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        *self.0.engine.guarantees()
    }

    /// The record that the session is based on, unless it was logged out.
    fn record(&self) -> Option<Record> {
        self.lock().record().cloned()
    }

    fn login_time(&self) -> Option<Timestamp> {
        self.lock().view().authenticated_at
    }
}
