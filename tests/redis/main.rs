//! The Redis store against real servers, and against everything that can go wrong on the way.
//!
//! | module | shows |
//! | --- | --- |
//! | `conformance` | the public suite, on each deployment, with and without the local cache |
//! | `deployments` | how a server is reached: TLS, Unix socket, password, database, an existing connection |

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../rig/mod.rs"]
mod rig;

mod conformance;
