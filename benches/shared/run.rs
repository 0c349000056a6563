//! How criterion runs.

#![allow(dead_code, reason = "each bench uses the part it needs")]

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};

pub(crate) type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Short runs: there are many of them, and ratios within one group are what counts.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args()
}

/// How many sessions there are. Under `cargo test` a few show that it works.
pub(crate) fn sizes() -> &'static [usize] {
    let measuring =
        std::env::args().any(|arg| arg == "--bench") && std::env::args().all(|arg| arg != "--test");
    if measuring { &[1_000, 100_000, 1_000_000] } else { &[10] }
}
