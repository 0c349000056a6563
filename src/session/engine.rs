//! What a session asks of the engine behind it: [`Engine`].

use std::{fmt, pin::Pin};

use super::Session;
use crate::{
    error::SessionError,
    id::SessionId,
    policy::Policy,
    store::{End, Ended, Guarantees, SessionInfo},
    time::Timestamp,
};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The engine behind a session.
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;

    fn policy(&self) -> &Policy;

    fn guarantees(&self) -> &Guarantees;

    /// Whether tokens can be handed to clients that are not browsers.
    fn has_bearer(&self) -> bool;

    /// Writes what the session has logged so far.
    fn save<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>>;

    /// Looks what has become of the session.
    fn reload<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>>;

    /// Looks what has become of the session, and fails if it is no more.
    fn revalidate<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>>;

    /// An ID for a session that is still to be created; `None` if the source of randomness has failed.
    fn draw_id(&self) -> Option<SessionId>;

    /// The live sessions of a subject, the newest first; none without a subject. Fails if the store keeps no index.
    fn list<'a>(&'a self, subject: Option<&'a str>) -> BoxFuture<'a, Result<Vec<SessionInfo>, SessionError>>;

    /// Ends the sessions of a subject at the store, now, apart from this one; how many there were. None without a subject.
    /// Fails if the store keeps no index.
    fn end_all<'a>(
        &'a self,
        subject: Option<&'a str>,
        but: Option<SessionId>,
    ) -> BoxFuture<'a, Result<usize, SessionError>>;

    /// Ends a session at the store, now.
    fn end(&self, session: End) -> BoxFuture<'_, Result<Ended, SessionError>>;
}
