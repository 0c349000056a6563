//! The store against a naive model: the same random calls, the same answers.

use std::collections::HashMap;

use quickcheck::{Arbitrary, Gen};

use super::*;
use crate::{
    record::Rotation,
    store::{Absence, Touched, Upkeep},
    testing::random::{below, check, once_in},
};

/// So few sessions and subjects that calls meet.
const SESSIONS: u32 = 6;
const SUBJECTS: [&str; 2] = ["ada", "bob"];

#[derive(Debug, Clone)]
enum Call {
    Create { number: u32, subject: Option<usize>, len: usize },
    Replace { number: u32, stale: bool, change: Change },
    Touch { number: u32, stale: bool },
    End { number: u32, seconds: u64 },
    Load { number: u32, forged: bool },
    Wait { seconds: u64 },
}

#[derive(Debug, Clone)]
enum Change {
    Data(usize),
    LogIn(usize),
    Rotate,
}

impl Arbitrary for Call {
    fn arbitrary(g: &mut Gen) -> Self {
        let number = u32::arbitrary(g) % SESSIONS;
        match below(16, g) {
            0..3 => Self::Create { number, subject: Option::arbitrary(g).map(subject), len: len(g) },
            3..7 => Self::Replace { number, stale: once_in(5, g), change: Change::arbitrary(g) },
            7..9 => Self::Touch { number, stale: once_in(3, g) },
            9..11 => Self::End { number, seconds: u64::arbitrary(g) % 200 },
            11..14 => Self::Load { number, forged: once_in(5, g) },
            _ => Self::Wait { seconds: u64::arbitrary(g) % 90 },
        }
    }
}

impl Arbitrary for Change {
    fn arbitrary(g: &mut Gen) -> Self {
        match below(3, g) {
            0 => Self::Data(len(g)),
            1 => Self::LogIn(subject(usize::arbitrary(g))),
            _ => Self::Rotate,
        }
    }
}

fn subject(any: usize) -> usize {
    any % SUBJECTS.len()
}

fn len(g: &mut Gen) -> usize {
    7 + below(1993, g)
}

/// What a naive store would hold under an ID.
#[derive(Debug, Clone)]
enum Held {
    Live { record: Record, first: Record, secret: u32 },
    Ended { at: Timestamp, until: Timestamp },
}

/// A naive store beside the real one. It forgets nothing, so where it holds something that is over, the real one may
/// have swept it.
struct Model {
    store: MemoryStore,
    held: HashMap<u32, Held>,
    now: Timestamp,
    writes: u64,
}

impl Model {
    fn new(store: MemoryStore) -> Self {
        Self { store, held: HashMap::new(), now: NOW, writes: 1 }
    }

    fn play(&mut self, call: Call) {
        self.writes += 1;
        match call {
            Call::Create { number, subject, len } => self.create(number, subject, len),
            Call::Replace { number, stale, change } => self.replace(number, stale, &change),
            Call::Touch { number, stale } => self.touch(number, stale),
            Call::End { number, seconds } => self.end(number, Duration::from_secs(seconds)),
            Call::Load { number, forged } => self.load(number, forged),
            Call::Wait { seconds } => self.now = self.now + Duration::from_secs(seconds),
        }
        assert_in_order(&self.store);
        SUBJECTS.iter().for_each(|subject| self.assert_listed(subject));
    }

    fn create(&mut self, number: u32, subject: Option<usize>, len: usize) {
        let mut draft = written(number, self.writes, self.now).into_draft().data(data(len));
        if let Some(subject) = subject {
            draft = draft.logged_in(Subject::new(SUBJECTS[subject]), self.now);
        }
        let record = draft.finish();
        match (answer(self.store.create(&record, cx(self.now))).unwrap(), self.held.get(&number)) {
            (Created::Taken(taken), Some(Held::Live { record, .. })) => {
                assert_eq!(taken.version(), record.version());
                return;
            }
            (Created::Ended, Some(Held::Ended { until, .. })) => {
                assert!(self.now < *until);
                return;
            }
            (Created::Done(issued), held) => {
                assert!(held.is_none_or(|held| self.is_over(held)));
                assert_eq!(issued.expose(), token(number, number));
            }
            (created, held) => panic!("{created:?} where {held:?}"),
        }
        self.held.insert(number, Held::Live { record: record.clone(), first: record, secret: number });
    }

    fn replace(&mut self, number: u32, stale: bool, change: &Change) {
        let base = match self.held.get(&number) {
            Some(Held::Live { first, .. }) if stale => first.clone(),
            Some(Held::Live { record, .. }) => record.clone(),
            _ => record(number, self.now),
        };
        let (next, drawn) = self.changed(&base, change);
        match (replace(&self.store, &next, &base, self.now), self.held.get_mut(&number)) {
            (Replaced::Gone(absence), held) => {
                let held = held.cloned();
                self.assert_gone(absence, held.as_ref());
            }
            (Replaced::Conflict(stored), Some(Held::Live { record, .. })) => {
                assert_eq!(stored.version(), record.version());
                assert_ne!(stored.version(), base.version());
            }
            (Replaced::Done(issued), Some(Held::Live { record, secret, .. })) => {
                assert!(!record.is_expired(self.now));
                assert_eq!(record.version(), base.version());
                assert_eq!(
                    issued.map(|issued| issued.expose().to_owned()),
                    drawn.map(|new| token(number, new))
                );
                *record = next.settled();
                *secret = drawn.unwrap_or(*secret);
            }
            (replaced, held) => panic!("{replaced:?} where {held:?}"),
        }
    }

    /// The next state of a record, and the number of its secret if that is new.
    fn changed(&self, base: &Record, change: &Change) -> (Record, Option<u32>) {
        let draft = base.successor(WriteId::from_u64(self.writes)).active(self.now);
        let drawn = 1000 + u32::try_from(self.writes).unwrap();
        match *change {
            Change::Data(len) => (draft.data(data(len)).finish(), None),
            Change::LogIn(subject) => {
                let subject = Subject::new(SUBJECTS[subject]);
                let draft = draft.logged_in(subject, self.now);
                (draft.rotated(secret(drawn), Rotation::without_grace(self.now)).finish(), Some(drawn))
            }
            Change::Rotate => {
                (draft.rotated(secret(drawn), Rotation::without_grace(self.now)).finish(), Some(drawn))
            }
        }
    }

    fn touch(&mut self, number: u32, stale: bool) {
        let mut used = match self.held.get(&number) {
            Some(Held::Live { first, .. }) if stale => first.clone(),
            Some(Held::Live { record, .. }) => record.clone(),
            _ => record(number, self.now),
        };
        used.touch(self.now);
        let touched = answer(self.store.touch(&used, used.version(), cx(self.now))).unwrap();
        match (touched, self.held.get_mut(&number)) {
            (Touched::Gone(Absence::Rotated { at, .. }), Some(Held::Live { record, .. })) => {
                assert_eq!(at, self.now);
                assert_ne!(used.epoch(), record.epoch());
            }
            (Touched::Gone(absence), held) => {
                let held = held.cloned();
                self.assert_gone(absence, held.as_ref());
            }
            (Touched::Done(None), Some(Held::Live { record, .. })) => {
                assert!(!record.is_expired(self.now));
                record.touch(self.now);
            }
            (touched, held) => panic!("{touched:?} where {held:?}"),
        }
    }

    fn end(&mut self, number: u32, keep: Duration) {
        let until = self.now + keep;
        let ended = end(&self.store, number, until, self.now);
        let next = match self.held.get(&number) {
            Some(Held::Ended { at, until: stands }) if self.now < *stands => {
                assert_eq!(ended, Ended::Already);
                Held::Ended { at: *at, until: until.max(*stands) }
            }
            held => {
                assert_eq!(ended, Ended::Done);
                let until = match held {
                    // One that has expired may have been swept, and its deadline with it.
                    Some(Held::Live { record, .. }) if !record.is_expired(self.now) => {
                        until.max(record.deadline())
                    }
                    Some(Held::Live { .. }) => self.tombstone_until(number),
                    _ => until,
                };
                Held::Ended { at: self.now, until }
            }
        };
        self.held.insert(number, next);
    }

    /// Until when the real store keeps a tombstone.
    fn tombstone_until(&self, number: u32) -> Timestamp {
        let until = self.store.backend().state.slots.read(&id(number), |slot| match slot {
            Slot::Ended { tombstone, .. } => tombstone.until,
            Slot::Live { .. } => self.now,
        });
        until.unwrap_or(self.now)
    }

    fn load(&mut self, number: u32, forged: bool) {
        let good = match self.held.get(&number) {
            Some(Held::Live { secret, .. }) => *secret,
            _ => number,
        };
        let presented = token(number, if forged { 999 } else { good });
        match (present(&self.store, &presented, self.now), self.held.get(&number)) {
            (Loaded::Live { record: loaded, upkeep }, Some(Held::Live { record, .. })) => {
                assert!(!forged && upkeep == Upkeep::None && !record.is_expired(self.now));
                assert_eq!(loaded.version(), record.version());
                assert_eq!(loaded.last_active(), record.last_active());
                assert_eq!(loaded.data(), record.data());
                assert_eq!(loaded.subject(), record.subject());
            }
            (Loaded::Absent(Absence::Forged), Some(Held::Live { .. })) => assert!(forged),
            (Loaded::Absent(absence), held) => self.assert_gone(absence, held),
            (loaded, held) => panic!("{loaded:?} where {held:?}"),
        }
    }

    fn assert_gone(&self, absence: Absence, held: Option<&Held>) {
        match (absence, held) {
            (Absence::Unknown, held) => assert!(held.is_none_or(|held| self.is_over(held))),
            (Absence::Expired, Some(Held::Live { record, .. })) => assert!(record.is_expired(self.now)),
            (Absence::Ended { at, .. }, Some(Held::Ended { at: ended, until })) => {
                assert_eq!(at, *ended);
                assert!(self.now < *until);
            }
            (absence, held) => panic!("{absence:?} where {held:?}"),
        }
    }

    fn is_over(&self, held: &Held) -> bool {
        match held {
            Held::Live { record, .. } => record.is_expired(self.now),
            Held::Ended { until, .. } => self.now >= *until,
        }
    }

    fn assert_listed(&self, subject: &str) {
        let theirs = |held: &Held| {
            matches!(held, Held::Live { record, .. }
                if record.subject() == Some(subject) && !record.is_expired(self.now))
        };
        let expected: HashSet<_> =
            self.held.iter().filter(|(_, held)| theirs(held)).map(|(number, _)| id(*number)).collect();
        let listed = listed(&self.store, subject, self.now);
        assert_eq!(listed.len(), expected.len());
        assert_eq!(HashSet::from_iter(listed), expected);
    }
}

#[test]
fn the_store_answers_like_the_naive_model() {
    fn holds(calls: Vec<Call>) {
        let mut model = Model::new(MemoryStore::new());
        calls.into_iter().for_each(|call| model.play(call));
    }
    check(holds as fn(Vec<Call>));
}

/// Whatever is evicted and refused: no account is overdrawn, and a login goes by time or by `end` only.
#[test]
fn tight_budgets_hold_and_logins_stay() {
    fn holds(calls: Vec<Call>) {
        let anonymous = Budget { sessions: 2, bytes: 3000 };
        let logged_in = Budget { sessions: 3, bytes: 4000 };
        let store = MemoryStore::builder().anonymous(anonymous).logged_in(logged_in).build();
        let mut now = NOW;
        for (write, call) in (2..).zip(calls) {
            let before = logins(&store, now);
            let ended = play_blindly(&store, &call, write, &mut now);
            assert_in_order(&store);
            let usage = store.usage();
            assert!(usage.anonymous_sessions <= 2 && usage.anonymous_bytes <= 3000);
            assert!(usage.logged_in_sessions <= 3 && usage.logged_in_bytes <= 4000);
            for record in before {
                let stays = Some(record.id()) != ended && !record.is_expired(now);
                assert!(!stays || answer(store.find(&record.id(), cx(now))).unwrap().live().is_some());
            }
        }
    }
    check(holds as fn(Vec<Call>));
}

fn logins(store: &MemoryStore, now: Timestamp) -> Vec<Record> {
    SUBJECTS.iter().flat_map(|subject| store.backend().state.sessions_of(subject, now)).collect()
}

/// Makes a call whatever comes of it; the session that it ended.
fn play_blindly(store: &MemoryStore, call: &Call, write: u64, now: &mut Timestamp) -> Option<SessionId> {
    let found = |number: u32| answer(store.find(&id(number), cx(*now))).unwrap().live();
    match *call {
        Call::Create { number, subject, len } => {
            let record = record(number, *now).into_draft().data(data(len)).finish();
            let record = subject.map_or(record.clone(), |subject| owned(record, SUBJECTS[subject], *now));
            drop(answer(store.create(&record, cx(*now))));
        }
        Call::Replace { number, ref change, .. } => {
            let last = found(number)?;
            let next = match *change {
                Change::Data(len) => sized(&last, write, len),
                Change::LogIn(subject) => owned(sized(&last, write, 10), SUBJECTS[subject], *now),
                Change::Rotate => last.successor(WriteId::from_u64(write)).active(*now).finish(),
            };
            drop(answer(store.replace(&next, last.version(), cx(*now))));
        }
        Call::Touch { number, .. } => {
            let mut used = found(number)?;
            used.touch(*now);
            drop(answer(store.touch(&used, used.version(), cx(*now))));
        }
        Call::End { number, seconds } => {
            end(store, number, *now + Duration::from_secs(seconds), *now);
            return Some(id(number));
        }
        Call::Load { number, .. } => drop(load(store, number, *now)),
        Call::Wait { seconds } => *now = *now + Duration::from_secs(seconds),
    }
    None
}
