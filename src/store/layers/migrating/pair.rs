//! The two stores of a migration, and what all kinds of pairs need.

use std::{sync::Arc, time::Duration};

use super::{
    Phase,
    progress::{Event, Tally},
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::{SessionId, WriteId},
    random::{self, Random, SystemRandom, WriteIds},
    record::{MigrationState, Record},
    secret::Secret,
    store::{Absence, Created, Ended, Found, Guarantees, PresentedToken, SessionStore, StoreContext},
    time::Timestamp,
};

/// How much later than a log-out a token may still be issued: by a request under way, and by another server's clock.
const LATE: Duration = Duration::from_secs(120);

/// The two stores, and the rules between them.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) old: Arc<dyn SessionStore>,
    pub(super) new: Arc<dyn SessionStore>,
    pub(super) phase: Phase,
    pub(super) kind: Kind,
    /// Whether a session moves already when it is read.
    pub(super) when_read: bool,
    /// How long any token that its client carries may live.
    pub(super) longest: Duration,
    pub(super) random: Arc<dyn Random>,
    pub(super) tally: Arc<Tally>,
    limits: [Option<usize>; 2],
    writes: WriteIds,
}

/// What the two stores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Both keep records.
    Records,
    /// Clients of both carry their sessions.
    Tokens,
    /// One of each; this one keeps records.
    Mixed { records: Side },
}

/// One of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

impl Slot {
    fn of(record: Record) -> Self {
        match record.migration_state() {
            MigrationState::Resident => Self::Here(record),
            MigrationState::Arriving => Self::Arriving(record),
            MigrationState::Departed => Self::Left(record),
        }
    }
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

/// What stands under an ID in a store that keeps records.
#[derive(Debug)]
pub(super) enum Slot {
    /// The session.
    Here(Record),
    /// A copy on its way here.
    Arriving(Record),
    /// A mark, or what a client left behind.
    Left(Record),
    /// No record that lives.
    Nothing,
}

impl Pair {
    pub(super) fn new(old: Arc<dyn SessionStore>, new: Arc<dyn SessionStore>, phase: Phase) -> Self {
        let [of_old, of_new] = [old.guarantees(), new.guarantees()];
        let carried = [of_old, of_new].map(|guarantees| guarantees.token.is_self_contained());
        let kind = match carried {
            [false, false] => Kind::Records,
            [true, true] => Kind::Tokens,
            [false, true] => Kind::Mixed { records: Side::Old },
            [true, false] => Kind::Mixed { records: Side::New },
        };
        Self {
            old,
            new,
            phase,
            kind,
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
        match self.kind {
            Kind::Records => true,
            Kind::Tokens => false,
            Kind::Mixed { records } => records as usize == side as usize,
        }
    }

    /// Where sessions begin.
    pub(super) const fn home(&self) -> Side {
        match self.phase {
            Phase::Prepare => Side::Old,
            Phase::Move | Phase::Finish => Side::New,
        }
    }

    /// Whether a session that is still in the old store asks to be written when it is read.
    pub(super) fn moves_when_read(&self) -> bool {
        self.when_read && self.phase == Phase::Move
    }

    /// The stores that are read.
    pub(super) fn read(&self) -> &'static [Side] {
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
        self.read().iter().copied().filter(move |side| self.at(*side).recognises(presented))
    }

    /// Whether the session's data are within what a side keeps.
    pub(super) fn fits(&self, side: Side, record: &Record) -> bool {
        self.limits[side as usize].is_none_or(|limit| record.data().len() <= limit)
    }

    pub(super) fn write_id(&self) -> Result<WriteId, StoreError> {
        self.writes.next(&*self.random).map_err(no_randomness)
    }

    pub(super) fn secret(&self) -> Result<Secret, StoreError> {
        random::secret(&*self.random).map_err(no_randomness)
    }

    /// Begins a session where sessions begin.
    pub(super) async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.at(self.home()).create(record, cx).await
    }

    /// Ends a session on both sides. Only if both have confirmed that, it is done.
    ///
    /// The new store comes first: it is where everybody looks first once sessions move.
    pub(super) async fn end(
        &self,
        id: &SessionId,
        until: Timestamp,
        cx: StoreContext,
    ) -> Result<Ended, StoreError> {
        let until = match self.kind {
            // What a client carries may live longer than the session's latest state.
            Kind::Mixed { .. } => until.max(cx.now + self.longest + LATE),
            Kind::Records | Kind::Tokens => until,
        };
        let new = self.new.end(id, until, cx).await?;
        let old = self.old.end(id, until, cx).await?;
        self.tally.count(Event::EndedOnBoth);
        Ok(match (self.phase, new, old) {
            (Phase::Finish, new, _) => new,
            (_, Ended::ClientOnly, _) | (_, _, Ended::ClientOnly) => Ended::ClientOnly,
            // A session that the other side had never heard of is ended there for the first time.
            (_, _, old) => old,
        })
    }

    /// What stands under an ID, at a side that keeps records.
    pub(super) async fn slot(
        &self,
        side: Side,
        id: &SessionId,
        cx: StoreContext,
    ) -> Result<Slot, StoreError> {
        Ok(self.at(side).find(id, cx).await?.live().map_or(Slot::Nothing, Slot::of))
    }

    /// Why no live record is found under an ID.
    pub(super) async fn fate(
        &self,
        side: Side,
        id: &SessionId,
        cx: StoreContext,
    ) -> Result<Absence, StoreError> {
        Ok(match self.at(side).find(id, cx).await? {
            Found::Absent(absence) => absence,
            // A copy or a mark, whose session is elsewhere.
            Found::Live(_) => Absence::Expired,
        })
    }

    /// Counts a load that found its session.
    pub(super) fn found(&self, side: Side) {
        self.tally.count(match side {
            Side::New => Event::ReadFromNew,
            Side::Old => Event::ReadFromOld,
        });
    }
}

/// Of two reasons the one that says more.
pub(super) fn telling(one: Absence, other: Absence) -> Absence {
    let weight = |absence| match absence {
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
    if weight(other) > weight(one) { other } else { one }
}

/// Whether a session may stay where it is because there is no room for it at the other side.
pub(super) fn is_no_room(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Full | StoreErrorKind::TooLarge { .. })
}

fn no_randomness(error: random::NoRandomness) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a session cannot move without randomness")
        .with_source(error)
}
