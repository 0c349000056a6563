//! What a session adds to a whole request in process: axum's router or actix-web's, a handler, no network.
//!
//! Each group has its limit, the same handler without sessions, and beside it what a layer that does nothing costs: axum boxes
//! what every layer makes. `scripts/bench` runs this and prints the ratios.

mod actix;
mod axum;
#[path = "../shared/least.rs"]
mod least;
#[path = "../shared/payload.rs"]
mod payload;
#[path = "../shared/run.rs"]
mod run;
#[path = "../shared/visitors.rs"]
mod visitors;

use crate::{
    payload::Payload,
    run::{Group, criterion},
};
use cloakroom::{
    SessionManager,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, MemoryStore},
};

fn main() {
    let mut criterion = criterion();
    axum::unused(&mut criterion.benchmark_group("request/unused"));
    let keys = KeyRing::new(SecretKey::generate().expect("there is randomness"));
    for payload in Payload::TWO {
        let memory = SessionManager::new(MemoryStore::new());
        let encrypted = SessionManager::new(EncryptedCookieStore::new(&keys));
        for (store, sessions) in [("memory", &memory), ("encrypted-cookie", &encrypted)] {
            let kind = format!("{store}/{}", payload.name());
            axum::used(&mut criterion.benchmark_group(format!("request/{kind}")), sessions, payload);
            actix::used(&mut criterion.benchmark_group(format!("request/actix/{kind}")), sessions, payload);
        }
    }
    criterion.final_summary();
}
