//! What a session asks of the engine behind it: the one window from this floor to the floors above.

use std::{fmt, pin::Pin};

use super::Session;
use crate::{
    error::SessionError,
    policy::Policy,
    store::{Cx, Guarantees, SessionStore},
    time::Timestamp,
};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) trait Backend: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;

    /// The circumstances of a store call that begins now.
    fn cx(&self) -> Cx;

    fn policy(&self) -> &Policy;

    fn guarantees(&self) -> &Guarantees;

    fn store(&self) -> &dyn SessionStore;

    /// Whether tokens can be handed to clients that are no browsers.
    fn has_bearer(&self) -> bool;

    /// Writes what the session has logged so far.
    fn save<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>>;
}
