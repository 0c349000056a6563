//! The two stores of a migration, and what every combination of stores needs.

use std::{future::pending, sync::Arc, time::Duration};

use super::{
    Phase,
    progress::{Event, Tally},
    waiting::Waiting,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::{SessionId, WriteId},
    random::{self, Random, SystemRandom, WriteIds},
    record::{MigrationState, Record},
    secret::Secret,
    store::{
        Absence, Created, End, Ended, Found, Guarantees, Loaded, PresentedToken, ReferenceToken,
        SessionStore, StoreContext,
    },
};

/// How much later than a logout a token may still be issued: by a request under way, and by another server's clock.
const LATEST_ISSUE: Duration = Duration::from_secs(120);

/// The two stores, and the rules between them.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) old: Arc<dyn SessionStore>,
    pub(super) new: Arc<dyn SessionStore>,
    pub(super) phase: Phase,
    pub(super) combination: Combination,
    /// Whether a session moves already when it is read.
    pub(super) when_read: bool,
    /// How long a self-contained token may live.
    pub(super) longest: Duration,
    pub(super) random: Arc<dyn Random>,
    pub(super) tally: Arc<Tally>,
    limits: [Option<usize>; 2],
    writes: WriteIds,
}

/// Which of the two stores keep records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Combination {
    /// Both do.
    Records,
    /// Neither does: the clients of both carry their sessions.
    Tokens,
    /// This side does, and the clients of the other carry their sessions.
    Mixed { records: Side },
}

/// One of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

/// What a store that keeps records has under an ID.
#[derive(Debug)]
pub(super) enum Presence {
    /// The session.
    Resident(Record),
    /// A copy of the session, which is moving here.
    Arriving(Record),
    /// The mark of a session that has moved away, or the last state of one that its client carries now.
    Departed(Record),
    /// No live record, for this reason.
    Absent(Absence),
}

impl Presence {
    fn of(found: Found) -> Self {
        match found {
            Found::Absent(absence) => Self::Absent(absence),
            Found::Live(record) => match record.migration_state() {
                MigrationState::Resident => Self::Resident(record),
                MigrationState::Arriving => Self::Arriving(record),
                MigrationState::Departed => Self::Departed(record),
            },
        }
    }

    /// Why the session is not here.
    pub(super) const fn absence(&self) -> Absence {
        match self {
            Self::Absent(absence) => *absence,
            // What is left of a session that has expired at the other side.
            Self::Resident(_) | Self::Arriving(_) | Self::Departed(_) => Absence::Expired,
        }
    }
}

impl Pair {
    pub(super) fn new(old: Arc<dyn SessionStore>, new: Arc<dyn SessionStore>, phase: Phase) -> Self {
        let [of_old, of_new] = [old.guarantees(), new.guarantees()];
        let combination = match [of_old, of_new].map(|guarantees| guarantees.keeps_records) {
            [true, true] => Combination::Records,
            [false, false] => Combination::Tokens,
            [true, false] => Combination::Mixed { records: Side::Old },
            [false, true] => Combination::Mixed { records: Side::New },
        };
        Self {
            old,
            new,
            phase,
            combination,
            when_read: false,
            longest: Duration::from_secs(30 * 86_400),
            random: Arc::new(SystemRandom::new()),
            tally: Arc::default(),
            limits: [of_old.max_data, of_new.max_data],
            writes: WriteIds::default(),
        }
    }

    pub(super) fn at(&self, side: Side) -> &dyn SessionStore {
        match side {
            Side::Old => &*self.old,
            Side::New => &*self.new,
        }
    }

    pub(super) const fn keeps_records(&self, side: Side) -> bool {
        match self.combination {
            Combination::Records => true,
            Combination::Tokens => false,
            Combination::Mixed { records } => records as usize == side as usize,
        }
    }

    /// The side where sessions begin.
    pub(super) const fn home(&self) -> Side {
        match self.phase {
            Phase::Prepare => Side::Old,
            Phase::Move | Phase::Finish => Side::New,
        }
    }

    /// Whether a session that is still in the old store is to be written when it is read.
    pub(super) fn moves_when_read(&self) -> bool {
        self.when_read && self.phase == Phase::Move
    }

    /// The sides that are read.
    pub(super) fn read_sides(&self) -> &'static [Side] {
        if self.phase == Phase::Finish { &[Side::New] } else { &[Side::New, Side::Old] }
    }

    pub(super) fn guarantees(&self) -> Guarantees {
        let (home, other) = (self.at(self.home()), self.at(self.home().other()));
        let guarantees = match self.phase {
            Phase::Finish => home.guarantees(),
            _ => home.guarantees().meet(&other.guarantees()),
        };
        guarantees.name("migrating")
    }

    /// The sides whose tokens have the form of this one.
    pub(super) fn recognising(&self, presented: PresentedToken<'_>) -> impl Iterator<Item = Side> {
        self.read_sides().iter().copied().filter(move |side| self.at(*side).recognises(presented))
    }

    /// The reference in what was presented, by the first side whose tokens have its form.
    pub(super) fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        self.recognising(presented).find_map(|side| self.at(side).reference_token(presented))
    }

    /// Whether the session's data are within what a side stores.
    pub(super) fn fits(&self, side: Side, record: &Record) -> bool {
        self.limits[side as usize].is_none_or(|limit| record.data().len() <= limit)
    }

    pub(super) fn write_id(&self) -> Result<WriteId, StoreError> {
        self.writes.next(&*self.random).map_err(no_randomness)
    }

    pub(super) fn secret(&self) -> Result<Secret, StoreError> {
        random::secret(&*self.random).map_err(no_randomness)
    }

    /// Loads from one side. Stays pending where that side would have to be waited for and must not be.
    pub(super) async fn load(
        &self,
        side: Side,
        presented: PresentedToken<'_>,
        waiting: Waiting,
    ) -> Result<Loaded, StoreError> {
        match waiting {
            Waiting::Until(cx) => self.at(side).load(presented, cx).await,
            Waiting::Never(now) => match self.at(side).load_now(presented, now) {
                Some(answer) => answer,
                None => pending().await,
            },
        }
    }

    /// What a side that keeps records has under an ID.
    pub(super) async fn find(
        &self,
        side: Side,
        id: &SessionId,
        cx: StoreContext,
    ) -> Result<Presence, StoreError> {
        self.at(side).find(id, cx).await.map(Presence::of)
    }

    /// Begins a session where sessions begin.
    pub(super) async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.at(self.home()).create(record, cx).await
    }

    /// Ends a session at both sides; it has ended once both have confirmed that.
    ///
    /// The new store comes first, because every server looks there first once sessions move.
    pub(super) async fn end(&self, mut end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        if let Combination::Mixed { .. } = self.combination {
            // A self-contained token may live longer than the session's latest state.
            end.until = end.until.max(cx.now + self.longest + LATEST_ISSUE);
        }
        let new = self.new.end(end, cx).await?;
        let old = self.old.end(end, cx).await?;
        self.tally.count(Event::EndedOnBoth);
        Ok(match (self.phase, new, old) {
            (Phase::Finish, new, _) => new,
            (_, Ended::ClientOnly, _) | (_, _, Ended::ClientOnly) => Ended::ClientOnly,
            // A session that only the new store knew is ended in the old one for the first time.
            (_, _, old) => old,
        })
    }

    /// Counts a load that found its session.
    pub(super) fn count_read(&self, side: Side) {
        self.tally.count(match side {
            Side::New => Event::ReadFromNew,
            Side::Old => Event::ReadFromOld,
        });
    }
}

/// The more specific of two reasons: the one from the store that knew more of the session.
pub(super) fn more_specific(one: Absence, other: Absence) -> Absence {
    let rank = |absence| match absence {
        Absence::Malformed => 0,
        Absence::Unknown => 1,
        Absence::UnknownKey => 2,
        Absence::Forged => 3,
        Absence::Migrated => 4,
        Absence::NotYetValid => 5,
        Absence::Expired => 6,
        Absence::Rotated { .. } => 7,
        Absence::Ended { .. } => 8,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// Whether an error says that a store has no room for a session, which then stays in the other store.
pub(super) fn is_no_room(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Full | StoreErrorKind::TooLarge { .. })
}

fn no_randomness(error: random::NoRandomness) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a session cannot move without randomness")
        .with_source(error)
}
