//! Chaos: model browsers visit servers of both frameworks whose clocks are wrong and whose way to Redis is full of faults. All that
//! happens is written down, and a checker says what must not have happened.
//!
//! Every choice comes from a seed, which a failing run prints together with the last requests of the session concerned.
//! `CLOAKROOM_CHAOS_SEED` plays it again, as far as real servers can; `CLOAKROOM_CHAOS_OPERATIONS` says how many requests a longer
//! run has.
//!
//! | module | holds |
//! | --- | --- |
//! | `order` | what a request asks for, and what a page shows |
//! | `app`, `shells` | the handlers, and both frameworks around them |
//! | `clocks` | the time of the history, and clocks that are wrong |
//! | `site` | the servers, each with its clock and its way to Redis |
//! | `faults` | what goes wrong on the way, and with Redis |
//! | `browser` | a device: its cookie, and one request |
//! | `person` | what somebody does with two devices |
//! | `history` | what happened in a life |
//! | `checker` | what must not have happened |
//! | `season` | all of these together |
//! | `dice`, `http`, `rig` | shared with other tests |

#![expect(clippy::unwrap_used, reason = "a test may")]

mod app;
mod browser;
mod checker;
mod clocks;
#[path = "../swap/dice.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod dice;
mod faults;
mod history;
#[path = "../scenarios/http.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod http;
mod order;
mod person;
#[path = "../rig/mod.rs"]
mod rig;
mod season;
mod shells;
mod site;

use std::{
    collections::hash_map::RandomState,
    env,
    hash::{BuildHasher as _, Hasher as _},
    io::Write as _,
    time::Duration,
};

use checker::Findings;
use season::{Length, Outcome};

/// How long an ordinary run may take, and how many requests it has at the most.
const ORDINARY: (u64, Duration) = (60_000, Duration::from_secs(51));

/// How many seasons an ordinary run has.
const SEASONS: u32 = 3;

/// How many requests a season of a longer run has.
const SEASON: u64 = 20_000;

/// How many rules there are, and after how many requests each must have had something to judge.
const RULES: usize = 19;
const ENOUGH: u64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_forbidden_happens_to_anybody() {
    let seed = number("CLOAKROOM_CHAOS_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let asked = number("CLOAKROOM_CHAOS_OPERATIONS");
    let (mut season, mut done, mut all) = (0, 0, Findings::default());
    while let Some(length) = length(asked, season, done) {
        let seed = seed.wrapping_add(season);
        let Outcome { operations, findings, report } = season::play(seed, length).await;
        if let Some(report) = report {
            panic!("play it again with CLOAKROOM_CHAOS_SEED={seed}\n{report}");
        }
        (season, done) = (season + 1, done + operations);
        all.add(findings);
        tell(&format!("chaos: {done} requests without a violation; the last seed was {seed}"));
    }
    tell(&format!("chaos: {} of {} requests were served", all.served, all.requests));
    if all.requests >= ENOUGH {
        assert_eq!(all.judged.len(), RULES, "each rule has something to judge: {:#?}", all.judged);
        assert!(all.served * 4 > all.requests, "few requests were served");
    }
}

/// How much the next season has; nothing when it was enough.
fn length(asked: Option<u64>, season: u64, done: u64) -> Option<Length> {
    match asked {
        Some(operations) => (done < operations).then(|| Length::of(SEASON.min(operations - done), None)),
        None if season == u64::from(SEASONS) => None,
        None => Some(Length::of(ORDINARY.0 / u64::from(SEASONS), Some(ORDINARY.1 / SEASONS))),
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} has to be a number, not {text:?}")))
}

/// Says how far a run has come, at once.
fn tell(line: &str) {
    // Nobody minds if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
