//! What a second thread costs: requests of other sessions, and of the same one.
//!
//! A figure is the time of one request, as each thread sees it. Sessions of their own should not notice each other; writers of
//! one session take turns, and none of their changes is lost.

#[path = "../shared/run.rs"]
mod run;
#[path = "../shared/visitors.rs"]
mod visitors;

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use cloakroom::{Session, SessionManager, store::MemoryStore};
use serde_json::json;

use crate::{
    run::criterion,
    visitors::{CookieHeader, arrive, leave, now, request, visitor},
};

const VISITS: &str = "visits";
const SESSIONS: usize = 100_000;

fn read(session: &Session) {
    black_box(session.get::<u32>(VISITS).expect("it is a number"));
}

fn count(session: &Session) {
    session.update(VISITS, |visits: &mut u32| *visits += 1).expect("it is a number");
}

/// The time in which every thread makes `rounds` requests, each with the cookies of its share: that of the slowest.
#[expect(clippy::disallowed_methods, reason = "this measures")]
fn together(
    sessions: &SessionManager,
    shares: &[&[CookieHeader]],
    rounds: u64,
    handler: fn(&Session),
) -> Duration {
    let start = Barrier::new(shares.len());
    let rounds = usize::try_from(rounds).unwrap_or(usize::MAX);
    let work = |share: &[CookieHeader]| {
        start.wait();
        let began = Instant::now();
        for cookie in share.iter().cycle().take(rounds) {
            request(sessions, cookie, handler);
        }
        began.elapsed()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = shares.iter().map(|share| scope.spawn(|| work(share))).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("no request panics"));
        times.max().unwrap_or_default()
    })
}

/// How many requests of one session are under way together.
const CROWD: u64 = 64;

/// Requests that all load their session before the first of them saves it: each but the first is overtaken, and replayed.
#[expect(clippy::disallowed_methods, reason = "this measures")]
fn crowd(sessions: &SessionManager, cookie: &CookieHeader, rounds: u64) -> Duration {
    let began = Instant::now();
    for _ in 0..rounds.div_ceil(CROWD) {
        let under_way: Vec<_> = (0..CROWD).map(|_| now(arrive(sessions, cookie))).collect();
        under_way.iter().for_each(|(_, session)| count(session));
        under_way.into_iter().for_each(|(exchange, _)| drop(now(leave(exchange))));
    }
    let whole = rounds.div_ceil(CROWD) * CROWD;
    began.elapsed().mul_f64(rounds as f64 / whole as f64)
}

fn main() {
    let mut criterion = criterion();
    let sessions = SessionManager::new(MemoryStore::new());
    let mut cookies: Vec<_> =
        (0..SESSIONS).map(|_| visitor(&sessions, &[(VISITS, json!(1_000_000))])).collect();
    cookies.sort_unstable();
    let (one, two) = cookies.split_at(SESSIONS / 2);
    for (name, handler) in [("read", read as fn(&Session)), ("update", count)] {
        let mut group = criterion.benchmark_group(format!("contention/{name}"));
        let mut threads = |name, shares: &[&[CookieHeader]]| {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|rounds| together(&sessions, shares, rounds, handler));
            });
        };
        threads("limit", &[one]);
        threads("two threads", &[one, two]);
        threads("one session, one thread", &[&one[..1]]);
        threads("one session, two threads", &[&one[..1], &one[..1]]);
    }
    let mut group = criterion.benchmark_group("contention/update");
    group.bench_function("one session, 64 writers at once", |bencher| {
        bencher.iter_custom(|rounds| crowd(&sessions, &one[0], rounds));
    });
    drop(group);
    criterion.final_summary();
}
