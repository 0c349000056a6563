//! The PostgreSQL store against real servers, and against everything that can go wrong on the way.
//!
//! | module | shows |
//! | --- | --- |
//! | `changes` | a cache before it, which is told of changes |
//! | `conformance` | the public suite, directly, behind a cache, and through PgBouncer |
//! | `deployments` | how a server is reached: TLS, password, Unix socket, several hosts, connections of the application |
//! | `durability` | kills under load, restarts, standbys, servers that are paused, locked or end connections |
//! | `full` | servers that have no connection left, and disks that are full |
//! | `revocable` | a log of revocations, and cookies that it ends |
//! | `table` | the table: its definition, what is swept, that many nodes do so at once |
//! | `way` | a way that is cut, silent, or loses answers |
//! | `scene`, `visits` | what the tests share |

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../promises/browser.rs"]
#[allow(dead_code, reason = "the promises use all of it")]
mod browser;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../visits/mod.rs"]
mod visits;

mod changes;
mod conformance;
mod deployments;
mod durability;
mod full;
mod revocable;
mod scene;
mod table;
mod way;
