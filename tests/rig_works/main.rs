//! The rig for Redis is what other tests lean on: here it is tested itself, against real servers.
//!
//! | module | what is tested |
//! | --- | --- |
//! | `servers` | every form of one server, its deaths and its returns |
//! | `sentinel` | failover, asked for and forced |
//! | `cluster` | the same, and slots that move |
//! | `faults` | each fault of the proxy does what it says |
//! | `counting` | what the proxy saw |
//! | `messages` | where a message of the protocol ends |
//!
//! `client` is how they connect.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../rig/mod.rs"]
mod rig;

mod client;
mod cluster;
mod counting;
mod faults;
mod messages;
mod sentinel;
mod servers;
