//! What a session asks of the engine behind it: the one window from this floor to the floors above.

use std::{fmt, pin::Pin};

use super::{Arrival, Opening, Session};
use crate::{
    error::SessionError,
    policy::Policy,
    store::{Guarantees, SessionStore, StoreContext},
    time::Timestamp,
    transport::{RequestHead, ResponseEdits},
};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) trait Backend: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;

    /// The circumstances of a store call that begins now.
    fn cx(&self) -> StoreContext;

    fn policy(&self) -> &Policy;

    fn guarantees(&self) -> &Guarantees;

    fn store(&self) -> &dyn SessionStore;

    /// Whether tokens can be handed to clients that are no browsers.
    fn has_bearer(&self) -> bool;

    /// What a request presents that another site may have begun, or may not.
    fn arrival<'a>(&self, head: &RequestHead<'a>, allows_cross_site: bool) -> Arrival<'a>;

    /// What its session begins with, if that can be told without waiting.
    fn load_now(&self, arrival: &Arrival<'_>) -> Option<Opening>;

    /// What its session begins with.
    fn load<'a>(&'a self, arrival: &'a Arrival<'_>) -> BoxFuture<'a, Opening>;

    /// What the client of a request with two live sessions has to be told.
    fn refuse_both(&self, head: &RequestHead<'_>) -> ResponseEdits;

    /// Writes what the session has logged so far.
    fn save<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>>;
}
