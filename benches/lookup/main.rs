//! How long a store takes to find a session, or to tell that there is none, beside the least that could take.
//!
//! | module | holds |
//! | --- | --- |
//! | `main` | the sizes, and one criterion group for each |
//! | `memory` | the memory store, bare, behind the manager and in wrappers |
//! | `tokens` | the stores whose clients carry the session |
//! | `resident` | the bytes that a session takes, with `-- --resident` |
//!
//! and in `shared`, for all benches:
//!
//! | module | holds |
//! | --- | --- |
//! | `payload` | what a session holds |
//! | `limit` | the least: a bare map of bytes |
//! | `filled` | a memory store full of sessions, and how its visitors come by |
//! | `run` | how criterion runs |
//! | `ways` | the stores whose clients carry the session |
//! | `visitors` | requests without any framework |
//!
//! A group is named `lookup/memory/100000/cart`: the work, the store, the number of sessions where it matters, the
//! payload. Every group measures its own limits, because only ratios taken in the same minute mean anything. Sessions are
//! visited in random order. `scripts/bench` runs this and prints the ratios. Lookups in Redis are in the bench `redis`.

#[path = "../shared/filled_store.rs"]
mod filled_store;
#[path = "../shared/limit.rs"]
mod limit;
mod memory;
#[path = "../shared/payload.rs"]
mod payload;
mod resident;
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
    if std::env::args().any(|arg| arg == "--resident") {
        return resident::print();
    }
    let mut criterion = criterion();
    for &sessions in sizes() {
        for payload in Payload::TWO {
            let name = format!("lookup/memory/{sessions}/{}", payload.name());
            memory::lookup(&mut criterion.benchmark_group(name), sessions, payload);
        }
    }
    let few = sizes()[0];
    memory::wrapped(
        &mut criterion.benchmark_group(format!("lookup/wrapped/{few}/small")),
        few,
        Payload::Small,
    );
    for way in TokenKind::ALL {
        for payload in Payload::ALL {
            let name = format!("lookup/{}/{}", way.name(), payload.name());
            tokens::lookup(&mut criterion.benchmark_group(name), way, payload);
        }
    }
    criterion.final_summary();
}
