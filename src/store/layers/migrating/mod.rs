//! Moves sessions from any store to any other, while requests are served and nobody is logged out.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`MigratingStore`]: the options, and the trait's calls |
//! | `phase` | [`Phase`]: how far a migration has come |
//! | `progress` | [`Progress`]: the same in numbers |
//! | `pair` | the two stores, and what every combination of stores needs |
//! | `waiting` | whether a load may wait for a store |
//! | `records` | both stores keep records |
//! | `tokens` | the clients of both stores carry their sessions |
//! | `revocations` | all sessions of a subject end, in whichever store they are |
//! | `mixed` | one store keeps records, and the clients of the other carry their sessions |
//!
//! A session keeps its ID for its whole life, in whichever store it is. The layer knows the trait and no particular store. What it
//! leaves in the stores are ordinary records, each with a [state of migration](crate::record), and tokens open only resident ones
//! ([`authenticate`](crate::store::authenticate)).
//!
//! # Two stores that keep records
//! Under an ID each store has nothing, the session (*resident*), a copy of a session that is moving there (*arriving*), a mark of
//! one that has moved away (*departed*), or a tombstone. **A session is at the side where it is resident, or where it is arriving
//! while it has departed from the other side.**
//!
//! | step | by | changes where the session is |
//! | --- | --- | --- |
//! | 1. in the new store: a mark, then a copy in its place; or the copy in place of an old mark or copy | create, compare-and-swap | no |
//! | 2. in the old store: a mark in place of the session | compare-and-swap on the state that was copied | yes, at this moment |
//! | 3. in the new store: the session, with the change at hand, in place of the copy | compare-and-swap | no |
//!
//! 1. *The session is at no more than one side.* A copy is only put where the session is not, while it is resident at the old
//!    side, so step 1 changes nothing. Step 2 takes the session from one side and by the same swap gives it to the other. Nothing
//!    else makes a record resident where the session was not, except a creation under a fresh ID.
//! 2. *The copy that step 2 confirms is the state it replaces.* Say step 2 replaces state v, and the copy of v was put at time t₁.
//!    A server that overwrites this copy before step 2 has seen it first, after t₁, and has then read another state w at the old
//!    side. But the old side has held v from before t₁ until step 2, because no version occurs twice. So no server overwrites it.
//! 3. *No update is lost.* Each update is a swap at the side where the session is. One that comes between the copy and step 2
//!    makes step 2 fail. One that comes later finds the mark; it is answered with what is in the new store and replayed there.
//! 4. *A crash between any two steps* leaves the session where it is. After step 2 the copy counts as long as the mark is stored,
//!    which is as long as the copy may live. The next server that finds it, reading or writing, completes step 3.
//! 5. *A server that looks at one side and then at the other* may see a session at neither, because it moved in between. Then one
//!    of them shows a mark or a copy, and the server looks at both again. One side may also show a copy that a crash has left, and
//!    the other the mark of a later move. But a mark names the state that it replaced, and confirms no copy of another state.
//! 6. *The way back meets marks, not tombstones.* A mark is a record, so a copy can take its place by a swap. Tombstones belong to
//!    sessions that were ended; they are at both sides and stay there.
//!
//! The record moves with its secret, or the hash of it, so the client's token stays valid.
//!
//! # One store of each sort
//! Self-contained tokens cannot be compared with each other. So the store with the records decides: a self-contained token counts
//! if that store knows nothing of the session, or knows that it has departed.
//!
//! *Into the records:* the first write creates the record under the session's ID, with a secret drawn for it, and gives the client
//! a reference token. Of two requests with one self-contained token one creates the record. The other finds the ID taken, and its
//! changes are replayed there: it is one session. From then on the self-contained token is only a credential: it opens the record
//! as long as the same login lasts. A client that presents it for more than a minute has not received its reference token, and is
//! given another one.
//!
//! *Into tokens:* a write swaps the record for a departed one, and gives the client its new token. The record stays open for
//! requests with the old token that are under way, and for a client that never receives the new one. From then on the client's
//! token counts. A session that comes back takes the record's place by a swap.
//!
//! *A logout* leaves a tombstone in the store with the records, and the tombstone decides: the client's token opens nothing as
//! long as a server asks there. The tombstone lasts as long as any token may live
//! ([`tokens_live_at_most`](MigratingStore::tokens_live_at_most)), because a token that was issued earlier may live longer than the
//! session's last state.

mod mixed;
mod pair;
mod phase;
mod progress;
mod records;
mod revocations;
mod tokens;
mod waiting;

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use self::{
    mixed::Mixed,
    pair::{Combination, Pair, Side},
    records::Records,
    tokens::Tokens,
    waiting::{Waiting, at_once},
};
pub use self::{phase::Phase, progress::Progress};
use crate::store::{
    ChangeListener, Created, End, Ended, Found, Guarantees, Index, Loaded, PresentedToken, ReferenceToken,
    Replaced, Revocations, SessionIndex, SessionInfo, SessionStore, StoreContext, Touched,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::{KeyId, SessionId},
    random::Random,
    record::{Record, Version},
    time::Timestamp,
};

/// Moves sessions from one store to another while requests are served.
///
/// Nobody is logged out. Where both stores guarantee that no update is lost, none is.
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
/// # The way there
/// Bring all servers to [`Phase::Prepare`], then all to [`Phase::Move`]. When no server
/// [reads from the old store](Progress::read_from_old) any more, or the longest session has ended, bring them to
/// [`Phase::Finish`], and then remove the layer. Servers in neighbouring phases may serve at the same time. Others may not: a
/// server that knows nothing of the new store does not find the sessions that have moved there.
///
/// Sessions move one by one, each when it is next written, or already when it is read ([`when_read`](Self::when_read)). They
/// keep their ID. Between stores that keep records clients keep their tokens too; otherwise they get new ones.
///
/// # The way back
/// It is the same with the two stores swapped: after `Move` from A to B comes `Prepare` from B to A, then `Move` from B to A, then
/// `Finish`. Sessions that have moved come back in the same way.
///
/// # Guarantees
/// Of each [guarantee](Guarantees) the weaker one of the two stores; in `Finish` those of the new store. The tokens of new sessions
/// are those of the store in which they begin. An outage of either store is an error unless the other store has the answer. A
/// logout is confirmed once both stores have ended the session.
///
/// Between a store that keeps records and one whose clients carry their sessions, every request with a self-contained token asks
/// the store with the records as well. That makes a logout count at once, although no more is declared than that the token is
/// refused once it has expired.
///
/// A session that is too large for the new store stays in the old one, and can be changed there as long as it does not grow.
#[derive(Debug, Clone)]
pub struct MigratingStore(Pair);

impl MigratingStore {
    /// A store of the sessions in `old` and `new`, in a phase of the migration from one to the other.
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

    /// The longest life of a self-contained token. Default: 30 days, like that of
    /// [`SessionManager::remember_at_most`](crate::SessionManager::remember_at_most).
    ///
    /// Where one of the two stores has such tokens, the tombstones of logouts last as long.
    #[must_use]
    pub fn tokens_live_at_most(mut self, lifetime: Duration) -> Self {
        self.0.longest = lifetime;
        self
    }

    /// The source of secrets. Default: the system's cryptographic generator.
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

    /// Moves a session between stores that keep records, as it is. Whether it has left the old store, moved or ended by whichever
    /// server. It stays where it is if the new store has no room for it.
    pub(super) async fn move_session(&self, id: &SessionId, cx: StoreContext) -> Result<bool, StoreError> {
        Records(&self.0).move_session(id, cx).await
    }

    fn strategy(&self) -> Strategy<'_> {
        match self.0.combination {
            Combination::Records => Strategy::Records(Records(&self.0)),
            Combination::Tokens => Strategy::Tokens(Tokens(&self.0)),
            Combination::Mixed { .. } if self.0.phase == Phase::Finish => Strategy::New(self.0.at(Side::New)),
            Combination::Mixed { records } => Strategy::Mixed(Mixed { pair: &self.0, records }),
        }
    }

    async fn load_waiting(
        &self,
        presented: PresentedToken<'_>,
        waiting: Waiting,
    ) -> Result<Loaded, StoreError> {
        match self.strategy() {
            Strategy::Records(records) => records.load(presented, waiting).await,
            Strategy::Tokens(tokens) => tokens.load(presented, waiting).await,
            Strategy::Mixed(mixed) => mixed.load(presented, waiting).await,
            Strategy::New(_) => self.0.load(Side::New, presented, waiting).await,
        }
    }

    /// Refuses data that are larger than the guarantees allow, unless the session has been as large before.
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

/// How the sessions of a pair are read and written.
enum Strategy<'a> {
    Records(Records<'a>),
    Tokens(Tokens<'a>),
    Mixed(Mixed<'a>),
    /// Only by the new store.
    New(&'a dyn SessionStore),
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SessionStore for MigratingStore {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    /// Whether one of the stores that are read does.
    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.0.recognising(presented).next().is_some()
    }

    fn key_of(&self, presented: PresentedToken<'_>) -> Option<KeyId> {
        self.0.recognising(presented).find_map(|side| self.0.at(side).key_of(presented))
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.load_waiting(presented, Waiting::Until(cx)).await
    }

    /// Answers if the stores that are asked do. It does not for a session that is moving, nor for a self-contained token while the
    /// other store keeps records.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        at_once(self.load_waiting(presented, Waiting::Never(now)))
    }

    fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        self.0.reference_token(presented)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.check_size(record, true, cx).await?;
        match self.strategy() {
            Strategy::Records(records) => records.create(record, cx).await,
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
        match self.strategy() {
            Strategy::Records(records) => records.replace(record, expected, cx).await,
            Strategy::Tokens(tokens) => tokens.replace(record, expected, cx).await,
            Strategy::Mixed(mixed) => mixed.replace(record, expected, cx).await,
            Strategy::New(new) => new.replace(record, expected, cx).await,
        }
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.0.end(end, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        match self.strategy() {
            Strategy::Records(records) => records.touch(record, expected, cx).await,
            Strategy::Tokens(tokens) => tokens.touch(record, expected, cx).await,
            Strategy::Mixed(mixed) => mixed.touch(record, expected, cx).await,
            Strategy::New(new) => new.touch(record, expected, cx).await,
        }
    }

    /// While sessions begin in a store that keeps records, its sessions are found, and those that clients carry are not.
    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        match self.strategy() {
            Strategy::Records(records) => records.find(id, cx).await,
            Strategy::Tokens(_) => Err(StoreError::unsupported("look a session up by its ID")),
            Strategy::Mixed(mixed) => mixed.find(id, cx).await,
            Strategy::New(new) => new.find(id, cx).await,
        }
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        (self.guarantees().index != Index::None).then_some(self)
    }

    fn revocations(&self) -> Option<&dyn Revocations> {
        self.has_revocations().then_some(self)
    }

    /// Sessions change in two stores, so neither announces all changes.
    fn announce_to(&self, _: Arc<dyn ChangeListener>) -> bool {
        false
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
        let (mut sessions, mut moving) = (HashMap::new(), HashSet::new());
        for &side in self.0.read_sides() {
            let Some(index) = self.0.at(side).index() else { continue };
            for listed in index.list(subject, cx).await? {
                if listed.is_resident() {
                    sessions.insert(listed.id(), listed);
                } else {
                    moving.insert(listed.id());
                }
            }
        }
        // Of these only a copy or a mark was seen: they are moving now, or their move has stopped half way.
        moving.retain(|id| !sessions.contains_key(id));
        for id in moving {
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
