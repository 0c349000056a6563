//! Many threads at once: the accounts, the tickets and the index come out right.

use std::{sync::Barrier, thread};

use super::*;

const THREADS: u32 = 8;
const ROUNDS: u32 = 2000;

/// Runs `work` on every thread at once, with the thread's number.
fn together(work: impl Fn(u32) + Sync) {
    let barrier = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (work, barrier) = (&work, &barrier);
            scope.spawn(move || {
                barrier.wait();
                work(thread);
            });
        }
    });
}

#[test]
fn threads_that_meet_at_the_same_sessions_keep_the_accounts_right() {
    let budget = Budget { sessions: 20, bytes: 30_000 };
    let store = MemoryStore::builder().anonymous(budget).logged_in(budget).build();
    together(|thread| (0..ROUNDS).for_each(|round| step(&store, thread, round)));
    assert_in_order(&store);
    let usage = store.usage();
    assert!(usage.anonymous_sessions <= 20 && usage.logged_in_sessions <= 20);
    assert!(usage.anonymous_bytes <= 30_000 && usage.logged_in_bytes <= 30_000);
}

/// One of the calls, on one of sixty sessions, by an arithmetic that is as good as dice.
fn step(store: &MemoryStore, thread: u32, round: u32) {
    let dice = (thread * ROUNDS + round).wrapping_mul(2_654_435_761);
    let (number, now) = ((dice >> 8) % 60, NOW + Duration::from_millis(u64::from(round) * 20));
    let last = answer(store.find(&id(number), cx(now))).unwrap().live();
    let write = u64::from(thread * ROUNDS + round) + 10;
    match (last, (dice >> 20) % 8) {
        (None, 0..7) => drop(answer(store.create(&record(number, now), cx(now)))),
        (Some(last), 0..4) => {
            let next = sized(&last, write, 10 + (dice >> 16) as usize % 2000);
            drop(answer(store.replace(&next, last.version(), cx(now))));
        }
        (Some(last), 4..6) => {
            let subject = if dice & 16 == 0 { "ada" } else { "bob" };
            let next = owned(sized(&last, write, 10), subject, now);
            drop(answer(store.replace(&next, last.version(), cx(now))));
        }
        (Some(_), 6) => drop(load(store, number, now)),
        _ => drop(end(store, number, now + MINUTE / 60, now)),
    }
}

#[test]
fn of_many_writers_none_is_lost() {
    let store = MemoryStore::new();
    create(&store, &record(1, NOW), NOW);
    together(|thread| (0..100).for_each(|round| count_up(&store, u64::from(thread * 1000 + round) + 2)));
    let record = answer(store.find(&id(1), cx(NOW))).unwrap().live().unwrap();
    assert_eq!(record.version().counter, 1 + u64::from(THREADS) * 100);
}

/// Writes once, however many others come first.
fn count_up(store: &MemoryStore, write: u64) {
    let mut last = answer(store.find(&id(1), cx(NOW))).unwrap().live().unwrap();
    while let Replaced::Conflict(stored) = replace(store, &sized(&last, write, 10), &last, NOW) {
        last = stored;
    }
}

#[test]
fn a_session_that_changes_hands_meanwhile_is_on_exactly_one_page() {
    let store = MemoryStore::new();
    create(&store, &record(1, NOW), NOW);
    together(|thread| {
        let subject = ["ada", "bob", "eve", "joe"][thread as usize % 4];
        for round in 0..500 {
            let last = answer(store.find(&id(1), cx(NOW))).unwrap().live().unwrap();
            let next = owned(sized(&last, u64::from(thread * 1000 + round) + 2, 10), subject, NOW);
            replace(&store, &next, &last, NOW);
        }
    });
    assert_in_order(&store);
}
