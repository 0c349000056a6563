//! A memory store full of sessions, and how its visitors come by.

#![allow(dead_code, reason = "each bench uses the part it needs")]

use std::{hint::black_box, sync::Arc, time::Duration};

use cloakroom::{
    Session, SessionManager, SessionStore,
    store::{Budget, Loaded, MemoryStore, PresentedToken, StoreContext},
    time::{Clock as _, Deadline, SystemClock, Timestamp},
};

use crate::{
    Group,
    payload::{Payload, VISITS},
    visitors::{CookieHeader, Id, NAME, id, request, token, visitor},
};

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

/// Measures `work` on one visitor after the other, all of them in turn.
///
/// Who comes next depends on the answer, as far as the processor can tell: else it would begin with the next visitors
/// while it waits for this one's memory, which no server does between two requests.
pub(crate) fn visit<'v, V: 'v>(
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
pub(crate) struct FilledStore {
    store: Arc<dyn SessionStore>,
    pub(crate) manager: SessionManager,
    pub(crate) cookies: Vec<CookieHeader>,
    pub(crate) ids: Vec<Id>,
    /// As many whose IDs no session has.
    pub(crate) unknown: Vec<CookieHeader>,
    /// The manager reads a clock for each request, a store never does.
    now: Timestamp,
}

impl FilledStore {
    pub(crate) fn new(sessions: usize, payload: Payload) -> Self {
        Self::of(memory(sessions), sessions, payload)
    }

    /// The same in a store that answers at once.
    pub(crate) fn of(store: impl SessionStore + Clone, sessions: usize, payload: Payload) -> Self {
        let day = Duration::from_secs(86_400);
        // No session is touched while it is measured.
        let manager =
            SessionManager::new(store.clone()).idle_timeout(day).absolute_timeout(day).touch_after(day);
        let values = payload.values();
        let mut cookies: Vec<_> = (0..sessions).map(|_| visitor(&manager, &values)).collect();
        // A cookie begins with a random ID, so this is another order than that of their creation.
        cookies.sort_unstable();
        let ids = cookies.iter().map(id).collect();
        let unknown = cookies.iter().map(unknown_to_the_store).collect();
        Self { store: Arc::new(store), manager, cookies, ids, unknown, now: SystemClock.now() }
    }

    pub(crate) fn miss(&self, cookie: &CookieHeader) -> u32 {
        let loaded = self.load_now(cookie);
        assert!(matches!(loaded, Loaded::Absent(_)), "no session has this ID");
        0
    }

    pub(crate) fn load_now(&self, cookie: &CookieHeader) -> Loaded {
        let answer = self.store.load_now(PresentedToken::new(token(cookie)), self.now);
        answer.expect("it always answers").expect("it never fails")
    }

    pub(crate) fn request(&self, cookie: &CookieHeader, handler: impl FnOnce(&Session) -> u32) -> u32 {
        request(&self.manager, cookie, handler).0
    }

    pub(crate) async fn load(&self, cookie: &CookieHeader) -> Loaded {
        let cx = StoreContext::new(self.now, Deadline::NONE);
        self.store.load(PresentedToken::new(token(cookie)), cx).await.expect("it never fails")
    }
}

/// A memory store with room for so many sessions.
pub(crate) fn memory(sessions: usize) -> MemoryStore {
    MemoryStore::builder().anonymous(Budget { sessions, bytes: usize::MAX }).build()
}

/// The same with another digit in the ID.
fn unknown_to_the_store(cookie: &CookieHeader) -> CookieHeader {
    let mut other = *cookie;
    let digit = &mut other[NAME.len() + 31];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    other
}
