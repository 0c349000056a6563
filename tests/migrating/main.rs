//! Sessions that move from one store to another while requests are served.
//!
//! | module | tests |
//! | --- | --- |
//! | `suite` | the conformance suite, for pairs of stores in every phase |
//! | `records` | stores that keep records: every order of the store calls of several servers, and crashes between them |
//! | `mixed` | the same where the clients of one store carry their sessions |
//! | `tokens` | where those of both do |
//! | `way_back` | sessions that have moved come back |
//! | `revocations` | sessions that a log of revocations ends |
//! | `log_outs` | logouts and their tombstones |
//! | `outages` | one of the two stores is unavailable |
//! | `draining` | a server that drains its sessions into another store before it exits |
//! | `drain` | what an application calls before it exits |
//! | `counters` | progress, sizes, indexes, and what is declared |

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../promises/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod browser;
mod counters;
mod drain;
mod draining;
#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
mod log_outs;
mod mixed;
mod outages;
#[path = "../conformance/plain.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod plain;
mod records;
mod revocations;
#[path = "../steps/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod steps;
mod suite;
mod tokens;
mod way_back;
mod world;
