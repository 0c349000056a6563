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
//! | `house` | a memory store full of sessions, and how its visitors come by |
//! | `ways` | the stores whose clients carry the session |
//! | `visitors` | requests without any framework |
//!
//! A group is named `lookup/memory/100000/cart`: the work, the store, the number of sessions where it matters, the
//! payload. Every group measures its own limits, because only ratios taken in the same minute mean anything. Sessions are
//! visited in random order. `scripts/bench` runs this and prints the ratios. Lookups in Redis are in the bench `redis`.

#[path = "../shared/house.rs"]
mod house;
#[path = "../shared/limit.rs"]
mod limit;
mod memory;
#[path = "../shared/payload.rs"]
mod payload;
mod resident;
mod tokens;
#[path = "../shared/visitors.rs"]
mod visitors;
#[path = "../shared/ways.rs"]
mod ways;

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};

use crate::{payload::Payload, ways::Way};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// How many sessions there are. Under `cargo test` a few show that it works.
fn sizes() -> &'static [usize] {
    let measuring =
        std::env::args().any(|arg| arg == "--bench") && std::env::args().all(|arg| arg != "--test");
    if measuring { &[1_000, 100_000, 1_000_000] } else { &[10] }
}

fn main() {
    if std::env::args().any(|arg| arg == "--resident") {
        return resident::print();
    }
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
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
    for way in Way::ALL {
        for payload in Payload::ALL {
            let name = format!("lookup/{}/{}", way.name(), payload.name());
            tokens::lookup(&mut criterion.benchmark_group(name), way, payload);
        }
    }
    criterion.final_summary();
}
