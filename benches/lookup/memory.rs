//! The memory store: bare, behind the trait, and behind the manager.

use std::{cell::LazyCell, hint::black_box, sync::Arc, time::Duration};

use cloakroom::{
    SessionManager, SessionStore,
    store::{Budget, Cx, Loaded, MemoryStore, Presented},
    time::{Clock as _, Deadline, SystemClock, Timestamp},
};

use crate::{
    Group,
    limit::{Map, SharedMap},
    payload::{FIRST_VISIT, Payload, VISITS},
    visitors::{CookieHeader, Id, id, now, request, token, visitor},
};

/// Finds a session and reads one key.
pub(crate) fn lookup(group: &mut Group<'_>, sessions: usize, payload: Payload) {
    // Built for the first measurement that is not filtered out.
    let house = LazyCell::new(|| House::new(sessions, payload));
    let map = LazyCell::new(|| Map::new(&house.ids, payload));
    let find = |cookie: &CookieHeader| house.load_now(cookie);

    visit(group, "limit", || &house.ids, |id| map.get(id));
    visit(group, "limit, one key read", || &house.ids, |id| map.number(&map.get(id)));
    visit(group, "load_now", || &house.cookies, find);
    visit(group, "load_now, one key read", || &house.cookies, |cookie| number(&find(cookie)));
    visit(group, "load", || &house.cookies, |cookie| now(house.load(cookie)));
    visit(
        group,
        "manager, one key read",
        || &house.cookies,
        |cookie| request(&house.manager, cookie, |session| session.get::<u32>(VISITS)),
    );
}

/// Finds a session, changes one key and saves it.
pub(crate) fn save(group: &mut Group<'_>, sessions: usize, payload: Payload) {
    let house = LazyCell::new(|| House::new(sessions, payload));
    let map = LazyCell::new(|| SharedMap::new(&house.ids, payload));

    visit(group, "limit", || &house.ids, |id| map.count_at_once(id));
    visit(group, "limit, loaded before", || &house.ids, |id| map.load_count_save(id));
    visit(
        group,
        "manager, update",
        || &house.cookies,
        |cookie| {
            request(&house.manager, cookie, |session| session.update(VISITS, |visits: &mut u32| *visits += 1))
        },
    );
    visit(
        group,
        "manager, insert",
        || &house.cookies,
        |cookie| request(&house.manager, cookie, |session| session.insert(VISITS, FIRST_VISIT)),
    );
}

/// Measures `work` on one visitor after the other, all of them in turn.
fn visit<'v, V: 'v, T>(
    group: &mut Group<'_>,
    name: &str,
    visitors: impl Fn() -> &'v [V],
    mut work: impl FnMut(&V) -> T,
) {
    group.bench_function(name, |bencher| {
        let mut next = visitors().iter().cycle();
        bencher.iter(|| work(black_box(next.next().expect("there are visitors"))));
    });
}

/// A memory store full of sessions, and their visitors in random order.
struct House {
    store: Arc<dyn SessionStore>,
    manager: SessionManager,
    cookies: Vec<CookieHeader>,
    ids: Vec<Id>,
    /// The manager reads a clock for each request, a store never does.
    now: Timestamp,
}

impl House {
    fn new(sessions: usize, payload: Payload) -> Self {
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
        Self { store: Arc::new(store), manager, cookies, ids, now: SystemClock.now() }
    }

    fn load_now(&self, cookie: &CookieHeader) -> Loaded {
        let answer = self.store.load_now(Presented::new(token(cookie)), self.now);
        answer.expect("it always answers").expect("it never fails")
    }

    async fn load(&self, cookie: &CookieHeader) -> Loaded {
        let cx = Cx::new(self.now, Deadline::NONE);
        self.store.load(Presented::new(token(cookie)), cx).await.expect("it never fails")
    }
}

fn number(loaded: &Loaded) -> u32 {
    let Loaded::Live { record, .. } = loaded else { panic!("{loaded:?}") };
    serde_json::from_slice(record.data().get(VISITS).expect("it is there")).expect("it is a number")
}
