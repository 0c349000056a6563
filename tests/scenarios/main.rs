//! One suite of scenarios at the level of HTTP, for every adapter × store × transport.
//!
//! Each scenario is written once and played over real sockets on every combination of `tables`. What differs from store to store
//! it takes from the store's guarantees, never from its name. A failure names the combination:
//! `scenario · adapter · store · transport`.
//!
//! | module | holds |
//! | --- | --- |
//! | `tables` | what the scenarios run on; **one line adds an adapter, a store or a transport** |
//! | `everywhere` | runs a scenario on every combination |
//! | `stage` | one combination, served, with a clock of its own |
//! | `app` | the application: what its handlers do |
//! | `shells` | the application in each framework |
//! | `device` | a client: what holds a token between requests |
//! | `http` | a client of HTTP/1.1 that says exactly what is sent |
//! | `line`, `gate` | a store that can be cut or held, a request that can be stopped and watched |
//!
//! | scenarios | about |
//! | --- | --- |
//! | `visits` | carts, logins, tabs side by side |
//! | `endings` | logouts, here and from elsewhere |
//! | `times` | both timeouts, renewal, remember-me |
//! | `outages` | a store that is out of reach |
//! | `hostile` | tokens that nobody issued, sizes |
//! | `headers` | caches, attributes, methods |
//! | `sites` | requests that another site began |
//! | `ways` | cookies beside bearer tokens |
//! | `disconnects` | clients that go away |
//! | `failures` | handlers and middleware that fail or panic |
//! | `upgrades` | connections that leave HTTP |

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
#[path = "../rig/mod.rs"]
mod rig;

mod app;
mod device;
mod everywhere;
mod gate;
mod http;
mod line;
mod shells;
mod stage;
mod suite;
mod tables;
