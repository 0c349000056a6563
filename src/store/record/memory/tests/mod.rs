//! What the tests of the memory store share: records, calls that never wait, and the invariants of the house.

mod facts;
mod model;
mod stress;

use std::{
    collections::HashSet,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{
    MemoryStore, Usage,
    budget::{Budget, Class},
    slot::Slot,
};
use crate::{
    id::{SessionId, WriteId},
    record::{Data, Lifetime, Record, Subject},
    secret::Secret,
    store::{
        Created, End, Ended, EndedBy, Loaded, PresentedToken, Replaced, SessionInfo, SessionStore as _,
        StoreContext,
    },
    time::{Deadline, Timestamp},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const LIFETIME: Lifetime = Lifetime { idle: MINUTE, absolute: HOUR };
/// What a record without data and subject counts.
const BARE: usize = 384;

fn cx(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::NONE)
}

/// The answer of a call, which the memory store gives at the first poll.
fn answer<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store never waits"),
    }
}

fn id(number: u32) -> SessionId {
    SessionId::from_bytes(u128::from(number).to_be_bytes())
}

fn secret(number: u32) -> Secret {
    Secret::from_bytes(u128::from(number).to_be_bytes())
}

/// The token of session `number` with the secret of that number.
fn token(number: u32, secret: u32) -> String {
    format!("{number:032x}{secret:032x}")
}

/// An anonymous record whose secret has the number of its session.
fn record(number: u32, now: Timestamp) -> Record {
    written(number, 1, now)
}

/// The same, created by a certain write.
fn written(number: u32, write: u64, now: Timestamp) -> Record {
    Record::new(id(number), secret(number), WriteId::from_u64(write), LIFETIME, now)
}

fn owned(record: Record, subject: &str, now: Timestamp) -> Record {
    record.into_draft().logged_in(Subject::new(subject), now).finish()
}

/// The next state of a record, with so many bytes of data.
fn sized(record: &Record, write: u64, len: usize) -> Record {
    record.successor(WriteId::from_u64(write)).data(data(len)).finish()
}

/// Data of exactly so many bytes, 7 at least.
fn data(len: usize) -> Data {
    let value = len - 6;
    let mut bytes = vec![1];
    bytes.extend(u32::try_from(value).unwrap().to_le_bytes());
    bytes.push(b'k');
    bytes.resize(len, b'1');
    Data::from_bytes(&bytes).unwrap()
}

fn small(sessions: usize) -> Budget {
    Budget { sessions, bytes: usize::MAX }
}

fn create(store: &MemoryStore, record: &Record, now: Timestamp) {
    assert!(matches!(answer(store.create(record, cx(now))).unwrap(), Created::Done(_)));
}

fn replace(store: &MemoryStore, next: &Record, last: &Record, now: Timestamp) -> Replaced {
    answer(store.replace(next, last.version(), cx(now))).unwrap()
}

fn end(store: &MemoryStore, number: u32, until: Timestamp, now: Timestamp) -> Ended {
    answer(store.end(End { id: id(number), until, by: EndedBy::Other }, cx(now))).unwrap()
}

fn load(store: &MemoryStore, number: u32, now: Timestamp) -> Loaded {
    present(store, &token(number, number), now)
}

fn present(store: &MemoryStore, token: &str, now: Timestamp) -> Loaded {
    store.load_now(PresentedToken::new(token.as_bytes()), now).unwrap().unwrap()
}

fn is_live(store: &MemoryStore, number: u32, now: Timestamp) -> bool {
    answer(store.find(&id(number), cx(now))).unwrap().live().is_some()
}

fn listed(store: &MemoryStore, subject: &str, now: Timestamp) -> Vec<SessionId> {
    let sessions = answer(store.index().unwrap().list(subject, cx(now))).unwrap();
    sessions.iter().map(SessionInfo::id).collect()
}

/// What must hold whenever no call is under way.
fn assert_in_order(store: &MemoryStore) {
    let usage = store.usage();
    assert_eq!(usage, recount(store));
    let budgets = &store.backend().state.budgets;
    assert!(usage.tombstones <= budgets.most_tombstones());

    let tickets: Vec<_> = store.backend().state.tickets().iter().copied().collect();
    let slots: HashSet<_> = store.backend().state.slots.collect(|slot| Some(slot.id())).into_iter().collect();
    assert_eq!(tickets.len(), slots.len(), "one ticket per slot");
    assert_eq!(HashSet::from_iter(tickets), slots);

    assert_eq!(
        store.backend().state.subjects.len(),
        usage.logged_in_sessions,
        "one entry per logged-in session"
    );
    for record in records(store).into_iter().flatten() {
        if let Some(subject) = record.subject() {
            assert!(store.backend().state.subjects.read(subject).contains(&record.id()));
        }
    }
}

/// The record in each slot; `None` for a tombstone.
fn records(store: &MemoryStore) -> Vec<Option<Record>> {
    store.backend().state.slots.collect(|slot| match slot {
        Slot::Live { record, .. } => Some(Some(record.clone())),
        Slot::Ended { .. } => Some(None),
    })
}

/// The usage, counted slot by slot.
fn recount(store: &MemoryStore) -> Usage {
    let mut usage = Usage {
        anonymous_sessions: 0,
        anonymous_bytes: 0,
        logged_in_sessions: 0,
        logged_in_bytes: 0,
        tombstones: 0,
    };
    for record in records(store) {
        let Some(record) = record else {
            usage.tombstones += 1;
            continue;
        };
        let (sessions, bytes) = match Class::of(&record) {
            Class::Anonymous => (&mut usage.anonymous_sessions, &mut usage.anonymous_bytes),
            Class::LoggedIn => (&mut usage.logged_in_sessions, &mut usage.logged_in_bytes),
        };
        *sessions += 1;
        *bytes += BARE + record.variable_len();
    }
    usage
}
