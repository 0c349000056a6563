//! The longest pause that a request sees while a million expired sessions are swept.
//!
//! The memory store has no background task: whoever begins or ends a session inspects a few others. So what there is to
//! fear is a request that pays for many. Each request is timed by itself, and the distributions are printed: while the
//! store fills, then with every session alive, then with all of the first million expired at once.
//!
//! ```console
//! $ cargo bench -p cloakroom-benches --bench sweep
//! ```
//!
//! What the operating system takes away from the thread counts too. So the last column leaves out requests in which another
//! thread was put in this one's place, as the kernel counts them.

#![allow(clippy::print_stdout, reason = "that is what this is for")]

#[path = "../shared/payload.rs"]
mod payload;
#[path = "../shared/visitors.rs"]
mod visitors;

use std::{
    fs,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use cloakroom::{
    Session, SessionManager,
    store::{Budget, MemoryStore},
    time::{Clock as _, ManualClock, SystemClock},
};
use serde_json::Value;

use crate::{
    payload::{Payload, VISITS},
    visitors::{CookieHeader, request, visitor},
};

const HOUR: Duration = Duration::from_secs(3600);

fn main() {
    // Under `cargo test` a few show that it works.
    let sessions = if std::env::args().any(|arg| arg == "--bench") { 1_000_000 } else { 1_000 };
    let mut filled = FilledStore::new(sessions);
    println!("{sessions} small sessions (126 bytes of JSON); times of single requests in microseconds\n");
    println!(
        "| phase | request | number | median | 99 % | 99.9 % | 99.99 % | longest | longest, not interrupted |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");

    let filling = (0..sessions).map(|_| filled.begin()).collect();
    row("filling", "begins a session", filling);

    filled.load(sessions).print("all alive");
    filled.clock.advance(2 * HOUR);
    filled.old.clear();
    let before = filled.store.usage().anonymous_sessions;
    let swept = filled.load_until_swept(sessions);
    let requests = swept.begun.len();
    swept.print("expired ones are swept");
    println!(
        "\n{before} sessions before and {} after, {requests} of them begun meanwhile.",
        filled.store.usage().anonymous_sessions
    );
}

/// A store, and the cookies of its visitors.
struct FilledStore {
    store: MemoryStore,
    manager: SessionManager,
    clock: Arc<ManualClock>,
    watch: Watch,
    values: Vec<(&'static str, Value)>,
    /// Those that expire.
    old: Vec<CookieHeader>,
    /// Those that were begun last.
    young: Vec<CookieHeader>,
}

impl FilledStore {
    fn new(sessions: usize) -> Self {
        let store =
            MemoryStore::builder().anonymous(Budget { sessions: 4 * sessions, bytes: usize::MAX }).build();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let manager = SessionManager::new(store.clone())
            .clock(Arc::clone(&clock))
            .idle_timeout(HOUR)
            .absolute_timeout(24 * HOUR)
            .touch_after(HOUR);
        let values = Payload::Small.values();
        Self {
            store,
            manager,
            clock,
            watch: Watch::default(),
            values,
            old: Vec::with_capacity(sessions),
            young: Vec::new(),
        }
    }

    fn begin(&mut self) -> Took {
        let (cookie, took) = self.watch.timed(|| visitor(&self.manager, &self.values));
        self.old.push(cookie);
        took
    }

    /// As many new sessions, and nine reads of one that is alive with each.
    fn load(&mut self, sessions: usize) -> Load {
        let mut load = Load::default();
        for n in 0..sessions / 10 {
            self.step(&mut load, n);
        }
        load
    }

    /// The same until nothing is left of the first ones.
    fn load_until_swept(&mut self, sessions: usize) -> Load {
        let mut load = Load::default();
        self.young.clear();
        while self.store.usage().anonymous_sessions > self.young.len() {
            self.step(&mut load, self.young.len());
            assert!(load.begun.len() <= 4 * sessions, "it is not swept");
        }
        load
    }

    fn step(&mut self, load: &mut Load, n: usize) {
        let (cookie, took) = self.watch.timed(|| visitor(&self.manager, &self.values));
        load.begun.push(took);
        self.young.push(cookie);
        for m in 0..9 {
            // In an order without a pattern, for the caches.
            let at = (n * 9 + m).wrapping_mul(0x9e37_79b9_7f4a_7c15) % self.young.len();
            let read = |session: &Session| session.get::<u32>(VISITS).expect("it is a number");
            let (found, took) = self.watch.timed(|| request(&self.manager, &self.young[at], read).0);
            assert!(found.is_some(), "it is alive");
            load.read.push(took);
        }
    }
}

#[derive(Default)]
struct Load {
    begun: Vec<Took>,
    read: Vec<Took>,
}

impl Load {
    fn print(self, phase: &str) {
        row(phase, "begins a session", self.begun);
        row(phase, "reads one", self.read);
    }
}

/// How long a request took, and whether the thread had the processor all the while. Of short ones nobody asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Took {
    time: Duration,
    interrupted: bool,
}

/// Times requests.
#[derive(Default)]
struct Watch {
    interruptions: usize,
}

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "time is what is measured")]
    fn timed<T>(&mut self, work: impl FnOnce() -> T) -> (T, Took) {
        let began = Instant::now();
        let answer = black_box(work());
        let time = began.elapsed();
        let interrupted = time > Duration::from_micros(15) && self.was_interrupted();
        (answer, Took { time, interrupted })
    }

    /// Whether the kernel took the processor away since this was asked last.
    fn was_interrupted(&mut self) -> bool {
        let status = fs::read_to_string("/proc/thread-self/status").expect("this is Linux");
        let count = |line: &str| line.split_once("ctxt_switches:")?.1.trim().parse::<usize>().ok();
        let interruptions = status.lines().filter_map(count).sum();
        std::mem::replace(&mut self.interruptions, interruptions) != interruptions
    }
}

fn row(phase: &str, request: &str, mut all: Vec<Took>) {
    all.sort_unstable();
    let micros = |took: &Took| format!("{:.1}", took.time.as_secs_f64() * 1e6);
    let at = |per_10_000: usize| micros(&all[(all.len() - 1) * per_10_000 / 10_000]);
    let shown = [5_000, 9_900, 9_990, 9_999, 10_000].map(at);
    let own = all.iter().rfind(|took| !took.interrupted).map(micros).unwrap_or_default();
    println!("| {phase} | {request} | {} | {} | {own} |", all.len(), shown.join(" | "));
}
