//! A handle that outlives its request: it looks again, learns what has become of its session, and drops what cannot be written.

use super::{Session, SessionStatus};
use crate::error::SessionError;

impl Session {
    /// Allows this session to change after the response was sent; the caller then has to [`save`](Self::save) each change.
    ///
    /// Call it in a handler whose work outlives its response, such as a websocket or an event stream. From time to time such a
    /// handler looks whether its session is still there, with [`reload`](Self::reload).
    ///
    /// ```
    /// # use cloakroom::{Key, Session, SessionError};
    /// const LAST_SEEN: Key<u64> = Key::new("last_seen").last_writer_wins();
    ///
    /// async fn stream(session: Session) -> Result<(), SessionError> {
    ///     session.keep_open()?;
    ///     tokio::spawn(async move {
    ///         for event in 0..10_u64 {
    ///             session.insert(LAST_SEEN, event)?;
    ///             session.save().await?;
    ///         }
    ///         Ok::<(), SessionError>(())
    ///     });
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Closed`](crate::SessionErrorKind::Closed) if the response was sent already.
    pub fn keep_open(&self) -> Result<(), SessionError> {
        self.lock().keep_open()
    }

    /// Asks the store for the session as it is now, and returns what has become of it.
    ///
    /// If the session is live, this handle shows the values that are stored, including the changes of other requests, and its own
    /// changes that are not saved yet. If the session was ended or is another login's now, this handle shows an anonymous
    /// session without values; its unsaved changes are dropped, apart from a login. A look does not count as a use of the session.
    ///
    /// On a store whose clients carry the session nobody knows more than the client: the session is live until its time is over.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use cloakroom::{Session, SessionError, SessionStatus};
    ///
    /// /// In a websocket's task: whether to go on.
    /// async fn is_logged_in(session: &Session) -> Result<bool, SessionError> {
    ///     let status = session.reload().await?;
    ///     Ok(status == SessionStatus::Live && session.subject().is_some())
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of the store; then nothing has changed. [`Conflict`](crate::SessionErrorKind::Conflict) if an unsaved change no longer
    /// applies to what is stored: [`discard`](Self::discard) it and reload again.
    pub async fn reload(&self) -> Result<SessionStatus, SessionError> {
        self.0.engine.reload(self).await?;
        Ok(self.status())
    }

    /// Asks the store for the session as of now, and fails if it has ended: for a route that must not act on an answer that is a
    /// moment old.
    ///
    /// Some stores answer from what they know, for as long as their [guarantees](crate::store::Guarantees::revocation) say: a hybrid
    /// store or one with a cache. This asks what is below. Afterwards the session shows the values that are stored now, and its
    /// own changes that are not saved yet. A session that was ended, whose secret was replaced, or in which somebody has logged in
    /// meanwhile, is an error. A visitor without a session is none: ask for the [subject](Self::subject) as well.
    ///
    /// Every store answers. One that keeps its sessions on a server is asked once more, and so is a log of revocations. Where there is
    /// neither, nothing is known but what the client's token says. A group of routes asks for it with the option `fresh` of its layer.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn transfer(session: Session) -> Result<String, SessionError> {
    ///     session.revalidate().await?;
    ///     match session.subject() {
    ///         Some(user) => Ok(format!("{user} pays.")),
    ///         None => Ok("Please log in.".to_owned()),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Conflict`](crate::SessionErrorKind::Conflict) if the session is no more; this handle then shows an anonymous one without
    /// values, and what was changed in it is dropped. Also if an unsaved change no longer applies to what is stored. Those of the
    /// store; then nothing has changed.
    pub async fn revalidate(&self) -> Result<(), SessionError> {
        self.0.engine.revalidate(self).await
    }

    /// Returns what has become of the session, without asking the store: as of its load, its last [`reload`](Self::reload) or
    /// [`save`](Self::save), and the time now.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError, SessionErrorKind};
    /// use cloakroom::SessionStatus;
    ///
    /// /// In a websocket's task: why a save has failed.
    /// async fn farewell(session: &Session) -> &'static str {
    ///     match session.save().await {
    ///         Ok(()) => "Saved.",
    ///         Err(_) if session.status() == SessionStatus::Ended => "You are logged out.",
    ///         Err(error) if error.kind() == SessionErrorKind::Conflict => "Somebody else was faster.",
    ///         Err(_) => "Please try again later.",
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        let (policy, now) = (self.0.engine.policy(), self.0.engine.now());
        self.lock().status(|record| policy.has_expired(record, now))
    }

    /// Drops the changes that were made since the session was loaded or last saved. A logout is not dropped.
    ///
    /// A long-lived handler calls it when a [`save`](Self::save) has failed and the changes are not to be saved later. What a
    /// save has sent without learning whether it arrived is still sent again with the next one.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError, SessionErrorKind};
    /// /// In a websocket's task: a change that is not worth a second attempt.
    /// async fn note(session: &Session, page: &str) -> Result<(), SessionError> {
    ///     session.insert("page", page.to_owned())?;
    ///     match session.save().await {
    ///         Err(error) if error.kind() == SessionErrorKind::Conflict => {
    ///             session.discard();
    ///             session.reload().await.map(drop)
    ///         }
    ///         saved => saved,
    ///     }
    /// }
    /// ```
    pub fn discard(&self) {
        self.lock().discard();
    }
}
