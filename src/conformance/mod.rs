//! The suite that checks any [`SessionStore`](crate::SessionStore) against its guarantees.
//!
//! A store declares its [`Guarantees`](crate::store::Guarantees), and the suite checks exactly those. Time is advanced, never
//! slept, except for the time that a store declares to take until a change is durable. The author of a store or a layer runs [`check`] in a test:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use std::sync::Arc;
//! use cloakroom::{conformance, store::MemoryStore};
//!
//! let report = conformance::check(|| Arc::new(MemoryStore::new())).await;
//! report.assert();
//! # }
//! ```
//!
//! A store that guarantees more than one server can see, such as surviving a restart, needs a [`Harness`] that shows it, or waives
//! those checks by name with [`check_waiving`]. Each check is also a function of its own:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cloakroom::conformance::Failure> {
//! # use std::sync::Arc;
//! # use cloakroom::store::MemoryStore;
//! use cloakroom::conformance::replace::replace_never_creates;
//!
//! replace_never_creates(&Arc::new(MemoryStore::new())).await
//! # }
//! ```
//!
//! | module | checks |
//! | --- | --- |
//! | [`create`] | beginning a session |
//! | [`replace`] | replacing a known state with a new one |
//! | [`end`] | ending a session, and tombstones |
//! | [`resurrection`] | no order of calls brings an ended session back |
//! | [`requests`] | whole requests, alone and at the same time |
//! | [`lost_replies`] | the same when the store's replies are lost |
//! | [`expiry`] | ending by time |
//! | [`clocks`] | clocks that jump |
//! | [`deadlines`] | calls that end at their deadline |
//! | [`touch`] | recording that a session was used |
//! | [`values`] | the values of a session, as handlers write and read them |
//! | [`rotation`] | new secrets for old sessions, with and without grace |
//! | [`index`] | the sessions of a subject |
//! | [`limits`] | how much a session may hold |
//! | [`tokens`] | hostile tokens |
//! | [`answers`] | answers that are consistent with each other |
//! | [`servers`] | other servers, and a restart |
//! | [`crash`] | a crash of a server that acknowledges changes before they are durable |
//! | [`outside`] | dumps and outages of what is stored outside of the process |
//! | [`carried`] | sessions that clients carry |
//!
//! | module | holds |
//! | --- | --- |
//! | `harness` | [`Harness`], [`Outage`]: what a store author provides |
//! | `run` | [`check`], [`check_waiving`] |
//! | `revocation_log` | [`check_revocation_log`]: what a log of revocations has to do |
//! | `report` | [`Report`], [`Outcome`]: the results |
//! | `verdict` | [`Verdict`], [`Failure`]: how one check ends |
//! | `suite` | every check, and what it requires |
//! | `requirements` | what checks require of the guarantees |
//! | `trial` | a store at a moment in time, and what servers and clients do with it |
//! | `browser` | whole requests through the engine |
//! | `calls` | every call of a store once |
//! | `crowd` | many at the same time |

pub mod answers;
mod browser;
mod calls;
pub mod carried;
pub mod clocks;
pub mod crash;
pub mod create;
mod crowd;
pub mod deadlines;
pub mod end;
pub mod expiry;
mod harness;
pub mod index;
pub mod limits;
pub mod lost_replies;
pub mod outside;
pub mod replace;
mod report;
pub mod requests;
mod requirements;
pub mod resurrection;
mod revocation_log;
pub mod rotation;
mod run;
pub mod servers;
mod suite;
pub mod tokens;
pub mod touch;
mod trial;
pub mod values;
mod verdict;

pub use self::{
    harness::{Harness, Outage},
    report::{Outcome, Report},
    revocation_log::{RevocationLogHarness, check_revocation_log},
    run::{check, check_only, check_waiving},
    verdict::{Failure, Verdict},
};
