//! Both stores keep records: a session is in one of them, and everybody agrees in which.
//!
//! The proof stands in the [module's documentation](super).

use super::{
    Phase,
    pair::{Pair, Side, Slot, is_no_room, telling},
    progress::Event,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, Created, Found, Loaded, PresentedToken, ReferenceToken, Replaced, SessionStore,
        StoreContext, Touched, authenticate,
    },
    time::Timestamp,
};

/// How often a session is looked for again when it has moved meanwhile. It moves in one direction at a time, so the second
/// look finds it.
const LOOKS: usize = 4;

/// A pair whose stores both keep records.
pub(super) struct Records<'a>(pub(super) &'a Pair);

/// Where a session is.
struct Place {
    side: Side,
    record: Record,
    /// Whether its record says so alone, and not together with the other side's.
    settled: bool,
    /// What stood at the other side before that, if it was looked at.
    other: Slot,
}

fn settled(side: Side, record: Record, other: Slot) -> Place {
    Place { side, record, settled: true, other }
}

fn arrived(side: Side, record: Record, mark: Record) -> Place {
    Place { side, record: record.here(), settled: false, other: Slot::Left(mark) }
}

/// What one side's answer means.
enum Step {
    Answer(Loaded),
    /// The other side may know more.
    AskOther(Absence),
    /// Something stands for it: both sides together say where it is.
    Locate,
}

fn step(answer: Loaded) -> Step {
    match answer {
        Loaded::Absent(Absence::Migrated) => Step::Locate,
        // What has expired may be a mark.
        Loaded::Absent(absence @ (Absence::Malformed | Absence::Unknown | Absence::Expired)) => {
            Step::AskOther(absence)
        }
        answer => Step::Answer(answer),
    }
}

/// Reading.
impl Records<'_> {
    pub(super) async fn load(
        &self,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let mut known = Absence::Malformed;
        for &side in self.order() {
            match step(self.0.at(side).load(presented, cx).await?) {
                Step::Answer(answer) => return Ok(self.answered(side, answer)),
                Step::Locate => return self.load_located(presented, cx).await,
                Step::AskOther(absence) => known = telling(known, absence),
            }
        }
        Ok(Loaded::Absent(known))
    }

    pub(super) fn load_now(
        &self,
        presented: PresentedToken<'_>,
        now: Timestamp,
    ) -> Option<Result<Loaded, StoreError>> {
        let mut known = Absence::Malformed;
        for &side in self.order() {
            match self.0.at(side).load_now(presented, now)?.map(step) {
                Err(error) => return Some(Err(error)),
                Ok(Step::Answer(answer)) => return Some(Ok(self.answered(side, answer))),
                Ok(Step::Locate) => return None,
                Ok(Step::AskOther(absence)) => known = telling(known, absence),
            }
        }
        Some(Ok(Loaded::Absent(known)))
    }

    pub(super) async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        Ok(self.locate(id, cx).await?.map_or_else(Found::Absent, |place| Found::Live(place.record)))
    }

    /// The side where most sessions are first.
    fn order(&self) -> &'static [Side] {
        match self.0.phase {
            Phase::Prepare => &[Side::Old, Side::New],
            Phase::Move => &[Side::New, Side::Old],
            Phase::Finish => &[Side::New],
        }
    }

    fn answered(&self, side: Side, answer: Loaded) -> Loaded {
        let Loaded::Live { record, reissue } = answer else { return answer };
        self.0.found(side);
        Loaded::Live { record, reissue: reissue || (self.moves_from(side) && self.0.moves_when_read()) }
    }

    fn moves_from(&self, side: Side) -> bool {
        side == Side::Old && self.0.phase == Phase::Move
    }

    async fn load_located(
        &self,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let Some(token) = ReferenceToken::parse(presented.bytes()) else {
            return Ok(Loaded::Absent(Absence::Malformed));
        };
        Ok(match self.locate(&token.id(), cx).await? {
            Ok(place) => match self.answered(place.side, authenticate(&place.record, &token, cx.now)) {
                // Who finds it half way lets it arrive, or it would stay there as long as it is only read.
                Loaded::Live { record, reissue } => {
                    Loaded::Live { record, reissue: reissue || !place.settled }
                }
                absent => absent,
            },
            Err(absence) => Loaded::Absent(absence),
        })
    }

    /// Where the session is, or why it is nowhere. Where sessions move, the new store is looked at before the old one.
    ///
    /// The sides are not looked at at the same moment. If what they show together cannot be, the session has moved in
    /// between, and is looked for again.
    async fn locate(&self, id: &SessionId, cx: StoreContext) -> Result<Result<Place, Absence>, StoreError> {
        let first = self.order()[0];
        for _ in 0..LOOKS {
            let one = match self.0.slot(first, id, cx).await? {
                Slot::Here(record) => return Ok(Ok(settled(first, record, Slot::Nothing))),
                Slot::Nothing if self.0.phase == Phase::Finish => break,
                slot => slot,
            };
            match (one, self.0.slot(first.other(), id, cx).await?) {
                (one, Slot::Here(record)) => return Ok(Ok(settled(first.other(), record, one))),
                (Slot::Arriving(record), Slot::Left(mark)) if record.is_confirmed_by(&mark) => {
                    return Ok(Ok(arrived(first, record, mark)));
                }
                (Slot::Left(mark), Slot::Arriving(record)) if record.is_confirmed_by(&mark) => {
                    return Ok(Ok(arrived(first.other(), record, mark)));
                }
                (Slot::Nothing, Slot::Nothing) => break,
                // It was still at the other side when this one was looked at. If nobody moves it, this was left by a move
                // that ended half way, or by a session that is over.
                _ => {}
            }
        }
        self.why_nowhere(id, cx).await.map(Err)
    }

    async fn why_nowhere(&self, id: &SessionId, cx: StoreContext) -> Result<Absence, StoreError> {
        let mut known = Absence::Unknown;
        for &side in self.0.read() {
            known = telling(known, self.0.fate(side, id, cx).await?);
        }
        Ok(known)
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
            Ok(place) => Created::Taken(place.record),
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
        // What is too large for it is not there.
        if self.0.fits(home, next)
            && let Some(answer) = final_answer(self.0.at(home).replace(next, expected, cx).await?)
        {
            return Ok(answer);
        }
        self.replace_where_it_is(next, expected, cx).await
    }

    async fn replace_where_it_is(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        for _ in 0..LOOKS {
            let place = match self.locate(&next.id(), cx).await? {
                Ok(place) => place,
                Err(absence) => return Ok(Replaced::Gone(absence)),
            };
            let answer = if place.settled && self.moves_from(place.side) && place.record.version() == expected
            {
                self.replace_moving(place, next, cx).await?
            } else {
                self.replace_at(&place, next, expected, cx).await?
            };
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        Err(moving_on())
    }

    /// Writes at the side where the session is. `None` if it has left since.
    async fn replace_at(
        &self,
        place: &Place,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Option<Replaced>, StoreError> {
        Ok(match self.0.at(place.side).replace(next, expected, cx).await? {
            // Its other side has confirmed it already.
            Replaced::Conflict(stored) if stored.version() == place.record.version() => {
                Some(Replaced::Conflict(stored.here()))
            }
            answer => final_answer(answer),
        })
    }

    /// Moves the session from the old store to the new one together with its change. `None` if somebody else was faster.
    async fn replace_moving(
        &self,
        place: Place,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Option<Replaced>, StoreError> {
        let Place { record, other, .. } = place;
        match self.move_in(&record, other, cx).await? {
            Outcome::Moved(copy) => Ok(final_answer(self.0.new.replace(next, copy.version(), cx).await?)),
            Outcome::NoRoom => {
                self.0.tally.count(Event::Stayed);
                Ok(final_answer(self.0.old.replace(next, record.version(), cx).await?))
            }
            Outcome::TooLate => Ok(None),
            Outcome::Ended => Ok(Some(Replaced::Gone(Absence::Ended { at: cx.now }))),
        }
    }
}

/// Moving without a change.
impl Records<'_> {
    /// Moves a session as it is. Whether it is not in the old store any more.
    pub(super) async fn move_session(&self, id: &SessionId, cx: StoreContext) -> Result<bool, StoreError> {
        for _ in 0..LOOKS {
            let Ok(place) = self.locate(id, cx).await? else { return Ok(true) };
            let copy = match (place.side, place.settled) {
                (Side::New, true) => return Ok(true),
                (Side::New, false) => place.record,
                // It has come from the new store, and says so only together with the mark there.
                (Side::Old, false) => {
                    self.settle(Side::Old, &place.record, cx).await?;
                    continue;
                }
                (Side::Old, true) => match self.move_in(&place.record, place.other, cx).await? {
                    Outcome::Moved(copy) => copy,
                    Outcome::NoRoom => return Ok(false),
                    Outcome::Ended => return Ok(true),
                    Outcome::TooLate => continue,
                },
            };
            self.settle(Side::New, &copy, cx).await?;
            return Ok(true);
        }
        Err(moving_on())
    }

    /// Lets the record of a session that has arrived speak for itself. If somebody else has written it, it does already.
    async fn settle(&self, side: Side, record: &Record, cx: StoreContext) -> Result<(), StoreError> {
        let next = record.clone().here().successor(self.0.write_id()?).finish();
        self.0.at(side).replace(&next, record.version(), cx).await.map(drop)
    }
}

/// How far a move came.
enum Outcome {
    /// The session is in the new store: there its record is this copy.
    Moved(Record),
    /// The new store takes it not, so it is where it was.
    NoRoom,
    /// Somebody else has written or moved it.
    TooLate,
    /// It was ended.
    Ended,
}

/// Moving.
impl Records<'_> {
    /// Moves a session that is settled in the old store in this state: first a copy to the new one, then a mark in place
    /// of the old record, by which the copy becomes the session.
    async fn move_in(&self, record: &Record, there: Slot, cx: StoreContext) -> Result<Outcome, StoreError> {
        let copy = match self.put_copy(record, there, cx).await {
            Err(error) if is_no_room(&error) => return Ok(Outcome::NoRoom),
            answer => match answer? {
                Outcome::Moved(copy) => copy,
                other => return Ok(other),
            },
        };
        let mark = record.mark(self.0.write_id()?);
        match self.0.old.replace(&mark, record.version(), cx).await? {
            Replaced::Done(_) => {
                self.0.tally.count(Event::Moved);
                Ok(Outcome::Moved(copy))
            }
            Replaced::Conflict(_) | Replaced::Gone(_) => Ok(Outcome::TooLate),
        }
    }

    /// Puts a copy of the record where `there` was seen before the record was.
    async fn put_copy(&self, record: &Record, there: Slot, cx: StoreContext) -> Result<Outcome, StoreError> {
        if !self.0.fits(Side::New, record) {
            return Ok(Outcome::NoRoom);
        }
        let expected = match there {
            Slot::Arriving(copy) if copy.is_copy_of(record) => return Ok(Outcome::Moved(copy)),
            Slot::Arriving(stands) | Slot::Left(stands) => stands.version(),
            Slot::Here(_) => return Ok(Outcome::TooLate),
            Slot::Nothing => match self.put_mark(record, cx).await? {
                Outcome::Moved(mark) => mark.version(),
                other => return Ok(other),
            },
        };
        let copy = record.arriving(self.0.write_id()?);
        match self.0.new.replace(&copy, expected, cx).await? {
            Replaced::Done(_) => Ok(Outcome::Moved(copy)),
            Replaced::Conflict(_) | Replaced::Gone(_) => Ok(Outcome::TooLate),
        }
    }

    /// Puts a mark where nothing stands. A store creates only what brings a new secret, and a session that moves keeps
    /// the one it has: so what is created is a mark, and the copy takes its place.
    async fn put_mark(&self, record: &Record, cx: StoreContext) -> Result<Outcome, StoreError> {
        let mark = record.mark(self.0.write_id()?).created_with(self.0.secret()?);
        Ok(match self.0.new.create(&mark, cx).await? {
            Created::Done(_) => Outcome::Moved(mark),
            // What is over and still to be swept.
            Created::Taken(stands) if stands.is_expired(cx.now) => Outcome::NoRoom,
            Created::Taken(_) => Outcome::TooLate,
            Created::Ended => Outcome::Ended,
        })
    }
}

/// The answer, unless something stands there that only speaks together with the other side.
fn final_answer(answer: Replaced) -> Option<Replaced> {
    match answer {
        Replaced::Conflict(stored) if !stored.is_resident() => None,
        Replaced::Gone(absence) if !matches!(absence, Absence::Ended { .. }) => None,
        answer => Some(answer),
    }
}

/// A transient error, so that the engine tries again.
fn moving_on() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "a session was moved each time that it was to be written; try again",
    )
}

/// Writing down that a session was used.
impl Records<'_> {
    pub(super) async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        let mut gone = Absence::Unknown;
        for _ in 0..2 {
            let place = match self.locate(&record.id(), cx).await? {
                Ok(place) => place,
                Err(absence) => return Ok(Touched::Gone(absence)),
            };
            match self.0.at(place.side).touch(record, expected, cx).await? {
                // It may just have left.
                Touched::Gone(absence) => gone = absence,
                touched @ Touched::Done(_) => return Ok(touched),
            }
        }
        Ok(Touched::Gone(gone))
    }
}
