//! The code of the pages in `docs`, run. What a page shows is taken from one of these files, and `pages` holds them to it.
//!
//! | module | page |
//! | --- | --- |
//! | `administration`, `guard`, `csrf`, `flash`, `remember`, `password`, `oauth`, `streams`, `old_values` | `cookbook.md` |
//! | `testing` | `testing.md` |
//! | `deployment` | `deployment.md` |
//! | `from_tower_sessions`, `from_actix_session` | `coming-from-….md` |
//! | `examples` | the programs in `examples`, without their sockets |
//! | `client` | a browser with cookies, for the tests |
//! | `pages` | whether the pages show what is tested here |

#![allow(clippy::unwrap_used, reason = "a test may")]

mod administration;
mod client;
mod csrf;
mod deployment;
mod examples;
mod flash;
mod from_actix_session;
mod from_tower_sessions;
mod guard;
mod oauth;
mod old_values;
mod pages;
mod password;
mod remember;
mod streams;
mod testing;

use client::Browser;
