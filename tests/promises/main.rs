//! The promises of the crate, each with tests that fail when it is broken. The numbers are those of ARCHITECTURE.md.
//!
//! | promise | tests |
//! | --- | --- |
//! | 1 the store changes no handler | `stores` |
//! | 2 no lost update, 5 nothing stored or sent before a write | `writes` |
//! | 3 no resurrection, 4 no adopted ID, 7 login and logout, 15 no late cookie | `identity` |
//! | 6 both timeouts, 12 time is injected | `timeouts` |
//! | 8 errors are errors | `outages` |
//! | 9 flipped bits, 13 nothing panics, reading cookies | `hostile` |
//! | 10 nothing secret is printed | `secrets` |
//! | 11 caches, 16 other sites | `headers`, `sites` |
//! | 14 a store is tested against what it declares | `tests/conformance.rs`, `stores` |
//! | clocks that differ, requests that are older than several changes | `clocks` |
//! | how tokens travel | `transports` |
//! | sessions that are remembered | `remember` |
//! | cookies that others planted or the app left behind | `planted` |
//! | 2 against a naive model | `model` |
//! | several handles of one session, and those that outlive their request | `handles` |
//! | handles that look again, and learn of an end | `long_lived` |
//! | sessions from outside their requests | `outside` |
//! | sessions that clients carry, ended by a log | `revocable` |
//! | one subject acts as another | `acting` |
//! | the ID of a session | `ids` |
//! | clients that do not return `Secure` cookies | `plain_http` |
//! | stores that answer from what they know, and routes that ask for now | `hybrid` |
//! | what is logged is documented | `log_table` |
//! | 17 anonymous sessions displace nobody | `budgets` |
//! | 7 logins and logouts where their number is limited | `crowd` |

#![allow(clippy::unwrap_used, reason = "a test may")]

mod acting;
mod browser;
mod budgets;
mod clocks;
mod crowd;
mod events;
mod handles;
mod headers;
#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
mod hostile;
mod hybrid;
mod identity;
mod ids;
mod jar;
mod log_table;
mod logs;
mod long_lived;
mod model;
mod outages;
mod outside;
mod plain_http;
mod planted;
mod probe;
mod remember;
mod revocable;
mod secrets;
mod sites;
#[path = "../steps/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod steps;
mod stores;
mod timeouts;
mod transports;
mod writes;
