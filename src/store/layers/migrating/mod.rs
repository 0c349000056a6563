//! From any store to any other, while requests are served and nobody is logged out.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`MigratingStore`]: the options, and the trait's calls |
//! | `draining` | [`DrainingStore`]: a migration that a server does by itself before it ends |
//! | `phase` | [`Phase`]: how far a migration has come |
//! | `progress` | [`Progress`]: the same in numbers |
//! | `pair` | the two stores, and what all kinds of pairs need |
//! | `weaker` | what two stores promise together |
//! | `records` | pairs that both keep records |
//! | `tokens` | pairs whose clients both carry their sessions |
//! | `mixed` | one of each |
//!
//! A session keeps its ID for its whole life, wherever it is. The wrapper knows the trait and no store; what it leaves in
//! the stores are records like any other ([`passage`](crate::record)), which no token opens there ([`authenticate`](crate::store::authenticate)).
//!
//! # Two stores that keep records
//! Under one ID each store holds nothing, the session (*here*), a copy on its way (*arriving*), a mark (*left*), or a
//! tombstone. **A session is at the side where it is here, or where it is arriving and has left the other.**
//!
//! | step | by | changes where the session is |
//! | --- | --- | --- |
//! | 1. in the new store: a mark, then a copy in its place; or the copy in place of an old mark or copy | create, compare-and-swap | no |
//! | 2. in the old store: a mark in place of the session | compare-and-swap on the state that was copied | yes, at this moment |
//! | 3. in the new store: the session, with the change at hand, in place of the copy | compare-and-swap | no |
//!
//! 1. *The session is at one side at the most.* A copy is only put where the session is not, while it is here at the old
//!    side, so step 1 changes nothing. Step 2 takes it from the one and by the same swap gives it to the other. Nothing else
//!    writes *here* where it was not, except a creation under a fresh ID.
//! 2. *The copy that step 2 confirms is the state it replaces.* Say step 2 replaces state v, and the copy of v was put at t₁.
//!    Who overwrites that copy before has seen it first, after t₁, and then read another state w at the old side. But that
//!    side has had v from before t₁ until step 2, for no version comes twice. So nobody overwrites it.
//! 3. *No update is lost.* Each is a swap at the side where the session is. One that comes between the copy and step 2 makes
//!    step 2 fail; one that comes after finds the mark, and is answered with what is in the new store, to be replayed there.
//! 4. *A crash between any two steps* leaves the session where it is. Between 2 and 3 the copy speaks as long as the mark
//!    stands, which is as long as the copy may live; whoever finds it next, reading or writing, lets it arrive.
//! 5. *Who looks at one side, then at the other,* may see a session at neither because it moved in between. Then one of them
//!    shows a mark or a copy, and both are looked at again. Or the one shows a copy that a crash has left, the other the mark
//!    of a later move; but a mark names the state that it replaced, and confirms no copy of another.
//! 6. *The way back meets marks, not tombstones.* A mark is a record, so a copy can take its place by a swap. Tombstones are
//!    of sessions that were ended; they stand on both sides and stay.
//!
//! The record moves with its secret, or its hash, so the client's token stays good.
//!
//! # One of each
//! What clients carry cannot be compared. So the store with the records has the last word about a session: a token that
//! carries one counts if that store knows nothing of it, or that it has left.
//!
//! *Into the records:* the first write creates the record under the session's ID, with a secret that is drawn for it, and
//! tells the client its reference token. Of two requests with one token one creates; the other finds the ID taken, and its
//! log is replayed there: one session. What clients still carry of it from then on is no more than a credential of theirs:
//! it opens the record as long as the same login lasts. A client that comes with it for more than a minute has not got its
//! reference token, and is told another.
//!
//! *Into tokens:* a write swaps the record for one that has left, and tells the client its new token. The record stays open
//! for requests with the old token that are on their way, and for a client that never gets the new one. What clients carry
//! counts more from then on, so coming back they take the record's place by a swap.
//!
//! *Log-outs* leave a tombstone in the store with the records, and it has the last word: whatever the client carries is
//! dead as long as somebody asks there. The tombstone lasts as long as any token may live
//! ([`tokens_live_at_most`](MigratingStore::tokens_live_at_most)), because one that was issued earlier may live longer than
//! the session's last state.

mod mixed;
mod pair;
mod phase;
mod progress;
mod records;
mod tokens;

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use self::{
    mixed::Mixed,
    pair::{Kind, Pair, Side},
    records::Records,
    tokens::Tokens,
};
pub use self::{phase::Phase, progress::Progress};
use crate::store::{
    Created, Ended, Found, Guarantees, Index, Loaded, PresentedToken, Replaced, SessionIndex, SessionInfo,
    SessionStore, StoreContext, Touched,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    random::Random,
    record::{Record, Version},
    time::Timestamp,
};

/// Moves sessions from one store to another while requests are served: nobody is logged out, and where both stores
/// promise that no update is lost, none is.
///
/// ```
/// use cloakroom::{SessionManager, store::{MemoryStore, MigratingStore, Phase}};
///
/// let (old, new) = (MemoryStore::new(), MemoryStore::new()); // any two stores
/// let store = MigratingStore::new(old, new, Phase::Prepare);
/// let sessions = SessionManager::new(store.clone());
/// assert_eq!(store.progress().read_from_old, 0);
/// ```
///
/// # The way
/// Change all servers to [`Phase::Prepare`], then all to [`Phase::Move`], and when no server
/// [reads from the old store](Progress::read_from_old) any more, or the longest session is over, to [`Phase::Finish`];
/// then take the wrapper away. Servers of neighbouring phases may serve at the same time. Two that are not neighbours
/// may not: an old server that knows nothing of the new store does not find what has moved there.
///
/// Sessions move one by one, each when it is next written, or already when it is read ([`when_read`](Self::when_read)). They
/// keep their ID. Between stores that keep records clients keep their token too; otherwise they get a new one.
///
/// # The way back
/// is the same way with the two stores swapped: from `Move` from A to B to `Prepare` from B to A, then `Move` from B to A, then
/// `Finish`. Sessions that have moved come back as they went.
///
/// # What it promises
/// Field by field no more than the weaker of the two stores; in `Finish` what the new one does. New sessions' tokens are those
/// of the store in which they begin. An outage of either store is an error wherever the other has not the answer, and a
/// log-out is confirmed when both have ended the session.
///
/// Between a store that keeps records and one whose clients carry their sessions, every request that presents such a token
/// asks the store with the records too. That is what makes a log-out count at once, though no more is declared than that the
/// token dies when it expires.
///
/// A session that is too large for the new store stays in the old one, and can be changed there as long as it does not grow.
#[derive(Debug, Clone)]
pub struct MigratingStore(Pair);

impl MigratingStore {
    /// A store of the sessions in `old` and `new`, in a phase of the way from the one to the other.
    #[must_use]
    pub fn new(old: impl SessionStore, new: impl SessionStore, phase: Phase) -> Self {
        Self(Pair::new(Arc::new(old), Arc::new(new), phase))
    }

    /// In the phase [`Move`](Phase::Move), moves sessions already when they are read, and not only when they are written.
    #[must_use]
    pub fn when_read(mut self) -> Self {
        self.0.when_read = true;
        self
    }

    /// How long any token lives whose client carries its session; 30 days by default, which is the longest that
    /// [`SessionManager::remember_at_most`](crate::SessionManager::remember_at_most) allows unless it is told otherwise.
    ///
    /// The tombstones of log-outs last as long, where one of the two stores has such tokens.
    #[must_use]
    pub fn tokens_live_at_most(mut self, lifetime: Duration) -> Self {
        self.0.longest = lifetime;
        self
    }

    /// What secrets are drawn from. Default: the system's cryptographic generator.
    #[must_use]
    pub fn random(mut self, random: impl Random) -> Self {
        self.0.random = Arc::new(random);
        self
    }

    /// What this store and its clones have done so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.0.tally.progress()
    }

    /// Moves a session between stores that keep records, as it is. Whether it is not in the old store any more, whoever has
    /// moved or ended it; it stays where it is if there is no room for it.
    pub(super) async fn move_session(&self, id: &SessionId, cx: StoreContext) -> Result<bool, StoreError> {
        Records(&self.0).move_session(id, cx).await
    }

    fn way(&self) -> Way<'_> {
        match self.0.kind {
            Kind::Records => Way::Records(Records(&self.0)),
            Kind::Tokens => Way::Tokens(Tokens(&self.0)),
            Kind::Mixed { .. } if self.0.phase == Phase::Finish => Way::New(self.0.at(Side::New)),
            Kind::Mixed { records } => Way::Mixed(Mixed { pair: &self.0, records }),
        }
    }

    /// Refuses what the guarantees say is too large, unless the session has been as large before.
    async fn check_size(&self, next: &Record, grown: bool, cx: StoreContext) -> Result<(), StoreError> {
        let (size, Some(limit)) = (next.data().len(), self.guarantees().max_data) else { return Ok(()) };
        if size <= limit || (!grown && self.was_as_large(next, cx).await?) {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::TooLarge { size, limit },
            format!(
                "the session holds {size} bytes, but one of the two stores it moves between takes at most {limit}"
            ),
        ))
    }

    async fn was_as_large(&self, next: &Record, cx: StoreContext) -> Result<bool, StoreError> {
        for side in [Side::New, Side::Old] {
            if self.0.keeps_records(side)
                && let Found::Live(stored) = self.0.at(side).find(&next.id(), cx).await?
                && stored.data().len() >= next.data().len()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// How a pair is handled.
enum Way<'a> {
    Records(Records<'a>),
    Tokens(Tokens<'a>),
    Mixed(Mixed<'a>),
    /// The old store counts no more.
    New(&'a dyn SessionStore),
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SessionStore for MigratingStore {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    /// Whether either store, as far as it is read, does.
    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.0.recognising(presented).next().is_some()
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        match self.way() {
            Way::Records(way) => way.load(presented, cx).await,
            Way::Tokens(way) => way.load(presented, cx).await,
            Way::Mixed(way) => way.load(presented, cx).await,
            Way::New(new) => new.load(presented, cx).await,
        }
    }

    /// Answers where both stores do, unless the session is on its way.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        match self.way() {
            Way::Records(way) => way.load_now(presented, now),
            Way::Tokens(way) => way.load_now(presented, now),
            Way::Mixed(_) => None,
            Way::New(new) => new.load_now(presented, now),
        }
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.check_size(record, true, cx).await?;
        match self.way() {
            Way::Records(way) => way.create(record, cx).await,
            _ => self.0.create(record, cx).await,
        }
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.check_size(record, false, cx).await?;
        match self.way() {
            Way::Records(way) => way.replace(record, expected, cx).await,
            Way::Tokens(way) => way.replace(record, expected, cx).await,
            Way::Mixed(way) => way.replace(record, expected, cx).await,
            Way::New(new) => new.replace(record, expected, cx).await,
        }
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        self.0.end(id, until, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        match self.way() {
            Way::Records(way) => way.touch(record, expected, cx).await,
            Way::Tokens(way) => way.touch(record, expected, cx).await,
            Way::Mixed(way) => way.touch(record, expected, cx).await,
            Way::New(new) => new.touch(record, expected, cx).await,
        }
    }

    /// While new sessions begin with records, those are found; what clients carry is not.
    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        match self.way() {
            Way::Records(way) => way.find(id, cx).await,
            Way::Tokens(_) => Err(StoreError::unsupported("look a session up by its ID")),
            Way::Mixed(way) => way.find(id, cx).await,
            Way::New(new) => new.find(id, cx).await,
        }
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        (self.guarantees().index != Index::None).then_some(self)
    }

    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        self.0.at(Side::Old).drain(cx).await?;
        self.0.at(Side::New).drain(cx).await
    }
}

/// The sessions of both stores, each once.
#[async_trait]
impl SessionIndex for MigratingStore {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let (mut sessions, mut on_their_way) = (HashMap::new(), HashSet::new());
        for &side in self.0.read() {
            let Some(index) = self.0.at(side).index() else { continue };
            for listed in index.list(subject, cx).await? {
                if listed.is_resident() {
                    sessions.insert(listed.id(), listed);
                } else {
                    on_their_way.insert(listed.id());
                }
            }
        }
        // Of these only a copy or a mark was seen: they move just now, or were left half way.
        on_their_way.retain(|id| !sessions.contains_key(id));
        for id in on_their_way {
            let found = Records(&self.0).find(&id, cx).await?.live();
            if let Some(record) = found.filter(|record| record.subject() == Some(subject)) {
                sessions.insert(id, SessionInfo::of(&record));
            }
        }
        let mut sessions: Vec<_> = sessions.into_values().collect();
        sessions.sort_by_key(|session| Reverse(session.created_at()));
        Ok(sessions)
    }
}
