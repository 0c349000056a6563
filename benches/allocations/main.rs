//! How often each work of the other benches asks the allocator, counted once and exactly.
//!
//! It is a program of its own because an allocator that counts takes time. The works are the same, source and name: only what
//! a group does with them differs. It prints a line for each, and `scripts/bench` puts the numbers beside the times.

#[path = "../request/actix.rs"]
mod actix;
#[path = "../request/axum.rs"]
mod axum;
#[path = "../shared/filled_store.rs"]
mod filled_store;
#[path = "../shared/least.rs"]
mod least;
#[path = "../shared/limit.rs"]
mod limit;
#[path = "../lookup/memory.rs"]
mod lookup_memory;
#[path = "../lookup/tokens.rs"]
mod lookup_tokens;
#[path = "../shared/payload.rs"]
mod payload;
#[path = "../shared/token_kinds.rs"]
mod token_kinds;
#[path = "../shared/visitors.rs"]
mod visitors;
#[path = "../write/memory.rs"]
mod write_memory;
#[path = "../write/tokens.rs"]
mod write_tokens;

use std::marker::PhantomData;

use cloakroom::{
    SessionManager,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, MemoryStore},
};

use crate::{payload::Payload, token_kinds::TokenKind};

/// Stands where the other benches have criterion's group of measurements.
struct Group<'a> {
    name: String,
    criterion: PhantomData<&'a ()>,
}

/// Stands where criterion hands out what takes the time.
struct Counter {
    allocations: u64,
}

impl Group<'_> {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), criterion: PhantomData }
    }

    #[expect(clippy::print_stdout, reason = "that is what this is for")]
    fn bench_function(&mut self, work: &str, mut measure: impl FnMut(&mut Counter)) {
        let mut counter = Counter { allocations: 0 };
        measure(&mut counter);
        println!("{}\t{work}\t{}", self.name, counter.allocations);
    }
}

impl Counter {
    fn iter<T>(&mut self, mut work: impl FnMut() -> T) {
        // What is made once is made before.
        (0..10).for_each(|_| drop(work()));
        self.allocations = allocation_counter::measure(|| drop(work())).count_total;
    }
}

/// As many sessions as show it: the number does not depend on them.
const SESSIONS: usize = 10;

fn main() {
    for sessions in [1_000, 100_000, 1_000_000] {
        for payload in Payload::TWO {
            let name = |work| format!("{work}/memory/{sessions}/{}", payload.name());
            lookup_memory::lookup(&mut Group::new(name("lookup")), SESSIONS, payload);
            write_memory::save(&mut Group::new(name("write")), SESSIONS, payload);
        }
    }
    lookup_memory::wrapped(&mut Group::new("lookup/wrapped/1000/small"), SESSIONS, Payload::Small);
    write_memory::begin(&mut Group::new("write/memory/1000/full"), SESSIONS);
    for way in TokenKind::ALL {
        for payload in Payload::ALL {
            let name = |work| format!("{work}/{}/{}", way.name(), payload.name());
            lookup_tokens::lookup(&mut Group::new(name("lookup")), way, payload);
            write_tokens::save(&mut Group::new(name("write")), way, payload);
        }
    }
    axum::unused(&mut Group::new("request/unused"));
    let keys = KeyRing::new(SecretKey::generate().expect("there is randomness"));
    for payload in Payload::TWO {
        let memory = SessionManager::new(MemoryStore::new());
        let encrypted = SessionManager::new(EncryptedCookieStore::new(&keys));
        for (store, sessions) in [("memory", &memory), ("encrypted-cookie", &encrypted)] {
            let kind = format!("{store}/{}", payload.name());
            axum::used(&mut Group::new(format!("request/{kind}")), sessions, payload);
            actix::used(&mut Group::new(format!("request/actix/{kind}")), sessions, payload);
        }
    }
}
