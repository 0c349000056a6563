//! What the memory store, and a request through the manager, ask of the allocator, counted.
//!
//! The numbers of a request are exact: whoever changes one, for better or worse, sees it here and writes the new one
//! down.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use cloakroom::{
    RequestHead, RequestHeaders, Secret, Session, SessionId, SessionManager, WriteId,
    manager::Finish,
    record::{Lifetime, Record},
    store::{Created, Loaded, MemoryStore, PresentedToken, SessionStore as _, StoreContext, Token},
    time::{Deadline, ManualClock, Timestamp},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// Creates a session.
fn create(store: &MemoryStore, number: u32) -> Token {
    let hour = Duration::from_secs(3600);
    // Spread like random IDs.
    let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let record = Record::new(
        SessionId::from_bytes(id.to_ne_bytes()),
        Secret::from_bytes([7; 16]),
        WriteId::from_u64(1),
        Lifetime { idle: hour, absolute: hour },
        NOW,
    );
    match at_once(store.create(&record, StoreContext::new(NOW, Deadline::NONE))) {
        Ok(Created::Done(token)) => token,
        other => panic!("{other:?}"),
    }
}

/// The answer of a future that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store never waits"),
    }
}

#[test]
fn a_load_allocates_nothing() {
    let store = MemoryStore::new();
    let token = create(&store, 1);
    let forged = token.expose().replace("07", "08");
    let unknown = "0".repeat(64);
    let counted = allocation_counter::measure(|| {
        let load = |token: &str| store.load_now(PresentedToken::new(token.as_bytes()), NOW).unwrap().unwrap();
        assert!(matches!(load(token.expose()), Loaded::Live { .. }));
        for absent in [&forged, &unknown, "junk"] {
            assert!(matches!(load(absent), Loaded::Absent(_)));
        }
    });
    assert_eq!(counted.count_total, 0);
}

/// The record, its slot and its ticket; allocators add to that, and a budget counts 384.
#[test]
fn a_session_without_data_takes_at_most_320_bytes() {
    const SESSIONS: u32 = 50_000;
    let store = MemoryStore::new();
    let counted =
        allocation_counter::measure(|| (0..SESSIONS).for_each(|number| drop(create(&store, number))));
    let each = counted.bytes_current / i64::from(SESSIONS);
    assert!(each <= 320, "{each} bytes");
}

/// A `Cookie` header.
struct Cookie(String);

impl RequestHeaders for Cookie {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if name == "cookie" {
            visit(self.0.as_bytes());
        }
    }
}

/// How often one request to a stored session allocates, from its headers to what its response needs.
fn allocations_of(handler: impl Fn(&Session)) -> u64 {
    let store = MemoryStore::new();
    let cookie = Cookie(format!("__Host-session={}", create(&store, 1).expose()));
    let sessions = SessionManager::new(store).clock(ManualClock::new(NOW));
    let request = |handler: &dyn Fn(&Session)| {
        let exchange = sessions.exchange("/");
        let head = RequestHead { method: "POST", authority: None, headers: &cookie };
        let session = at_once(exchange.lazy().load(&head)).unwrap();
        assert!(!session.is_new());
        handler(&session);
        let finished = match exchange.finish(200) {
            Finish::Ready(finished) => finished,
            Finish::Pending(future) => at_once(future),
        };
        assert!(finished.error().is_none());
    };
    request(&|session| session.insert("visits", 1_000_000).unwrap());
    allocation_counter::measure(|| request(&handler)).count_total
}

/// For the session, which its exchange and its handler share.
#[test]
fn a_request_that_reads_allocates_once() {
    let read = |session: &Session| assert_eq!(session.get("visits").unwrap(), Some(1_000_000));
    assert_eq!(allocations_of(read), 1);
}

#[test]
fn a_request_that_inserts_allocates_9_times() {
    assert_eq!(allocations_of(|session| session.insert("visits", 1_000_001).unwrap()), 9);
}

#[test]
fn a_request_that_updates_allocates_8_times() {
    assert_eq!(
        allocations_of(|session| session.update("visits", |visits: &mut u32| *visits += 1).unwrap()),
        8
    );
}
