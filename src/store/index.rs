//! The sessions of one subject.

use std::fmt;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreContext;
use crate::{error::StoreError, id::SessionId, record::Record, time::Timestamp};

/// How many sessions a store has to list at once. To end more, the engine lists again.
pub(crate) const MOST_LISTED: usize = 1000;

/// Keeps track of which sessions belong to a subject.
///
/// An entry that outlives its session is never shown; a session without an entry would be one that its owner cannot
/// end, so a store writes the entry first.
#[async_trait]
pub trait SessionIndex: fmt::Debug + Send + Sync {
    /// The live sessions of `subject`, the newest first; of more than a thousand perhaps only the thousand used last.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError>;
}

/// One session of a subject, as its owner may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    id: SessionId,
    created_at: Timestamp,
    last_active: Timestamp,
    deadline: Timestamp,
    authenticated_at: Option<Timestamp>,
    here: bool,
}

impl SessionInfo {
    /// What an owner may see of `record`.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self {
            id: record.id(),
            created_at: record.created_at(),
            last_active: record.last_active(),
            deadline: record.deadline(),
            authenticated_at: record.authenticated_at(),
            here: record.is_resident(),
        }
    }

    /// The session's name.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// When it began.
    #[must_use]
    pub fn created_at(&self) -> OffsetDateTime {
        self.created_at.into()
    }

    /// When it was last used, as far as throttled touches tell.
    #[must_use]
    pub fn last_active(&self) -> OffsetDateTime {
        self.last_active.into()
    }

    /// When its subject last proved who it is.
    pub(crate) fn authenticated_at(&self) -> Option<Timestamp> {
        self.authenticated_at
    }

    /// Whether the session is in the store that lists it, and not on its way from or to another one.
    pub(crate) fn is_resident(&self) -> bool {
        self.here
    }

    /// By when it will have ended, used or not.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.deadline
    }
}
