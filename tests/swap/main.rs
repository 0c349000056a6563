//! Every store is swapped for every other one under live traffic, and back: nobody is logged out, and where both stores
//! promise it, no update is lost.
//!
//! | module | holds |
//! | --- | --- |
//! | `table` | the stores; a new one is a line there |
//! | `fleet` | several servers that roll through the phases of a migration |
//! | `clients` | browsers with several tabs |
//! | `dice` | what is left to chance, from a seed |
//!
//! Whatever is left to chance comes from a seed, and time stands still unless it is told to go on. So where no store is
//! behind a network, a run that failed fails again.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod clients;
mod dice;
mod fleet;
#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
#[path = "../conformance/plain.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod plain;
#[path = "../rig/mod.rs"]
mod rig;
mod table;

use std::{sync::Arc, thread};

use clients::Client;
use cloakroom::{
    SessionStore,
    store::{Phase, Updates},
};
use dice::Dice;
use fleet::{Fleet, Stage};
use table::{OUTSIDE, Open, STORES};

/// How often each pair is tried, each time with other dice: those that have a server or threads of their own less often, since their
/// timing differs each time anyway.
const SEEDS: [u64; 2] = [3, 1];

/// Half of the pairs on each of two threads.
#[test]
fn every_store_is_swapped_for_every_other_one_and_back() {
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let pairs = STORES.iter().flat_map(|old| STORES.iter().map(move |new| (*old, *new)));
                for (old, new) in pairs.skip(half).step_by(2) {
                    runtime.block_on(swapped(old, new));
                }
            });
        }
    });
}

/// One pair, with each of its seeds.
async fn swapped((old, open_old): (&str, Open), (new, open_new): (&str, Open)) {
    let is_outside = [old, new].iter().any(|name| OUTSIDE.contains(name));
    for seed in 0..SEEDS[usize::from(is_outside)] {
        let name = format!("{old} to {new}, seed {seed}");
        let (old, new) = (open_old().await, open_new().await);
        there_and_back(&name, &old.store, &new.store, Dice::new(seed)).await;
    }
}

/// A run that failed has to fail again: the dice of two runs with one seed fall the same to the last throw.
#[tokio::test]
async fn the_same_seed_is_the_same_run() {
    let mut ends = Vec::new();
    for _ in 0..2 {
        let [old, new] =
            ["memory", "jwt"].map(|name| STORES.iter().find(|(known, _)| *known == name).unwrap().1);
        let (old, new, dice) = (old().await, new().await, Dice::new(7));
        there_and_back("twice", &old.store, &new.store, dice.clone()).await;
        ends.push(dice.below(u64::MAX));
    }
    assert_eq!(ends[0], ends[1]);
}

/// One life of a fleet.
async fn there_and_back(name: &str, old: &Arc<dyn SessionStore>, new: &Arc<dyn SessionStore>, dice: Dice) {
    let keeps_all = [old, new].iter().all(|store| store.guarantees().updates == Updates::NeverLost);
    let fleet = Fleet::new(old, &dice);
    let mut clients = vec![Client::log_in(name, &fleet, &dice).await];
    for (old, new) in [(old, new), (new, old)] {
        for phase in [Phase::Prepare, Phase::Move, Phase::Finish] {
            let stage = Stage::between(old, new, phase);
            roll(&fleet, &stage, &clients, &dice).await;
            // Whoever begins on the way goes the rest of it.
            clients.push(Client::log_in(name, &fleet, &dice).await);
            if phase == Phase::Move {
                until_nothing_is_read_from_the_old_store(&fleet, &clients, &dice).await;
            }
        }
        roll(&fleet, &Stage::Alone(new.clone()), &clients, &dice).await;
        for client in &clients {
            client.check(&fleet, keeps_all).await;
        }
    }
}

/// Brings all servers to a stage, one after the other in any order, while requests are served.
async fn roll(fleet: &Fleet, stage: &Stage, clients: &[Client], dice: &Dice) {
    for server in dice.shuffled(fleet.len()) {
        let traffic = clients::burst(clients, fleet, dice);
        tokio::join!(traffic, fleet.change(server, stage, dice));
        clients[dice.index(clients.len())].renew(fleet, dice).await;
        fleet.advance(dice.below(90));
    }
}

/// What an operator waits for before the migration is finished.
async fn until_nothing_is_read_from_the_old_store(fleet: &Fleet, clients: &[Client], dice: &Dice) {
    for _ in 0..10 {
        fleet.advance(61);
        let before = fleet.read_from_old();
        clients::burst(clients, fleet, dice).await;
        if fleet.read_from_old() == before {
            return;
        }
    }
    panic!("sessions are still read from the old store");
}
