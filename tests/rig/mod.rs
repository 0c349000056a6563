//! The test rig for Redis: real servers on free loopback ports.
//!
//! Include it with `#[path = "../rig/mod.rs"] mod rig;`. It has tests of its own, in `tests/rig_works`.
//!
//! | module | type | what it is |
//! | --- | --- | --- |
//! | `server` | [`RedisServer`] | one `redis-server`: file, password, Unix socket, TLS; killed and restarted |
//! | `wait` | [`until`], [`eventually`] | asking again until something is so |
//! | `process`, `port`, `folder`, `tls` | | what the servers are made of |
//!
//! Nothing here is left behind: whatever was started dies with its handle, when a test panics, and when the test's process
//! is killed. Methods block.

#![allow(dead_code, unused_imports, reason = "each test crate uses the part it needs")]

mod folder;
mod port;
mod process;
mod server;
mod tls;
mod wait;

pub(crate) use server::RedisServer;
pub(crate) use wait::{eventually, until};
