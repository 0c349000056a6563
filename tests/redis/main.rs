//! The Redis store against real servers, and against everything that can go wrong on the way.
//!
//! | module | shows |
//! | --- | --- |
//! | `conformance` | the public suite, on each deployment, with and without the local cache |
//! | `commands` | what each kind of request costs on the wire |
//! | `dropped` | calls given up at every await |
//! | `faults` | every fault on the way, at every kind of call, harms nobody |

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../promises/browser.rs"]
#[allow(dead_code, reason = "the promises use all of it")]
mod browser;
#[path = "../rig/mod.rs"]
mod rig;

mod commands;
mod conformance;
mod dropped;
mod faults;
mod scene;
