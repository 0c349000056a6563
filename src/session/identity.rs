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
    /// Logs `subject` in: call it when a user has proved who they are.
    ///
    /// The client gets a new token and the old one is refused at once, so a token planted before the login opens nothing. The
    /// values of an anonymous visitor are kept; those of another subject are removed. The absolute timeout starts again.
    ///
    /// If the session was ended or given a new secret meanwhile, the login starts a fresh session: a login is never lost. If the
    /// same subject logged in with the same token a moment before, as with a double click, both logins are of one session.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// # struct User { id: u64 }
    /// # fn verify(name: &str, password: &str) -> Option<User> { None }
    /// async fn log_in(session: Session, name: String, password: String) -> Result<&'static str, SessionError> {
    ///     let Some(user) = verify(&name, &password) else { return Ok("Wrong name or password") };
    ///     session.log_in(user.id.to_string())?;
    ///     Ok("Welcome back")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`InvalidSubject`](SessionErrorKind::InvalidSubject) unless `subject` has 1 to [`MAX_SUBJECT_LEN`] bytes, and
    /// those that every change has; see [`Session`].
    pub fn log_in(&self, subject: impl AsRef<str>) -> Result<(), SessionError> {
        let subject = valid_subject(subject.as_ref())?;
        self.lock().change(Op::LogIn { subject, at: self.0.engine.now() })
    }

    /// Ends this session, with every token that was issued for it, and removes the client's cookie.
    ///
    /// Values written afterwards, such as a farewell message, begin a new anonymous session. A logout is kept whatever the status
    /// of the response, and completed if the client disconnects. On a store whose clients carry the session, copies of the token
    /// stay valid until they expire; see [`Guarantees`].
    ///
    /// ```
    /// # use cloakroom::{Key, Session, SessionError};
    /// const NOTICE: Key<String> = Key::new("notice").last_writer_wins();
    ///
    /// async fn log_out(session: Session) -> Result<(), SessionError> {
    ///     session.log_out()?;
    ///     session.insert(NOTICE, "You are logged out.".to_owned()) // in a new session
    /// }
    /// ```
    ///
    /// If another site began the request, as a link on it does, the response is `403 Forbidden` and nothing ends, unless its path
    /// is [allowed](crate::SessionManager::allow_cross_site) or a login follows.
    ///
    /// # Errors
    /// [`Closed`](SessionErrorKind::Closed) once the response was sent. While the store is unavailable the call succeeds, the
    /// cookie is removed, and the response is an error which says that the logout is not confirmed.
    pub fn log_out(&self) -> Result<(), SessionError> {
        self.lock().log_out()
    }

    /// Gives the client a new token without changing who is logged in.
    ///
    /// The old token stays valid until the new one is first used, at most 30 seconds, so that requests under way are served. For
    /// a change of privilege use [`log_in`](Self::log_in), which has no such grace. A request that comes with the old token
    /// renews nothing, because its client was given the new one already.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{Session, SessionError};
    /// # use time::OffsetDateTime;
    /// const RENEWED: &str = "renewed";
    ///
    /// /// Called for each request of a long-lived session: a new token once an hour.
    /// fn renew_hourly(session: &Session, now: OffsetDateTime) -> Result<(), SessionError> {
    ///     let last = session.get::<i64>(RENEWED)?.unwrap_or_default();
    ///     if now.unix_timestamp() - last >= 3600 {
    ///         session.insert(RENEWED, now.unix_timestamp())?;
    ///         session.renew()?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn renew(&self) -> Result<(), SessionError> {
        self.lock().change(Op::Renew)
    }

    /// Lets the session last until it was unused for `duration`, and gives the client a new token: "remember me" on a login form.
    ///
    /// It replaces both timeouts. The manager's [`remember_at_most`](crate::SessionManager::remember_at_most) limits `duration`, by
    /// default to 30 days. The cookie outlives the browser, even one that otherwise
    /// [expires with it](crate::Cookie::expires_with_browser).
    ///
    /// Use prolongs the session: a request that comes when at least a tenth of the time has passed gets its cookie again, for the
    /// full time. A store that only reads sessions cannot do that. The session stays remembered when the same subject
    /// [logs in](Self::log_in) again, as after a change of password; another subject's login ends it, and so does
    /// [`forget`](Self::forget).
    ///
    /// In a request with the old token of a [renewal](Self::renew) the lifetime of the session changes, but that of the client's
    /// cookie does not.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{Session, SessionError};
    /// async fn logged_in(session: Session, user: String, remember_me: bool) -> Result<(), SessionError> {
    ///     session.log_in(user)?;
    ///     if remember_me {
    ///         session.remember(Duration::from_secs(14 * 24 * 60 * 60))?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn remember(&self, duration: Duration) -> Result<(), SessionError> {
        self.lock().change(Op::Remember(duration))
    }

    /// Takes [`remember`](Self::remember) back without a new login: the session is an ordinary one again.
    ///
    /// Both timeouts of the manager count from now on, and the client gets a new token in an ordinary cookie. The subject stays
    /// logged in. Nothing happens if the session is not remembered.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{Session, SessionError};
    /// const TWO_WEEKS: Duration = Duration::from_secs(14 * 24 * 60 * 60);
    ///
    /// /// The box "stay logged in" on a page of settings.
    /// fn stay_logged_in(session: &Session, ticked: bool) -> Result<(), SessionError> {
    ///     if ticked { session.remember(TWO_WEEKS) } else { session.forget() }
    /// }
    /// ```
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn forget(&self) -> Result<(), SessionError> {
        if !self.is_remembered() {
            return self.lock().check_open();
        }
        self.lock().change(Op::Forget)
    }

    /// Whether the session is [remembered](Self::remember).
    ///
    /// ```
    /// # use cloakroom::Session;
    /// fn checkbox(session: &Session) -> &'static str {
    ///     if session.is_remembered() { "<input type=checkbox checked>" } else { "<input type=checkbox>" }
    /// }
    /// ```
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.lock().view().remembered.is_some()
    }

    /// Returns who is logged in, or `None` for an anonymous session.
    ///
    /// While somebody [acts as](Self::act_as) another subject, it is that one.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// async fn greeting(session: Session) -> String {
    ///     match session.subject() {
    ///         Some(user) => format!("Hello, user {user}"),
    ///         None => "Please log in".to_owned(),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        let mut state = self.lock();
        let view = state.view();
        view.acting_as.as_ref().or(view.subject.as_ref()).map(|subject| subject.as_str().to_owned())
    }

    /// Returns when the subject last logged in, or `None` for an anonymous session and while somebody [acts](Self::act_as) as the
    /// subject.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// fn footer(session: &Session) -> String {
    ///     session.authenticated_at().map_or_else(String::new, |at| format!("Logged in since {at}"))
    /// }
    /// ```
    #[must_use]
    pub fn authenticated_at(&self) -> Option<OffsetDateTime> {
        self.login_time().map(OffsetDateTime::from)
    }

    /// Passes only if the subject logged in less than `age` ago: a guard for what deserves a fresh login.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{Session, SessionError};
    /// async fn change_password(session: Session, new_password: String) -> Result<(), SessionError> {
    ///     session.require_login_within(Duration::from_secs(5 * 60))?;
    ///     // store the new password
    ///     # drop(new_password);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`FreshLoginRequired`](SessionErrorKind::FreshLoginRequired), answered as 401.
    pub fn require_login_within(&self, age: Duration) -> Result<(), SessionError> {
        match self.login_time() {
            Some(at) if self.0.engine.now().since(at) < age => Ok(()),
            _ => Err(SessionError::new(SessionErrorKind::FreshLoginRequired, "this needs a fresh login")),
        }
    }

    /// Returns the public name of the session, or `None` if there is none and none is about to be created.
    ///
    /// The ID is not a credential and may be logged. It stays the same when the token changes. A new session has its ID as soon as
    /// something was written to it, such as a login.
    ///
    /// If the session was ended while the request was under way, a login begins another session, which has an ID of its own; and of
    /// two logins with the same token at the same moment, as with a double click, the second goes on in the session of the first. So
    /// [save](Self::save) before you store the ID elsewhere: afterwards it is final.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// fn log_line(session: &Session, path: &str) -> String {
    ///     match session.id() {
    ///         Some(id) => format!("{path} session={id}"),
    ///         None => format!("{path} session=-"),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        let mut state = self.lock();
        if state.needs_id()
            && let Some(id) = self.0.engine.draw_id()
        {
            state.reserve_id(id);
        }
        state.id()
    }

    /// Whether this session is not stored yet, as on a visitor's first request or after a logout.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// async fn banner(session: Session) -> &'static str {
    ///     if session.is_new() { "Welcome! We use a cookie for your cart." } else { "" }
    /// }
    /// ```
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.record().is_none()
    }

    /// Returns when the session expires unless it is used before, or `None` if it is not stored yet.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// /// A response header by which the page can warn its user.
    /// async fn expiry(session: Session) -> [(&'static str, String); 1] {
    ///     let at = session.expires_at().map_or(0, |at| at.unix_timestamp());
    ///     [("x-session-expires", at.to_string())]
    /// }
    /// ```
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.record().map(|record| record.expires_at().into())
    }

    /// Returns how long the session may stay unused before it expires.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// fn warning(session: &Session) -> String {
    ///     format!("You are logged out after {} minutes without activity.", session.idle_timeout().as_secs() / 60)
    /// }
    /// ```
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        self.record().map_or(self.0.engine.policy().lifetime.idle, |record| record.idle_timeout())
    }

    /// Returns the manager's absolute timeout: how long a session lives after its login, regardless of activity.
    ///
    /// A session that was [remembered](Self::remember) has its own lifetime instead; [`expires_at`](Self::expires_at) tells.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// fn terms(session: &Session) -> String {
    ///     format!("You have to log in again after {} hours.", session.absolute_timeout().as_secs() / 3600)
    /// }
    /// ```
    #[must_use]
    pub fn absolute_timeout(&self) -> Duration {
        self.0.engine.policy().lifetime.absolute
    }

    /// Returns the size of the token that the client presented, in bytes, or `None` without a valid one.
    ///
    /// It matters where clients carry the session, because browsers and proxies limit the size of headers.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// fn warn_of_large_cookies(session: &Session) {
    ///     if session.token_len().is_some_and(|len| len > 3000) {
    ///         eprintln!("a session nears the size limit of one cookie");
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn token_len(&self) -> Option<usize> {
        self.lock().request().token_len
    }

    /// Returns what the store behind this session guarantees.
    ///
    /// ```
    /// # use cloakroom::{Session, store::Revocation};
    /// fn logout_hint(session: &Session) -> &'static str {
    ///     match session.guarantees().revocation {
    ///         Revocation::AtExpiry => "You are logged out of this browser.",
    ///         _ => "You are logged out.",
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        *self.0.engine.guarantees()
    }

    /// The record that the session is based on, unless it was logged out.
    fn record(&self) -> Option<Record> {
        self.lock().record().cloned()
    }

    fn login_time(&self) -> Option<Timestamp> {
        let mut state = self.lock();
        let view = state.view();
        if view.acting_as.is_some() { None } else { view.authenticated_at }
    }
}

/// The subject of this name, if the name is one.
pub(crate) fn valid_subject(name: &str) -> Result<Subject, SessionError> {
    if (1..=MAX_SUBJECT_LEN).contains(&name.len()) {
        return Ok(Subject::new(name));
    }
    let message = format!("a subject has 1 to {MAX_SUBJECT_LEN} bytes, not {}", name.len());
    Err(SessionError::new(SessionErrorKind::InvalidSubject, message))
}
