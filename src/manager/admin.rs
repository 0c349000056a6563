//! Sessions seen from outside their requests: what a job, or an administrator's request, asks of the manager.

use tracing::debug;

use super::{SessionManager, core::Core, store_calls::StoreCalls};
use crate::{
    error::SessionError,
    id::SessionId,
    session::valid_subject,
    store::{End, Ended, EndedBy, Found, MOST_LISTED, SessionInfo},
};

impl SessionManager {
    /// Lists the live sessions of `subject`, the newest first.
    ///
    /// Of more than a thousand sessions the store may list only the thousand used last. A handler that shows its own user's
    /// devices asks [`Session::sessions`](crate::Session::sessions).
    ///
    /// ```
    /// # use cloakroom::{SessionError, SessionManager};
    /// async fn number_of_devices(sessions: &SessionManager, user: &str) -> Result<usize, SessionError> {
    ///     Ok(sessions.sessions_of(user).await?.len())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Store(Unsupported)` where the store keeps no index, as its [guarantees](Self::guarantees) say,
    /// [`InvalidSubject`](crate::SessionErrorKind::InvalidSubject), and those of the store.
    pub async fn sessions_of(&self, subject: impl AsRef<str>) -> Result<Vec<SessionInfo>, SessionError> {
        let subject = valid_subject(subject.as_ref())?;
        self.0.list(subject.as_str()).await
    }

    /// Ends all sessions of `subject` and returns how many there were: for a user who is banned, or whose password was reset.
    ///
    /// A [`RevocableStore`](crate::store::RevocableStore) ends them by one write, without knowing how many there are, and the number is 0.
    ///
    /// First note in the application's own data that the user may not log in, because a login after this call begins a new
    /// session. Sessions in which somebody else [acts as](crate::Session::act_as) the subject belong to that other one and go on.
    ///
    /// ```
    /// # use cloakroom::{SessionError, SessionManager};
    /// # async fn mark_as_banned(user: &str) {}
    /// async fn ban(sessions: &SessionManager, user: &str) -> Result<String, SessionError> {
    ///     mark_as_banned(user).await;
    ///     let ended = sessions.end_sessions_of(user).await?;
    ///     Ok(format!("{ended} sessions were ended"))
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`sessions_of`](Self::sessions_of). Every session is tried, so others have ended before the error is returned;
    /// the call may be repeated.
    pub async fn end_sessions_of(&self, subject: impl AsRef<str>) -> Result<usize, SessionError> {
        let subject = valid_subject(subject.as_ref())?;
        self.0.end_all(subject.as_str(), None).await
    }

    /// Returns the live session of this ID, whoever it belongs to, or `None` if there is none.
    ///
    /// ```
    /// # use cloakroom::{SessionError, SessionId, SessionManager};
    /// async fn whose(sessions: &SessionManager, id: SessionId) -> Result<Option<String>, SessionError> {
    ///     let session = sessions.find_session(id).await?;
    ///     Ok(session.and_then(|session| session.subject().map(str::to_owned)))
    /// }
    /// ```
    ///
    /// # Errors
    /// `Store(Unsupported)` where clients carry their sessions; otherwise those of the store.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<SessionInfo>, SessionError> {
        let core = &*self.0;
        let calls = StoreCalls::new(core);
        Ok(match calls.store.find(&id, calls.cx).await? {
            Found::Live(record)
                if record.is_resident() && !core.policy.has_expired(&record, calls.cx.now) =>
            {
                Some(SessionInfo::of(&record))
            }
            Found::Live(_) | Found::Absent(_) => None,
        })
    }

    /// Ends the session of this ID, whoever it belongs to, and returns whether there was such a session.
    ///
    /// A [`RevocableStore`](crate::store::RevocableStore) cannot look sessions up: it ends the ID, and tells whether that is new.
    ///
    /// An ID is no credential, so check who asks. A handler that ends a session of its own user calls
    /// [`Session::end`](crate::Session::end), which finds no others.
    ///
    /// ```
    /// # use cloakroom::{SessionError, SessionId, SessionManager};
    /// async fn end(sessions: &SessionManager, id: SessionId) -> Result<&'static str, SessionError> {
    ///     Ok(if sessions.end_session(id).await? { "It was ended." } else { "There is no such session." })
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`find_session`](Self::find_session).
    pub async fn end_session(&self, id: SessionId) -> Result<bool, SessionError> {
        if self.0.store.revocations().is_some() {
            let end = End { id, until: self.0.clock.now(), by: EndedBy::Other };
            return Ok(StoreCalls::new(&self.0).end(end).await? == Ended::Done);
        }
        match self.find_session(id).await? {
            Some(session) => self.0.end_one(&session).await,
            None => Ok(false),
        }
    }
}

impl Core {
    /// The live sessions of a subject, the newest first.
    pub(super) async fn list(&self, subject: &str) -> Result<Vec<SessionInfo>, SessionError> {
        let mut sessions = StoreCalls::new(self).list(subject).await?;
        sessions.retain(SessionInfo::is_resident);
        Ok(sessions)
    }

    /// Ends the sessions of a subject, apart from this one; how many there were, as far as the store knows.
    pub(super) async fn end_all(&self, subject: &str, but: Option<SessionId>) -> Result<usize, SessionError> {
        if let Some(revocations) = self.store.revocations() {
            StoreCalls::new(self).end_subject(revocations, subject, but).await?;
            return Ok(0);
        }
        let mut ended = 0;
        loop {
            let listed = StoreCalls::new(self).list(subject).await?;
            let others = listed.iter().filter(|session| session.is_resident() && Some(session.id()) != but);
            let gone = self.end_each(others).await?;
            ended += gone;
            // A store may list no more than so many at once.
            if listed.len() < MOST_LISTED || gone == 0 {
                return Ok(ended);
            }
        }
    }

    /// Ends sessions: each is tried, even if another one fails.
    async fn end_each(&self, sessions: impl Iterator<Item = &SessionInfo>) -> Result<usize, SessionError> {
        let (mut ended, mut outcome) = (0, Ok(()));
        for session in sessions {
            match self.end_one(session).await {
                Ok(gone) => ended += usize::from(gone),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        if outcome.is_err() {
            debug!(ended, "not all sessions of a subject could be ended");
        }
        outcome.map(|()| ended)
    }

    async fn end_one(&self, session: &SessionInfo) -> Result<bool, SessionError> {
        Ok(StoreCalls::new(self).end(session.as_end()).await? == Ended::Done)
    }
}
