//! What the memory store asks of the allocator, counted.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use cloakroom::{
    Secret, SessionId, WriteId,
    record::{Lifetime, Record},
    store::{Created, Cx, Loaded, MemoryStore, Presented, SessionStore as _, Token},
    time::{Deadline, Timestamp},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// Creates a session at the first poll.
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
    let created = pin!(store.create(&record, Cx::new(NOW, Deadline::NONE)))
        .poll(&mut Context::from_waker(Waker::noop()));
    match created {
        Poll::Ready(Ok(Created::Done(token))) => token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_load_allocates_nothing() {
    let store = MemoryStore::new();
    let token = create(&store, 1);
    let forged = token.expose().replace("07", "08");
    let unknown = "0".repeat(64);
    let counted = allocation_counter::measure(|| {
        let load = |token: &str| store.load_now(Presented::new(token.as_bytes()), NOW).unwrap().unwrap();
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
