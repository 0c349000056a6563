//! The memory store: bare, behind the trait, and behind the manager.

use std::{cell::LazyCell, hint::black_box, sync::Arc, time::Duration};

use cloakroom::{
    Session, SessionManager, SessionStore,
    record::Record,
    store::{Budget, Cx, Loaded, MemoryStore, Presented},
    time::{Clock as _, Deadline, SystemClock, Timestamp},
};

use crate::{
    Group,
    limit::{Map, SharedMap},
    payload::{Payload, VISITS},
    visitors::{CookieHeader, Id, NAME, id, now, request, token, visitor},
};

/// Finds a session and reads one key.
pub(crate) fn lookup(group: &mut Group<'_>, sessions: usize, payload: Payload) {
    // Built for the first measurement that is not filtered out.
    let house = LazyCell::new(|| House::new(sessions, payload));
    let map = LazyCell::new(|| Map::new(&house.ids, payload));

    // Whatever is needed is built here, before any time is taken.
    let (ids, cookies) = (|| (LazyCell::force(&map), &*house.ids).1, || &*house.cookies);
    visit(group, "limit", ids, |id| u32::from(map.get(id)[0]));
    visit(group, "limit, one key read", ids, |id| map.number(&map.get(id)));
    visit(group, "load_now", cookies, |cookie| epoch(&house.load_now(cookie)));
    visit(group, "load_now, one key read", cookies, |cookie| number(&house.load_now(cookie)));
    visit(group, "limit, miss", || &*house.unknown, |cookie| u32::from(map.has(&id(cookie))));
    visit(group, "load_now, miss", || &*house.unknown, |cookie| house.miss(cookie));
    visit(group, "load", cookies, |cookie| epoch(&now(house.load(cookie))));
    visit(group, "manager, one key read", cookies, |cookie| house.request(cookie, read));
}

/// Finds a session, changes one key and saves it.
pub(crate) fn save(group: &mut Group<'_>, sessions: usize, payload: Payload) {
    let house = LazyCell::new(|| House::new(sessions, payload));
    let map = LazyCell::new(|| SharedMap::new(&house.ids, payload));

    // Whatever is needed is built here, before any time is taken.
    let (ids, cookies) = (|| (LazyCell::force(&map), &*house.ids).1, || &*house.cookies);
    visit(group, "limit", ids, |id| map.count_at_once(id));
    visit(group, "limit, loaded before", ids, |id| map.load_count_save(id));
    visit(group, "manager, update", cookies, |cookie| house.request(cookie, update));
    visit(group, "manager, get and insert", cookies, |cookie| house.request(cookie, get_and_insert));
}

/// Reads the one key.
pub(crate) fn read(session: &Session) -> u32 {
    session.get(VISITS).expect("it is a number").expect("it is there")
}

/// Changes the one key.
pub(crate) fn update(session: &Session) -> u32 {
    let count = |visits: &mut u32| {
        *visits += 1;
        *visits
    };
    session.update(VISITS, count).expect("it is a number")
}

fn get_and_insert(session: &Session) -> u32 {
    let next = read(session) + 1;
    session.insert(VISITS, next).expect("it fits");
    next
}

/// Measures `work` on one visitor after the other, all of them in turn.
///
/// Who comes next depends on the answer, as far as the processor can tell: else it would begin with the next visitors
/// while it waits for this one's memory, which no server does between two requests.
fn visit<'v, V: 'v>(
    group: &mut Group<'_>,
    name: &str,
    visitors: impl Fn() -> &'v [V],
    mut work: impl FnMut(&V) -> u32,
) {
    // Kept from sample to sample: else the first visitors would come again and again and find their memory in the cache.
    let mut next = 0;
    group.bench_function(name, |bencher| {
        let visitors = visitors();
        let mut one = || {
            // Opaque, or the compiler sees that some answers never matter.
            let answer = black_box(work(black_box(&visitors[next])));
            next += 1 + usize::from(answer == u32::MAX);
            if next >= visitors.len() {
                next = 0;
            }
        };
        // Criterion takes its first visit for a typical one; the very first is not.
        (0..1000).for_each(|_| one());
        bencher.iter(one);
    });
}

/// A memory store full of sessions, and their visitors in random order.
pub(crate) struct House {
    store: Arc<dyn SessionStore>,
    manager: SessionManager,
    pub(crate) cookies: Vec<CookieHeader>,
    pub(crate) ids: Vec<Id>,
    /// As many whose sessions nobody has begun.
    unknown: Vec<CookieHeader>,
    /// The manager reads a clock for each request, a store never does.
    now: Timestamp,
}

impl House {
    pub(crate) fn new(sessions: usize, payload: Payload) -> Self {
        let store = MemoryStore::new().anonymous(Budget { sessions, bytes: usize::MAX });
        let day = Duration::from_secs(86_400);
        // No session is touched while it is measured.
        let manager =
            SessionManager::new(store.clone()).idle_timeout(day).absolute_timeout(day).touch_after(day);
        let values = payload.values();
        let mut cookies: Vec<_> = (0..sessions).map(|_| visitor(&manager, &values)).collect();
        // A cookie begins with a random ID, so this is another order than that of their creation.
        cookies.sort_unstable();
        let ids = cookies.iter().map(id).collect();
        let unknown = cookies.iter().map(of_nobody).collect();
        Self { store: Arc::new(store), manager, cookies, ids, unknown, now: SystemClock.now() }
    }

    fn miss(&self, cookie: &CookieHeader) -> u32 {
        let loaded = self.load_now(cookie);
        assert!(matches!(loaded, Loaded::Absent(_)), "nobody has begun it");
        0
    }

    fn load_now(&self, cookie: &CookieHeader) -> Loaded {
        let answer = self.store.load_now(Presented::new(token(cookie)), self.now);
        answer.expect("it always answers").expect("it never fails")
    }

    fn request(&self, cookie: &CookieHeader, handler: impl FnOnce(&Session) -> u32) -> u32 {
        request(&self.manager, cookie, handler).0
    }

    async fn load(&self, cookie: &CookieHeader) -> Loaded {
        let cx = Cx::new(self.now, Deadline::NONE);
        self.store.load(Presented::new(token(cookie)), cx).await.expect("it never fails")
    }
}

/// The same with another digit in the ID.
fn of_nobody(cookie: &CookieHeader) -> CookieHeader {
    let mut other = *cookie;
    let digit = &mut other[NAME.len() + 31];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    other
}

fn record(loaded: &Loaded) -> &Record {
    let Loaded::Live { record, .. } = loaded else { panic!("{loaded:?}") };
    record
}

/// Something that stands in the record itself.
fn epoch(loaded: &Loaded) -> u32 {
    record(loaded).epoch()
}

fn number(loaded: &Loaded) -> u32 {
    serde_json::from_slice(record(loaded).data().get(VISITS).expect("it is there")).expect("it is a number")
}
