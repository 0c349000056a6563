//! Sessions in the memory of this process: the fastest home, and one that a restart empties.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`MemoryStore`]: the options, and the trait's calls |
//! | `state` | the shared state: beginning, reading and ending a session |
//! | `swap` | changing a session that is there |
//! | `slots` | the map, in shards that have a lock each |
//! | `slot` | what stands under one ID: a live record or a tombstone |
//! | `subjects` | the index of sessions by subject |
//! | `budget` | [`Budget`], [`Usage`], and the two accounts that are never overdrawn |
//! | `tickets` | the queues in which slots wait to be inspected |
//! | `sweep` | inspecting: how garbage goes without a background task |
//! | `evict` | making room when a budget is used up |
//!
//! # What is hostile
//! Presented tokens, and how many of them arrive. A token is taken apart once, by [`ReferenceToken::parse`]; what it
//! opens is decided by [`judge`](crate::store::judge). A flood of new sessions costs other anonymous sessions at most, never a
//! logged-in one.
//!
//! # Locks
//! They are taken in this order, each held for a bounded number of steps and none across an await:
//!
//! 1. **the tickets**, by every call that adds or removes a slot. Whoever holds them sees exactly one ticket per slot.
//! 2. **a page of the subject index**, never two at a time.
//! 3. **a shard of the map.** Whoever holds one takes no other lock.
//!
//! A load and an ordinary change take only the third.

mod budget;
mod evict;
mod slot;
mod slots;
mod state;
mod subjects;
mod swap;
mod sweep;
mod sweep_queue;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub use self::budget::{Budget, Usage};
use self::state::SharedState;
use crate::store::{
    Created, Ended, EnumerateSessions, Guarantees, Index, Loaded, NodeName, PresentedToken, ReferenceToken,
    Replaced, ResponseReordering, Revocation, Scope, SessionIndex, SessionInfo, SessionStore, StoreContext,
    TokenForm, Touched, Updates, no_secret,
};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    time::Timestamp,
};

/// Sessions in the memory of this process.
///
/// A clone is another handle of the same store. Nothing survives a restart, and only this server answers for its
/// sessions: several servers need sticky routing, for which [`node`](Self::node) puts a name into every token. A
/// [`DrainingStore`](crate::store::DrainingStore) around it hands its sessions over before the process ends.
///
/// # Memory
/// Anonymous and logged-in sessions have a [`Budget`] each, so that a flood of the former never displaces one of the
/// latter. When the anonymous budget is used up, sessions whose token never came back go first, then those that were
/// not used of late. When the logged-in budget is used up, a new login is an error of the kind
/// [`Full`](crate::StoreErrorKind::Full); a logged-in session ends by time or by [`end`](SessionStore::end) and in no other way.
///
/// There is no background task: each call that begins or ends a session inspects a few others and removes what is over.
///
/// ```
/// use cloakroom::store::{Budget, MemoryStore, NodeName};
///
/// let store = MemoryStore::new()
///     .anonymous(Budget { sessions: 20_000, bytes: 16 << 20 })
///     .node(NodeName::new("web-1")?);
/// assert_eq!(store.usage().anonymous_sessions, 0);
/// # Ok::<(), cloakroom::store::InvalidNodeName>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<SharedState>,
    node: Option<NodeName>,
}

impl MemoryStore {
    /// An empty store with the default budgets and no node name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How much anonymous sessions may take; 100 000 sessions and 64 MiB by default.
    ///
    /// The budget belongs to the store, not to the handle.
    #[must_use]
    pub fn anonymous(self, budget: Budget) -> Self {
        self.state.budgets.anonymous.limit_to(budget);
        self
    }

    /// How much logged-in sessions may take; 1 000 000 sessions and 1 GiB by default.
    ///
    /// The budget belongs to the store, not to the handle.
    #[must_use]
    pub fn logged_in(self, budget: Budget) -> Self {
        self.state.budgets.logged_in.limit_to(budget);
        self
    }

    /// The name of this server in every token that this handle issues, for a load balancer that routes by it.
    #[must_use]
    pub fn node(self, name: NodeName) -> Self {
        Self { node: Some(name), ..self }
    }

    /// How much the store holds at this moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.state.usage()
    }

    fn replaced(&self, record: &Record, expected: Version, now: Timestamp) -> Result<Replaced, StoreError> {
        let token = ReferenceToken::issue(record, self.node.as_ref());
        self.state.replace(record, token, expected, now)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("node", &self.node).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    fn guarantees(&self) -> Guarantees {
        Guarantees {
            name: "memory",
            token: TokenForm::Reference,
            revocation: Revocation::AtOnce,
            survives_restart: false,
            scope: Scope::Process,
            updates: Updates::NeverLost,
            response_reordering: ResponseReordering::Harmless,
            index: Index::Process,
            max_data: None,
            writable: true,
        }
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        ReferenceToken::recognises(presented.bytes())
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        Ok(self.state.load(presented, cx.now))
    }

    /// Always answers.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        Some(Ok(self.state.load(presented, now)))
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let token = ReferenceToken::issue(record, self.node.as_ref()).ok_or_else(no_secret)?;
        self.state.create(record, token, cx.now)
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.replaced(record, expected, cx.now)
    }

    /// Always answers, unless there is no room.
    fn replace_now(&self, record: &Record, expected: Version, now: Timestamp) -> Option<Replaced> {
        self.replaced(record, expected, now).ok()
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        Ok(self.state.end(*id, until, cx.now))
    }

    /// Moves the time in place: other writers of the session notice nothing.
    async fn touch(&self, record: &Record, _: Version, cx: StoreContext) -> Result<Touched, StoreError> {
        Ok(self.state.touch(record, cx.now))
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Record>, StoreError> {
        Ok(self.state.find(id, cx.now))
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

/// It can be handed over to another store.
impl EnumerateSessions for MemoryStore {
    fn ids(&self) -> Vec<SessionId> {
        self.state.ids()
    }
}

#[async_trait]
impl SessionIndex for MemoryStore {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        Ok(self.state.sessions_of(subject, cx.now).iter().map(SessionInfo::of).collect())
    }
}
