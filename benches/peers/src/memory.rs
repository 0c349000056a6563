//! Sessions in memory, without a framework.
//!
//! A peer's work begins with a parsed ID and a handle of its session, ours also from the headers of a request.

use std::{
    collections::HashMap,
    hint,
    pin::pin,
    sync::{Arc, Barrier},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use time::OffsetDateTime;
use tower_sessions::{
    MemoryStore, Session, SessionStore as _,
    session::{Id, Record},
};
use tower_sessions_14::{SessionStore as _, session as session_14};
use tower_sessions_moka_store::MokaStore;

use crate::{
    limit::{Map, SharedMap},
    ours::{FilledStore, load, read_request, update_request},
    payload::{Payload, VISITS},
    row::{Row, Work, visit},
    visitors::{id, now},
};

type Rows<'a> = dyn FnMut(&str, &dyn Fn(&mut Row)) + 'a;

pub(crate) fn rows(row: &mut Rows<'_>) {
    for (payload, sessions, size) in SIZES {
        let name = format!("memory: load and read one key, {size} sessions, {}", payload.name());
        row(&name, &|row| lookup(row, sessions, payload));
    }
    row("memory: two threads, 100 000 sessions, one key read, against one thread", &two_threads);
    for payload in Payload::TWO {
        let name = format!("memory: change one key and save, 100 000 sessions, {}", payload.name());
        row(&name, &|row| save(row, payload));
    }
}

/// A cart takes 10 kB and more as a map of JSON values, so a million of them would not fit everywhere.
const SIZES: [(Payload, usize, &str); 4] = [
    (Payload::Small, 1_000, "1 000"),
    (Payload::Small, 1_000_000, "1 000 000"),
    (Payload::Cart, 1_000, "1 000"),
    (Payload::Cart, 200_000, "200 000"),
];

fn lookup(row: &mut Row, sessions: usize, payload: Payload) {
    let filled = FilledStore::new(sessions, payload);
    let ids: Vec<_> = filled.cookies.iter().map(id).collect();
    let map = Map::new(&ids, payload);
    row.limit("limit: bare map, one number parsed", visit(ids, move |id| map.number(&map.get(id))));
    let (store, cookies) = (Arc::clone(&filled.store), filled.cookies.clone());
    row.add("cloakroom: the store", visit(cookies, move |cookie| load(&*store, cookie)));
    row.add(
        "cloakroom: whole request",
        visit(filled.cookies, move |cookie| read_request(&filled.manager, cookie)),
    );
    let (store, ids) = tower(sessions, payload);
    row.add("tower-sessions 0.15, memory store", visit(ids, move |id| tower_read(&store, *id)));
    if sessions <= 1_000 || matches!(payload, Payload::Small) {
        let (store, ids) = moka(sessions, payload);
        row.add("tower-sessions 0.14, moka store", visit(ids, move |id| moka_read(&store, *id)));
    }
}

fn save(row: &mut Row, payload: Payload) {
    const SESSIONS: usize = 100_000;
    let filled = FilledStore::new(SESSIONS, payload);
    let ids: Vec<_> = filled.cookies.iter().map(id).collect();
    let map = SharedMap::new(&ids, payload);
    row.limit("limit: copy on write under one lock", visit(ids, move |id| map.count_at_once(id)));
    row.add(
        "cloakroom: whole request",
        visit(filled.cookies, move |cookie| update_request(&filled.manager, cookie)),
    );
    let (store, ids) = tower(SESSIONS, payload);
    row.add("tower-sessions 0.15, memory store", visit(ids, move |id| now(tower_write(&store, *id))));
}

/// Each is its own limit, with one thread.
fn two_threads(row: &mut Row) {
    const SESSIONS: usize = 100_000;
    let FilledStore { store, manager, cookies } = FilledStore::new(SESSIONS, Payload::Small);
    pair(row, "cloakroom: the store", cookies.clone(), move |cookie| load(&*store, cookie));
    pair(row, "cloakroom: whole request", cookies, move |cookie| read_request(&manager, cookie));
    let (store, ids) = tower(SESSIONS, Payload::Small);
    pair(row, "tower-sessions 0.15, memory store", ids, move |id| tower_read(&store, *id));
    let (store, ids) = moka(SESSIONS, Payload::Small);
    pair(row, "tower-sessions 0.14, moka store", ids, move |id| moka_read(&store, *id));
}

fn pair<V, F>(row: &mut Row, name: &str, visitors: Vec<V>, work: F)
where
    V: Send + Sync + 'static,
    F: Fn(&V) -> u32 + Send + Sync + 'static,
{
    let (visitors, work) = (Arc::new(visitors), Arc::new(work));
    row.limit(&format!("{name}, one thread"), threads(1, Arc::clone(&visitors), Arc::clone(&work)));
    row.add(&format!("{name}, two threads"), threads(2, visitors, work));
}

/// Each thread visits its half of the visitors; the time is that of the slowest.
fn threads<V, F>(count: usize, visitors: Arc<Vec<V>>, work: Arc<F>) -> Work
where
    V: Send + Sync + 'static,
    F: Fn(&V) -> u32 + Send + Sync + 'static,
{
    let mut first = 0;
    Box::new(move |times| {
        let start = Barrier::new(count);
        let share = visitors.len() / 2;
        let one = |thread: usize| -> Duration {
            start.wait();
            let began = Instant::now();
            let mut sum = 0_usize;
            for n in 0..times {
                // The answer decides nothing, but the processor cannot know that.
                let at = thread * share + (first + n + usize::from(sum == usize::MAX)) % share;
                sum = sum.wrapping_add(work(&visitors[at]) as usize);
            }
            began.elapsed()
        };
        let slowest = thread::scope(|scope| {
            let one = &one;
            let others: Vec<_> = (1..count).map(|thread| scope.spawn(move || one(thread))).collect();
            let own = one(0);
            others.into_iter().map(|other| other.join().expect("it does not panic")).fold(own, Duration::max)
        });
        first = (first + times) % share;
        slowest
    })
}

fn data(payload: Payload) -> HashMap<String, Value> {
    payload.values().into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn tomorrow() -> OffsetDateTime {
    OffsetDateTime::now_utc() + time::Duration::days(1)
}

fn tower(sessions: usize, payload: Payload) -> (Arc<MemoryStore>, Vec<Id>) {
    let store = MemoryStore::default();
    let create = |_| {
        let mut record = Record { id: Id::default(), data: data(payload), expiry_date: tomorrow() };
        now(store.create(&mut record)).expect("it never fails");
        record.id
    };
    let mut ids: Vec<_> = (0..sessions).map(create).collect();
    ids.sort_unstable_by_key(|id| id.0);
    (Arc::new(store), ids)
}

fn tower_read(store: &Arc<MemoryStore>, id: Id) -> u32 {
    let session = Session::new(Some(id), Arc::clone(store) as Arc<_>, None);
    contended(session.get(VISITS)).expect("it is a number").expect("it is there")
}

async fn tower_write(store: &Arc<MemoryStore>, id: Id) -> u32 {
    let session = Session::new(Some(id), Arc::clone(store) as Arc<_>, None);
    let next = session.get::<u32>(VISITS).await.expect("it is a number").expect("it is there") + 1;
    session.insert(VISITS, next).await.expect("it fits");
    session.save().await.expect("it never fails");
    next
}

fn moka(sessions: usize, payload: Payload) -> (Arc<MokaStore>, Vec<session_14::Id>) {
    let store = MokaStore::new(None);
    let create = |_| {
        let mut record = session_14::Record {
            id: session_14::Id::default(),
            data: data(payload),
            expiry_date: tomorrow(),
        };
        now(store.create(&mut record)).expect("it never fails");
        record.id
    };
    let mut ids: Vec<_> = (0..sessions).map(create).collect();
    ids.sort_unstable_by_key(|id| id.0);
    (Arc::new(store), ids)
}

fn moka_read(store: &Arc<MokaStore>, id: session_14::Id) -> u32 {
    let session = tower_sessions_14::Session::new(Some(id), Arc::clone(store) as Arc<_>, None);
    contended(session.get(VISITS)).expect("it is a number").expect("it is there")
}

/// The answer of a future that may wait for another thread's lock: asked again and again, which wakes it soonest.
fn contended<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
        hint::spin_loop();
    }
}
