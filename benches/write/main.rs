//! How long it takes to change and to begin a session, from a request's headers to what its response needs, beside the least
//! that could take.
//!
//! | module | holds |
//! | --- | --- |
//! | `main` | the sizes, and one criterion group for each |
//! | `memory` | the memory store |
//! | `tokens` | the stores whose clients carry the session |
//!
//! A group is named `write/memory/100000/cart`: the work, the store, the number of sessions where it matters, the payload. What
//! it shares with the other benches stands in `shared`. `scripts/bench` runs this and prints the ratios. Saves in Redis are
//! in the bench `redis`, many writers of one session in `contention`.

#[path = "../shared/filled_store.rs"]
mod filled_store;
#[path = "../shared/limit.rs"]
mod limit;
mod memory;
#[path = "../shared/payload.rs"]
mod payload;
#[path = "../shared/run.rs"]
mod run;
#[path = "../shared/token_kinds.rs"]
mod token_kinds;
mod tokens;
#[path = "../shared/visitors.rs"]
mod visitors;

use crate::{
    payload::Payload,
    run::{Group, criterion, sizes},
    token_kinds::TokenKind,
};

fn main() {
    let mut criterion = criterion();
    for &sessions in sizes() {
        for payload in Payload::TWO {
            let name = format!("write/memory/{sessions}/{}", payload.name());
            memory::save(&mut criterion.benchmark_group(name), sessions, payload);
        }
    }
    let full = sizes()[0];
    memory::begin(&mut criterion.benchmark_group(format!("write/memory/{full}/full")), full);
    for way in TokenKind::ALL {
        for payload in Payload::ALL {
            let name = format!("write/{}/{}", way.name(), payload.name());
            tokens::save(&mut criterion.benchmark_group(name), way, payload);
        }
    }
    criterion.final_summary();
}
