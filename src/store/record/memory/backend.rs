//! The memory store and its backend: what the state is asked for.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{budget::Usage, state::SharedState};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, Ended, EnumerateSessions, Guarantees, Index, Loaded, NodeName, RecordBackend, RecordStore,
        ReferenceToken, Revocation, SessionIndex, SessionInfo, StoreContext, Stored, Swapped, TokenForm,
        Tombstone, Touched, Updates,
    },
    time::Timestamp,
};

/// Sessions in the memory of this process.
///
/// A clone is another handle of the same store. Nothing survives a restart, and only this process can serve its sessions:
/// several servers need sticky routing, for which [`node`](super::MemoryOptions::node) puts a name into every token. A
/// [`DrainingStore`](crate::store::DrainingStore) around it moves its sessions elsewhere before the process exits.
///
/// # Memory
/// Anonymous and logged-in sessions have a [`Budget`](super::Budget) each, so that a flood of the former never displaces one of the
/// latter. When the anonymous budget is used up, sessions whose token was never presented go first, then those that were
/// not used lately. When the logged-in budget is used up, a new login is an error of the kind
/// [`Full`](crate::StoreErrorKind::Full); a logged-in session ends by time or by
/// [`end`](crate::SessionStore::end) and in no other way.
///
/// There is no background task: each call that begins or ends a session inspects a few others and removes those that have
/// expired.
///
/// ```
/// use cloakroom::store::{Budget, MemoryStore, NodeName};
///
/// let store = MemoryStore::builder()
///     .anonymous(Budget { sessions: 20_000, bytes: 16 << 20 })
///     .node(NodeName::new("web-1")?)
///     .build();
/// assert_eq!(store.usage().anonymous_sessions, 0);
/// # Ok::<(), cloakroom::store::InvalidNodeName>(())
/// ```
pub type MemoryStore = RecordStore<MemoryBackend>;

/// The map behind a [`MemoryStore`].
#[derive(Clone, Default)]
pub struct MemoryBackend {
    pub(super) state: Arc<SharedState>,
    pub(super) node: Option<NodeName>,
}

impl MemoryStore {
    /// How much the store holds at this moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.backend().state.usage()
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("node", &self.node).finish_non_exhaustive()
    }
}

impl RecordBackend for MemoryBackend {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new("memory", TokenForm::Reference)
            .revocation(Revocation::AtOnce)
            .updates(Updates::NeverLost)
            .index(Index::Process)
    }

    async fn get(&self, id: &SessionId, _: StoreContext) -> Result<Option<Stored>, StoreError> {
        Ok(self.state.get(id))
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        match expected {
            None => self.state.create(next, cx.now),
            Some(expected) => self.state.replace(next, expected, cx.now),
        }
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        Ok(self.state.end(tombstone, cx.now))
    }

    async fn touch(&self, record: &Record, cx: StoreContext) -> Result<Touched, StoreError> {
        Ok(self.state.touch(record, cx.now))
    }

    /// Always answers, and notes that the token was presented.
    fn open_now(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        Some(self.state.open(token, now).unwrap_or(Loaded::Absent(Absence::Unknown)))
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }

    fn node(&self) -> Option<&NodeName> {
        self.node.as_ref()
    }
}

/// A memory store can be drained into another store.
impl EnumerateSessions for MemoryStore {
    fn ids(&self) -> Vec<SessionId> {
        self.backend().state.ids()
    }
}

#[async_trait]
impl SessionIndex for MemoryBackend {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        Ok(self.state.sessions_of(subject, cx.now).iter().map(SessionInfo::of).collect())
    }

    async fn count(&self, subject: &str, _: StoreContext) -> Result<usize, StoreError> {
        Ok(self.state.subjects.count(subject))
    }
}
