//! Changes that a store announces as they happen: [`ChangeListener`].

use std::fmt;

use crate::{id::SessionId, time::Timestamp};

/// Is told by a store which sessions change, whoever changes them.
///
/// An announcement takes a moment, and the connection that brings it may be dead without a sign of it. So what a listener knows of
/// a session counts only for a bounded time after the store was last [heard](Self::confirm): the store answers on the same
/// connection, and in order. A [`Cached`](super::Cached) store is such a listener.
///
/// A store announces changes to one listener at the most; see [`SessionStore::announce_to`](crate::SessionStore::announce_to). Its
/// connections have numbers, of which none occurs twice. The methods are called on the task that drives the connection, so they
/// must not block.
///
/// # Contract of the store
/// - Between [`follow`](Self::follow) of a connection and the next `follow`, each change of a session that was read on this connection
///   is [announced](Self::changed).
/// - A change that had taken effect before a call was sent on the connection is announced before that call is
///   [confirmed](Self::confirm), and before its caller has the answer.
pub trait ChangeListener: fmt::Debug + Send + Sync + 'static {
    /// From now on the announcements on this connection count and no others; with `None`, changes are not announced any more. What was
    /// announced on another connection may have been incomplete.
    fn follow(&self, connection: Option<u64>);

    /// A call was answered that was sent on this connection at `sent`, the time of its context, or later.
    fn confirm(&self, connection: u64, sent: Timestamp);

    /// On this connection a session was announced as changed, or with `None` that any may have been.
    fn changed(&self, connection: u64, session: Option<&SessionId>);
}
