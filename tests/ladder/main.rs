//! Every rung between stateful and stateless in simulated histories: nodes with wrong clocks, one shared store, and a network between
//! them that delays, loses, cuts off and reorders, while nodes crash and browsers send requests in several tabs.
//!
//! Time is simulated, so a history takes no time but that of its computation. Every choice comes from a seed, which a failing run
//! prints; `CLOAKROOM_LADDER_SEED` plays that history alone, and `CLOAKROOM_LADDER_HISTORIES` says how many each rung is tried in.
//!
//! | module | holds |
//! | --- | --- |
//! | `shared` | the shared store, and what it held at which time |
//! | `network` | the way from a node to the shared store, and the simulated time |
//! | `site` | the nodes, each with its clock, its rung and its way to the shared store |
//! | `tab` | a tab of a browser, and its requests |
//! | `history` | one history, from its seed to its end |
//! | `judge` | what must not have happened |
//! | `rungs` | the rungs |
//! | `dice` | shared with other tests |

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../swap/dice.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod dice;
mod history;
#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
mod judge;
mod network;
mod rungs;
mod shared;
mod site;
mod tab;

use std::{
    collections::hash_map::RandomState,
    env,
    hash::{BuildHasher as _, Hasher as _},
    io::Write as _,
    thread,
};

use history::Summary;
use rungs::{RUNGS, Rung};

/// How many histories each rung is tried in, unless the environment says otherwise.
const HISTORIES: u64 = 500;

/// What must have happened in so many histories, so that there was something to judge.
const ENOUGH: u64 = 500;

#[test]
fn each_rung_keeps_what_it_guarantees() {
    let histories = number("CLOAKROOM_LADDER_HISTORIES").unwrap_or(HISTORIES);
    for rung in RUNGS {
        let summary = try_rung(rung, histories);
        let _ = writeln!(std::io::stderr(), "ladder: {}: {summary:?}", rung.name);
        if histories >= ENOUGH && number("CLOAKROOM_LADDER_SEED").is_none() {
            summary.assert_plenty(rung.name);
        }
    }
}

/// The rungs are judged by what they declare, so one that declares too much is caught.
#[test]
fn a_rung_that_declares_more_than_it_keeps_is_caught() {
    for rung in RUNGS {
        for flaw in rungs::FLAWS {
            if let Some(flawed) = rungs::flawed(rung, *flaw) {
                let caught = (0..20_000).any(|seed| history::play(&flawed, seed).is_err());
                assert!(caught, "{} with the flaw {flaw:?}", rung.name);
            }
        }
    }
}

/// Plays histories on two threads.
fn try_rung(rung: &Rung, histories: u64) -> Summary {
    if let Some(seed) = number("CLOAKROOM_LADDER_SEED") {
        return judged(rung, seed);
    }
    let first = RandomState::new().build_hasher().finish();
    let half = histories / 2;
    thread::scope(|scope| {
        let parts = [(0, half), (half, histories)].map(|(from, to)| {
            scope.spawn(move || {
                let mut sum = Summary::default();
                for seed in from..to {
                    sum.add(&judged(rung, first.wrapping_add(seed)));
                }
                sum
            })
        });
        let mut sum = Summary::default();
        for part in parts {
            match part.join() {
                Ok(part) => sum.add(&part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        sum
    })
}

fn judged(rung: &Rung, seed: u64) -> Summary {
    history::play(rung, seed).unwrap_or_else(|problem| {
        panic!("{}: {problem}\nCLOAKROOM_LADDER_SEED={seed} plays it again", rung.name)
    })
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} has to be a number, not {text:?}")))
}
