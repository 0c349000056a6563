//! What a store is told of a session that is to end: [`End`].

use crate::{id::SessionId, record::Record, time::Timestamp};

/// A session to be ended, for [`SessionStore::end`](super::SessionStore::end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The session.
    pub id: SessionId,
    /// Until when its ID is reserved: at least the session's [deadline](Record::deadline), where that is known.
    pub until: Timestamp,
    /// On whose account it ends.
    pub by: EndedBy,
}

/// On whose account a session ends. It decides what a request that still presents its token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The client that holds it has logged out or in. Its requests that were sent before begin no new session, because a cookie
    /// for that could displace the one that the client holds by now.
    Client,
    /// Somebody else: another device of the same user, the application, or a limit on the number of sessions. The client does
    /// not know it yet, and its next request that writes begins a new session.
    Other,
}

impl End {
    /// The end of a stored session.
    #[must_use]
    pub fn of(record: &Record, by: EndedBy) -> Self {
        Self { id: record.id(), until: record.deadline(), by }
    }
}
