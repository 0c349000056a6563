//! The rig for Redis is what other tests lean on: here it is tested itself, against real servers.
//!
//! | module | what is tested |
//! | --- | --- |
//! | `servers` | every form of one server, its deaths and its returns |

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../rig/mod.rs"]
mod rig;

mod servers;
