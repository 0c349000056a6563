//! The other sessions of the same subject: "your devices".

use super::Session;
use crate::{
    error::SessionError,
    id::SessionId,
    store::{Ended, SessionInfo},
};

impl Session {
    /// Lists the live sessions of this session's subject, including this one, the newest first.
    ///
    /// The list is empty for an anonymous session. Of more than a thousand sessions the store may list only the thousand used
    /// last.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn devices(session: Session) -> Result<String, SessionError> {
    ///     let lines = session.sessions().await?.into_iter().map(|other| {
    ///         let this = if session.id() == Some(other.id()) { " (this device)" } else { "" };
    ///         format!("{} last active {}{this}\n", other.id(), other.last_active())
    ///     });
    ///     Ok(lines.collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Store(Unsupported)` where the store keeps no index, as its guarantees say; otherwise those of the store.
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, SessionError> {
        let subject = self.subject();
        self.0.engine.list(subject.as_deref()).await
    }

    /// Ends one session of this subject and returns whether there was such a session.
    ///
    /// The session's own ID [logs it out](Self::log_out). IDs of other subjects' sessions are not found.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn sign_out_device(session: Session, id: String) -> Result<&'static str, SessionError> {
    ///     let Ok(id) = id.parse() else { return Ok("No such device") };
    ///     Ok(if session.end(id).await? { "Signed out" } else { "It was signed out already" })
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`sessions`](Self::sessions), and [`CrossSite`](crate::SessionErrorKind::CrossSite) if another site began this
    /// request.
    pub async fn end(&self, id: SessionId) -> Result<bool, SessionError> {
        if self.id() == Some(id) {
            return self.log_out().map(|()| true);
        }
        self.check_site()?;
        let sessions = self.sessions().await?;
        let Some(session) = sessions.iter().find(|session| session.id() == id) else { return Ok(false) };
        Ok(self.0.engine.end(session.as_end()).await? == Ended::Done)
    }

    /// Ends all other sessions of this subject and returns how many there were.
    ///
    /// A request of such a session that is under way can no longer save and is answered `409 Conflict`. The next one has no
    /// session, and begins a new one if it writes.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// # async fn store_password(user: &str, password: String) {}
    /// async fn change_password(session: Session, password: String) -> Result<String, SessionError> {
    ///     let Some(user) = session.subject() else { return Ok("Please log in".to_owned()) };
    ///     store_password(&user, password).await;
    ///     let ended = session.end_others().await?;
    ///     session.log_in(user)?; // a new token for this device, too
    ///     Ok(format!("Password changed; {ended} other devices were signed out."))
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`end`](Self::end). Some sessions may have ended before an error.
    pub async fn end_others(&self) -> Result<usize, SessionError> {
        self.check_site()?;
        let (subject, own) = (self.subject(), self.id());
        self.0.engine.end_all(subject.as_deref(), own).await
    }

    /// Ends all sessions of this subject, including this one, and returns how many there were.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn log_out_everywhere(session: Session) -> Result<String, SessionError> {
    ///     Ok(format!("Signed out on {} devices.", session.end_all().await?))
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`end`](Self::end). Some sessions may have ended before an error.
    pub async fn end_all(&self) -> Result<usize, SessionError> {
        let others = self.end_others().await?;
        self.log_out()?;
        Ok(others + 1)
    }

    /// The store is told at once, so another site is refused here and not when the response leaves.
    fn check_site(&self) -> Result<(), SessionError> {
        if self.lock().request().from_elsewhere { Err(SessionError::cross_site()) } else { Ok(()) }
    }
}
