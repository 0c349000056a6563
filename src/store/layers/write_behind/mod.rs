//! Sessions in this node's memory, whose changes are written to a store a moment later.
//!
//! # What it keeps, and why
//! The node keeps for each session the state that it serves, and the **base**: the version that the store has. Every write to the
//! store is a compare-and-swap from the base, so the version is all that fences nodes off from each other. No owner has to be
//! stored: **the owner of a session is the node that wrote the version that is stored.** Versions of different writes differ, so at
//! any moment there is one at most.
//!
//! - *Only the owner lets changes wait.* A node's first change of a session that it did not write goes to the store first. It
//!   succeeds only on what is stored, changes of the former owner included if they have arrived; from then on this node is the owner.
//! - *No change is overwritten.* The former owner's next write expects a version that is no longer stored. It is refused, its
//!   changes are counted as lost and the session is forgotten here. So what another node wrote, or that it ended the session,
//!   stays.
//! - *What is lost.* Changes of a session that wait are lost if the node crashes, or if another node changes or ends the session before
//!   they are sent. They are sent after half of `at_most`, and the store has the other half to answer. If it does not,
//!   the session takes no more of them: its changes go to the store first, and wait for it, or fail. So of each session
//!   no more is lost than what was acknowledged within `at_most`.
//! - *What goes first.* A session that begins or ends, a login, a new secret, another lifetime. Each is in the store
//!   before it is acknowledged, together with all earlier changes of the session: no crash takes it back.
//! - *How late an end is seen.* What is here counts only while a call that was sent less than `within` ago has shown the base to be
//!   what is stored, by this node's clock. Otherwise the store is asked. An end on this node counts at once, since its session is
//!   forgotten.
//! - *Lost replies.* The versions that were sent are kept until one of them, or the base, is known to be stored. A state here
//!   descends from every version that was sent by the way of waiting, so finding one of those stored is as good as a reply. A write
//!   that goes first may be given up by its caller; then the session is in doubt, and asks the store before everything until
//!   another write has replaced the version that the given-up one expects.
//! - *One call at a time.* Calls about one session wait for each other, so a reply is always about what is here. A
//!   change that waits needs no call and waits only for a write that goes first.
//!
//! Each of these rules has a test in `tests`.

mod entry;
mod first;
mod lanes;
mod node;
mod options;
mod save;
mod sessions;
#[cfg(all(test, feature = "memory"))]
mod tests;
mod wait;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use self::node::Node;
#[cfg(feature = "config")]
pub(crate) use self::options::WriteBehindConfig;
pub use self::options::WriteBehindOptions;
use super::{StoreLayer, UnsuitableStore};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        Created, Durability, End, Ended, Found, Freshness, Guarantees, Loaded, PresentedToken,
        ReferenceToken, Replaced, Revocation, Scope, SessionStore, StoreContext, TokenForm, Touched, Updates,
    },
    time::Timestamp,
};

const NAME: &str = "write-behind";

/// Serves sessions from the memory of this node and writes their changes to a store a moment later.
///
/// With sticky routing most requests cause no call to the store. A crash of the node costs changes of the last
/// [`at_most`](WriteBehindOptions::at_most), one second by default, and never a login or a logout. Without sticky routing, and after a
/// crash, other nodes take the sessions from the store.
///
/// ```
/// # async fn example(postgres: impl cloakroom::SessionStore) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use cloakroom::{SessionManager, store::WriteBehind};
///
/// let sessions = SessionManager::new(WriteBehind::new(postgres)?);
/// // … serve until the process is asked to exit; then save what is left:
/// sessions.drain(Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// Those of the store, except that ended sessions and changes of other nodes are seen within
/// [`within`](WriteBehindOptions::within), and that changes are durable within [`at_most`](WriteBehindOptions::at_most) of their
/// acknowledgement. On one node no update is lost. If two nodes change a session at about the same time, the one that had it
/// before loses what it has not written yet: that is [`lost`](Self::lost), and part of the declared
/// [`durability`](Guarantees::durability). Lists of sessions come from the store, so they may show a use of a session that much later.
///
/// # When the store does not answer
/// Sessions are served and changed in memory as long as the guarantees hold, and for
/// [`bridge`](WriteBehindOptions::bridge) longer if that is chosen. Then calls end as those of the store do. Put the layer over a
/// store with a [circuit breaker](crate::store::CircuitBreaker), as those in Redis and PostgreSQL have, so that this takes no time.
///
/// # Tasks
/// Changes are saved by tasks on the runtime on which they were made. They exist only while changes wait. Outside of a
/// Tokio runtime every change is written first.
#[derive(Clone)]
pub struct WriteBehind<S>(Arc<Node<S>>);

impl<S: SessionStore> WriteBehind<S> {
    /// A layer with the default [options](WriteBehindOptions) over `store`.
    ///
    /// # Errors
    /// If the store does not fit. It has to keep records, outside of this process, and to refuse writes that expect another state.
    ///
    /// ```
    /// use cloakroom::store::{MemoryStore, WriteBehind};
    ///
    /// let error = WriteBehind::new(MemoryStore::new()).unwrap_err();
    /// assert!(error.to_string().contains("in this process"));
    /// ```
    pub fn new(store: S) -> Result<Self, UnsuitableStore> {
        Self::with_options(store, WriteBehindOptions::default())
    }

    /// A layer with these options over `store`.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn with_options(store: S, options: WriteBehindOptions) -> Result<Self, UnsuitableStore> {
        let guarantees = store.guarantees();
        match misfit(&guarantees) {
            Some(reason) => Err(UnsuitableStore::new(NAME, guarantees.name, reason)),
            None => Ok(Self(Arc::new(Node::new(store, options)))),
        }
    }

    /// How many sessions have changes that the store has not got yet.
    #[must_use]
    pub fn unsaved(&self) -> usize {
        self.0.sessions.unsaved().len()
    }

    /// How many sessions have lost changes, because another node changed or ended them before the changes were saved, or because the store
    /// refused them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost()
    }
}

/// Why the layer does not fit a store.
fn misfit(guarantees: &Guarantees) -> Option<&'static str> {
    if guarantees.token != TokenForm::Reference {
        Some("its clients carry their sessions, so no server has anything to write; use it without the layer")
    } else if guarantees.scope == Scope::Process || !guarantees.survives_restart {
        Some(
            "it keeps sessions in this process, where a crash takes both; use it without the layer, or one in a database",
        )
    } else if guarantees.updates != Updates::NeverLost || !guarantees.writable {
        Some(
            "it does not refuse a write of a node that has lost the session; use a store that never loses updates",
        )
    } else if guarantees.revocation == Revocation::AtExpiry {
        Some("it does not tell that a session has ended; use a store that does")
    } else {
        None
    }
}

impl<S: SessionStore> fmt::Debug for WriteBehind<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBehind")
            .field("store", &self.0.store)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: SessionStore> StoreLayer for WriteBehind<S> {
    fn inner(&self) -> &dyn SessionStore {
        &self.0.store
    }

    fn guarantees(&self) -> Guarantees {
        let WriteBehindOptions { at_most, within, bridge, .. } = self.0.options;
        let inner = self.0.store.guarantees();
        let seen = Revocation::Within(within.saturating_add(bridge));
        let kept = Durability::Within(at_most.saturating_add(bridge));
        // The store is asked for an answer as of now, so what it declares does not add to this.
        inner.name(NAME).revocation(seen).durability(kept)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        match StoreLayer::load_now(self, presented, cx.now) {
            Some(loaded) if cx.freshness == Freshness::Guaranteed => loaded,
            _ => self.0.load(presented, cx).await,
        }
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        self.0.open(&ReferenceToken::parse(presented.bytes())?, now).map(Ok)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.0.create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match self.0.replace_here(record, expected, cx.now) {
            Some(answer) => Ok(self.0.with_token(answer, record)),
            None => self.0.replace(record, expected, cx).await,
        }
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        match self.0.touch_here(record, cx.now) {
            Some(answer) => Ok(answer),
            None => self.0.touch(record, expected, cx).await,
        }
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.0.end(end, cx).await
    }

    /// A search as of [now](Freshness::Now) asks the store; what waits here and stands on its answer is the answer.
    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.0.find(id, cx).await
    }

    /// Saves all changes that wait. From now on none waits.
    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        self.0.drain(cx).await?;
        self.0.store.drain(cx).await
    }
}
