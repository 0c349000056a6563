//! Both stores keep records: a session is in one of them, and all servers agree in which.
//!
//! The proof is in the documentation of the [module](super).

use super::{
    Phase,
    pair::{Pair, Presence, Side, is_no_room, more_specific},
    progress::Event,
    waiting::Waiting,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, Created, EndedBy, Found, Loaded, PresentedToken, Replaced, SessionStore, StoreContext,
        Touched, Upkeep, authenticate,
    },
};

/// How often a session that has moved meanwhile is looked for again. It moves in one direction at a time, so the second look
/// finds it.
const LOOKS: usize = 4;

/// A pair whose stores both keep records.
pub(super) struct Records<'a>(pub(super) &'a Pair);

/// Where a session is.
struct Location {
    side: Side,
    record: Record,
    /// Whether this record alone shows that it is here, and not only together with the mark at the other side.
    settled: bool,
    /// What was at the other side before that, if it was looked at.
    other: Presence,
}

impl Location {
    fn settled(side: Side, record: Record, other: Presence) -> Self {
        Self { side, record, settled: true, other }
    }

    /// The place of a copy that a mark at the other side confirms.
    fn confirmed(side: Side, copy: Record, mark: Record) -> Self {
        Self { side, record: copy.into_resident(), settled: false, other: Presence::Departed(mark) }
    }
}

/// Reading.
impl Records<'_> {
    pub(super) async fn load(
        &self,
        presented: PresentedToken<'_>,
        waiting: Waiting,
    ) -> Result<Loaded, StoreError> {
        let mut known = Absence::Malformed;
        for &side in self.order() {
            match self.0.load(side, presented, waiting).await? {
                // Only both sides together show where the session is.
                Loaded::Absent(Absence::Migrated) => {
                    return self.load_located(presented, waiting.context().await).await;
                }
                // The other side may know more: what has expired here may be a mark.
                Loaded::Absent(absence @ (Absence::Malformed | Absence::Unknown | Absence::Expired)) => {
                    known = more_specific(known, absence);
                }
                answer => return Ok(self.loaded_from(side, answer)),
            }
        }
        Ok(Loaded::Absent(known))
    }

    pub(super) async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        Ok(self.locate(id, cx).await?.map_or_else(Found::Absent, |location| Found::Live(location.record)))
    }

    /// The sides that are read, first the one where most sessions are.
    fn order(&self) -> &'static [Side] {
        match self.0.phase {
            Phase::Prepare => &[Side::Old, Side::New],
            Phase::Move => &[Side::New, Side::Old],
            Phase::Finish => &[Side::New],
        }
    }

    fn loaded_from(&self, side: Side, answer: Loaded) -> Loaded {
        let Loaded::Live { record, upkeep } = answer else { return answer };
        self.0.count_read(side);
        let moves = self.moves_from(side) && self.0.moves_when_read();
        Loaded::Live { record, upkeep: upkeep.max(Upkeep::reissue_if(moves)) }
    }

    fn moves_from(&self, side: Side) -> bool {
        side == Side::Old && self.0.phase == Phase::Move
    }

    async fn load_located(
        &self,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let Some(token) = self.0.reference_token(presented) else {
            return Ok(Loaded::Absent(Absence::Malformed));
        };
        let location = match self.locate(&token.id(), cx).await? {
            Ok(location) => location,
            Err(absence) => return Ok(Loaded::Absent(absence)),
        };
        let opened = authenticate(&location.record, &token, cx.now);
        Ok(match self.loaded_from(location.side, opened) {
            // A move that has stopped half way is completed by a write. Without it a session that is only read would never settle.
            Loaded::Live { record, upkeep } => {
                Loaded::Live { record, upkeep: upkeep.max(Upkeep::reissue_if(!location.settled)) }
            }
            absent => absent,
        })
    }

    /// Where the session is, or why it is nowhere. Where sessions move, the new store is looked at before the old one.
    ///
    /// The sides are not looked at at the same moment. If what they show together cannot be, the session has moved in
    /// between and is looked for again.
    async fn locate(
        &self,
        id: &SessionId,
        cx: StoreContext,
    ) -> Result<Result<Location, Absence>, StoreError> {
        let first = self.order()[0];
        let mut known = Absence::Unknown;
        for _ in 0..LOOKS {
            let one = match self.0.find(first, id, cx).await? {
                Presence::Resident(record) => {
                    let other = Presence::Absent(Absence::Unknown);
                    return Ok(Ok(Location::settled(first, record, other)));
                }
                Presence::Absent(absence) if self.0.phase == Phase::Finish => return Ok(Err(absence)),
                one => one,
            };
            match (one, self.0.find(first.other(), id, cx).await?) {
                (one, Presence::Resident(record)) => {
                    return Ok(Ok(Location::settled(first.other(), record, one)));
                }
                (Presence::Arriving(copy), Presence::Departed(mark)) if copy.is_confirmed_by(&mark) => {
                    return Ok(Ok(Location::confirmed(first, copy, mark)));
                }
                (Presence::Departed(mark), Presence::Arriving(copy)) if copy.is_confirmed_by(&mark) => {
                    return Ok(Ok(Location::confirmed(first.other(), copy, mark)));
                }
                (Presence::Absent(one), Presence::Absent(other)) => {
                    return Ok(Err(more_specific(one, other)));
                }
                // The session was still at the other side when this one was looked at. If it is not moving now, this is what a
                // move that stopped half way has left, or a session that has expired.
                (one, other) => known = more_specific(one.absence(), other.absence()),
            }
        }
        Ok(Err(known))
    }
}

/// Writing.
impl Records<'_> {
    pub(super) async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let created = self.0.create(record, cx).await?;
        let Created::Taken(stored) = &created else { return Ok(created) };
        if stored.is_resident() {
            return Ok(created);
        }
        Ok(match self.locate(&record.id(), cx).await? {
            Ok(location) => Created::Taken(location.record),
            Err(Absence::Ended { .. }) => Created::Ended,
            Err(_) => created,
        })
    }

    pub(super) async fn replace(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let home = self.0.home();
        // A session that is too large for the home store is not there.
        if self.0.fits(home, next)
            && let Some(answer) = final_answer(self.0.at(home).replace(next, expected, cx).await?)
        {
            return Ok(answer);
        }
        self.replace_located(next, expected, cx).await
    }

    async fn replace_located(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        for _ in 0..LOOKS {
            let location = match self.locate(&next.id(), cx).await? {
                Ok(location) => location,
                Err(absence) => return Ok(Replaced::Gone(absence)),
            };
            let moves = location.settled && self.moves_from(location.side);
            let answer = if moves && location.record.version() == expected {
                self.replace_and_move(location, next, cx).await?
            } else {
                self.replace_at(&location, next, expected, cx).await?
            };
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        Err(keeps_moving())
    }

    /// Writes at the side where the session is. `None` if it has moved away since.
    async fn replace_at(
        &self,
        location: &Location,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Option<Replaced>, StoreError> {
        Ok(match self.0.at(location.side).replace(next, expected, cx).await? {
            // A copy that the other side has confirmed already is the session.
            Replaced::Conflict(stored) if stored.version() == location.record.version() => {
                Some(Replaced::Conflict(stored.into_resident()))
            }
            answer => final_answer(answer),
        })
    }

    /// Moves the session from the old store to the new one together with its change. `None` if another server was faster.
    async fn replace_and_move(
        &self,
        location: Location,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Option<Replaced>, StoreError> {
        let Location { record, other, .. } = location;
        match self.move_in(&record, other, cx).await? {
            MoveAttempt::Done(copy) => Ok(final_answer(self.0.new.replace(next, copy.version(), cx).await?)),
            MoveAttempt::NoRoom => {
                self.0.tally.count(Event::Stayed);
                Ok(final_answer(self.0.old.replace(next, record.version(), cx).await?))
            }
            MoveAttempt::Overtaken => Ok(None),
            MoveAttempt::Ended => {
                let absence = Absence::Ended { id: record.id(), at: cx.now, by: EndedBy::Client };
                Ok(Some(Replaced::Gone(absence)))
            }
        }
    }
}

/// Moving without a change.
impl Records<'_> {
    /// Moves a session as it is. Whether it has left the old store.
    pub(super) async fn move_session(&self, id: &SessionId, cx: StoreContext) -> Result<bool, StoreError> {
        for _ in 0..LOOKS {
            let Ok(location) = self.locate(id, cx).await? else { return Ok(true) };
            let copy = match (location.side, location.settled) {
                (Side::New, true) => return Ok(true),
                (Side::New, false) => location.record,
                // It has come back from the new store, and so far only the mark there shows that.
                (Side::Old, false) => {
                    self.settle(Side::Old, &location.record, cx).await?;
                    continue;
                }
                (Side::Old, true) => match self.move_in(&location.record, location.other, cx).await? {
                    MoveAttempt::Done(copy) => copy,
                    MoveAttempt::NoRoom => return Ok(false),
                    MoveAttempt::Ended => return Ok(true),
                    MoveAttempt::Overtaken => continue,
                },
            };
            self.settle(Side::New, &copy, cx).await?;
            return Ok(true);
        }
        Err(keeps_moving())
    }

    /// Makes the copy of a session that has arrived a resident record. If another server has written it, it is one already.
    async fn settle(&self, side: Side, record: &Record, cx: StoreContext) -> Result<(), StoreError> {
        let next = record.clone().into_resident().successor(self.0.write_id()?).finish();
        self.0.at(side).replace(&next, record.version(), cx).await.map(drop)
    }
}

/// What became of a step of a move.
enum MoveAttempt {
    /// It is done, and this is now stored in the new store.
    Done(Record),
    /// The new store does not take the session, which is where it was.
    NoRoom,
    /// Another server has written or moved the session.
    Overtaken,
    /// The session was ended.
    Ended,
}

/// Moving.
impl Records<'_> {
    /// Moves a session that is settled in the old store in this state: first a copy to the new one, then a mark in place
    /// of the old record, by which the copy becomes the session.
    async fn move_in(
        &self,
        record: &Record,
        there: Presence,
        cx: StoreContext,
    ) -> Result<MoveAttempt, StoreError> {
        let copy = match self.put_copy(record, there, cx).await {
            Err(error) if is_no_room(&error) => return Ok(MoveAttempt::NoRoom),
            answer => match answer? {
                MoveAttempt::Done(copy) => copy,
                other => return Ok(other),
            },
        };
        let mark = record.mark(self.0.write_id()?);
        match self.0.old.replace(&mark, record.version(), cx).await? {
            Replaced::Done(_) => {
                self.0.tally.count(Event::Moved);
                Ok(MoveAttempt::Done(copy))
            }
            Replaced::Conflict(_) | Replaced::Gone(_) => Ok(MoveAttempt::Overtaken),
        }
    }

    /// Puts a copy of the record in place of `there`, which was seen before the record was.
    async fn put_copy(
        &self,
        record: &Record,
        there: Presence,
        cx: StoreContext,
    ) -> Result<MoveAttempt, StoreError> {
        if !self.0.fits(Side::New, record) {
            return Ok(MoveAttempt::NoRoom);
        }
        let expected = match there {
            Presence::Arriving(copy) if copy.is_copy_of(record) => return Ok(MoveAttempt::Done(copy)),
            Presence::Arriving(stored) | Presence::Departed(stored) => stored.version(),
            Presence::Resident(_) => return Ok(MoveAttempt::Overtaken),
            Presence::Absent(_) => match self.put_mark(record, cx).await? {
                MoveAttempt::Done(mark) => mark.version(),
                other => return Ok(other),
            },
        };
        let copy = record.arriving(self.0.write_id()?);
        match self.0.new.replace(&copy, expected, cx).await? {
            Replaced::Done(_) => Ok(MoveAttempt::Done(copy)),
            Replaced::Conflict(_) | Replaced::Gone(_) => Ok(MoveAttempt::Overtaken),
        }
    }

    /// Puts a mark where nothing is stored.
    ///
    /// A store creates only records with a new secret, and a session that moves keeps the secret it has. So a mark is created
    /// first, and the copy takes its place.
    async fn put_mark(&self, record: &Record, cx: StoreContext) -> Result<MoveAttempt, StoreError> {
        let mark = record.mark(self.0.write_id()?).created_with(self.0.secret()?);
        Ok(match self.0.new.create(&mark, cx).await? {
            Created::Done(_) => MoveAttempt::Done(mark),
            // An expired record that has not been swept yet.
            Created::Taken(stored) if stored.is_expired(cx.now) => MoveAttempt::NoRoom,
            Created::Taken(_) => MoveAttempt::Overtaken,
            Created::Ended => MoveAttempt::Ended,
        })
    }
}

/// The answer, unless what it depends on is a copy or a mark, which only counts together with the other side.
fn final_answer(answer: Replaced) -> Option<Replaced> {
    match answer {
        Replaced::Conflict(stored) if !stored.is_resident() => None,
        Replaced::Gone(absence) if !matches!(absence, Absence::Ended { .. }) => None,
        answer => Some(answer),
    }
}

/// A transient error, so that the engine tries again.
fn keeps_moving() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "a session moved each time it was about to be written; try again",
    )
}

/// Touching.
impl Records<'_> {
    pub(super) async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        let mut gone = Absence::Unknown;
        for _ in 0..2 {
            let location = match self.locate(&record.id(), cx).await? {
                Ok(location) => location,
                Err(absence) => return Ok(Touched::Gone(absence)),
            };
            match self.0.at(location.side).touch(record, expected, cx).await? {
                // It may just have moved away.
                Touched::Gone(absence) => gone = absence,
                touched @ Touched::Done(_) => return Ok(touched),
            }
        }
        Ok(Touched::Gone(gone))
    }
}
