//! The sessions of one subject.

use std::fmt;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{End, EndedBy, StoreContext};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Subject},
    time::Timestamp,
};

/// How many sessions of a subject an index lists at least, if there are as many. A caller that ends them all asks again.
pub const MOST_LISTED: usize = 1000;

/// Keeps track of which sessions belong to a subject.
///
/// # Contract
/// - A session without an entry would be one that its owner cannot end. So a store writes the entry before the record, or
///   both in one transaction.
/// - An entry may outlive its session. A list checks each record: it shows those that have not expired at
///   [`now`](StoreContext::now) and belong to the subject.
/// - The newest is the session [created](Record::created_at) last. A login moves a session into the list of its subject and
///   leaves the time of its creation as it is.
/// - A list contains sessions in any [state of migration](SessionInfo::of), those included that no token opens at present.
#[async_trait]
pub trait SessionIndex: fmt::Debug + Send + Sync {
    /// The live sessions of `subject`, the newest first; of more than [`MOST_LISTED`] perhaps only those used last.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError>;

    /// How many live sessions `subject` has at most, counted without reading them where that is possible.
    ///
    /// Entries that outlive their sessions may be counted. A login asks this first, and lists the sessions only if there may be
    /// too many of them. The default counts what is [listed](Self::list).
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn count(&self, subject: &str, cx: StoreContext) -> Result<usize, StoreError> {
        Ok(self.list(subject, cx).await?.len())
    }
}

/// One session of a subject, as its owner may see it. The subject is redacted in `Debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    id: SessionId,
    created_at: Timestamp,
    last_active: Timestamp,
    deadline: Timestamp,
    authenticated_at: Option<Timestamp>,
    subject: Option<Subject>,
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
            subject: record.owner().cloned(),
            here: record.is_resident(),
        }
    }

    /// The session's name.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Who has logged in to it, or `None` for an anonymous session.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_ref().map(Subject::as_str)
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

    /// When its subject last logged in; `None` for an anonymous session.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<OffsetDateTime> {
        self.authenticated_at.map(Into::into)
    }

    /// Whether the session is in the store that lists it, and not on its way from or to another one.
    pub(crate) fn is_resident(&self) -> bool {
        self.here
    }

    /// Its end on another account than its own client's.
    pub(crate) fn as_end(&self) -> End {
        End { id: self.id, until: self.deadline, by: EndedBy::Other }
    }
}
