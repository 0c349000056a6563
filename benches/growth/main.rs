//! How lookups and saves grow with the number of sessions, and what a request puts on the wires, as CSV.
//!
//! ```console
//! $ cargo bench -p cloakroom-benches --bench growth -- --measure > docs/measured/growth.csv
//! $ scripts/plot
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `main` | the file: its head, then lines of quantity, store, payload, sessions, value |
//! | `times` | nanoseconds of a lookup and of a save, through the manager, beside a bare map |
//! | `traffic` | bytes of headers, bytes and commands of Redis |
//!
//! Without `--measure` it is a small run that only shows that it works.

#![allow(clippy::print_stdout, reason = "that is what this is for")]

#[path = "../shared/environment.rs"]
mod environment;
#[path = "../shared/limit.rs"]
mod limit;
#[path = "../shared/payload.rs"]
mod payload;
#[path = "../../tests/rig/mod.rs"]
mod rig;
mod times;
mod traffic;
#[path = "../shared/visitors.rs"]
mod visitors;

use std::time::Duration;

use cloakroom::{
    Session, SessionManager, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, SignedCookieStore},
};

use crate::{
    environment::environment,
    payload::{Payload, VISITS},
};

/// One line of the file.
fn line(quantity: &str, store: &str, payload: Payload, sessions: usize, value: f64) {
    println!("{quantity},{store},{},{sessions},{value:.1}", payload.name());
}

fn main() {
    let measuring = std::env::args().any(|arg| arg == "--measure");
    println!("# {}", environment());
    println!("# cargo bench -p cloakroom-benches --bench growth -- --measure");
    println!("quantity,store,payload,sessions,value");
    traffic::print();
    times::print(measuring);
}

/// The stores that keep nothing.
fn carried() -> [(&'static str, SessionManager); 3] {
    let keys = KeyRing::new(SecretKey::generate().expect("there is randomness"));
    [
        ("encrypted cookie", managed(EncryptedCookieStore::new(&keys))),
        ("signed cookie", managed(SignedCookieStore::new(&keys))),
        ("JWT", managed(JwtStore::from_ring(&keys))),
    ]
}

/// No session is touched while it is measured, and what a loaded machine holds up is no outage.
fn managed(store: impl SessionStore) -> SessionManager {
    let day = Duration::from_secs(86_400);
    let manager = SessionManager::new(store).idle_timeout(day).absolute_timeout(day).touch_after(day);
    manager.store_timeout(Duration::from_secs(60))
}

fn read(session: &Session) -> u32 {
    session.get(VISITS).expect("it is a number").expect("it is there")
}

fn update(session: &Session) -> u32 {
    let count = |visits: &mut u32| {
        *visits += 1;
        *visits
    };
    session.update(VISITS, count).expect("it is a number")
}
