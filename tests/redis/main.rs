//! The Redis store against real servers, and against everything that can go wrong on the way.
//!
//! | module | shows |
//! | --- | --- |
//! | `conformance` | the public suite, on each deployment, with and without a cache before it |
//! | `budgets` | what one can make everybody pay, in bytes |
//! | `cache` | a cache before Redis: what it saves, and that it is never wrong for longer than it says |
//! | `circuit_breaker` | a server that hangs delays few requests |
//! | `cluster` | sessions on many nodes, which move and die |
//! | `commands` | what each kind of request costs on the wire |
//! | `connections` | connections that go silent, are not made, or whose maker is busy |
//! | `deployments` | how a server is reached: TLS, Unix socket, user, database, an existing connection |
//! | `dropped` | calls given up at every await |
//! | `durability` | kills, restarts, and servers that are full, paused, empty or replicas |
//! | `faults` | every fault on the way, at every kind of call, harms nobody |
//! | `index` | the sessions of one subject: entries without sessions, sessions without entries |
//! | `revocable` | a log of revocations, and cookies that it ends |
//! | `refusals` | what is logged of a server that refuses writes |
//! | `sentinel` | a primary that is found again when it is another one |
//! | `writers` | many writers of one large session |
//! | `memory` | a server whose memory runs out |
//! | `replies` | replies that are not one's own |
//! | `load`, `scene`, `visits` | what the tests share |

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../promises/browser.rs"]
#[allow(dead_code, reason = "the promises use all of it")]
mod browser;
#[path = "../promises/events.rs"]
#[allow(dead_code, reason = "the promises use all of it")]
mod events;
#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../visits/mod.rs"]
mod visits;

mod budgets;
mod cache;
mod circuit_breaker;
mod cluster;
mod commands;
mod conformance;
mod connections;
mod deployments;
mod dropped;
mod durability;
mod faults;
mod index;
mod load;
mod memory;
mod refusals;
mod replicas;
mod replies;
mod revocable;
mod scene;
mod sentinel;
mod writers;
