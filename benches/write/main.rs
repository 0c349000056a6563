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

#[path = "../shared/house.rs"]
mod house;
#[path = "../shared/limit.rs"]
mod limit;
mod memory;
#[path = "../shared/payload.rs"]
mod payload;
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
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for &sessions in sizes() {
        for payload in Payload::TWO {
            let name = format!("write/memory/{sessions}/{}", payload.name());
            memory::save(&mut criterion.benchmark_group(name), sessions, payload);
        }
    }
    let full = sizes()[0];
    memory::begin(&mut criterion.benchmark_group(format!("write/memory/{full}/full")), full);
    for way in Way::ALL {
        for payload in Payload::ALL {
            let name = format!("write/{}/{}", way.name(), payload.name());
            tokens::save(&mut criterion.benchmark_group(name), way, payload);
        }
    }
    criterion.final_summary();
}
