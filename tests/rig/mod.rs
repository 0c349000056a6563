//! The test rig for Redis and PostgreSQL: real servers on free loopback ports, and a proxy that misbehaves on demand.
//!
//! Include it with `#[path = "../rig/mod.rs"] mod rig;`. It runs the `redis-server` that is installed (6.2 or later), or the
//! program that `CLOAKROOM_REDIS_SERVER` names, which may be Valkey's, and the newest PostgreSQL that is installed, or that in the
//! folder that `CLOAKROOM_POSTGRES_BIN` names. It has tests of its own, in `tests/rig_works`.
//!
//! | module | type | what it is |
//! | --- | --- | --- |
//! | `server` | [`RedisServer`] | one `redis-server`: file, password, Unix socket, TLS; killed and restarted |
//! | `sentinel` | [`RedisSentinel`] | a primary, two replicas, three sentinels; failed over |
//! | `cluster` | [`RedisCluster`] | three primaries, three replicas; resharded |
//! | `postgres` | [`PostgresServer`] | one `postgres`: TLS, password, standby; killed, paused and restarted |
//! | `pgbouncer` | [`PgBouncer`] | a pooler before it, in transaction mode |
//! | `wire` | [`Wire`] | stands before any server: cuts, holds, and drops answers |
//! | `proxy` | [`Proxy`] | stands before a Redis server: counts commands, and is late, deaf or wrong as a [`Fault`] says |
//! | `disk` | [`SmallDisk`] | a disk that can be full |
//! | `wait` | [`until`], [`eventually`] | asking again until something is so |
//! | `process`, `program`, `postgres_programs`, `port`, `folder`, `tls`, `skipped` | | what the servers are made of |
//!
//! Nothing is left behind: whatever was started dies with its handle, when a test panics, and when the test's process is
//! killed. Methods block, so that they serve tests with and without a runtime; an async test that has work under way
//! meanwhile is a `#[tokio::test(flavor = "multi_thread")]`. The proxy has a thread of its own.

#![allow(dead_code, unused_imports, reason = "each test crate uses the part it needs")]

pub(crate) mod proxy;

mod cluster;
mod disk;
mod folder;
mod pgbouncer;
mod port;
mod postgres;
mod postgres_programs;
mod process;
mod program;
mod sentinel;
mod server;
mod skipped;
mod tls;
mod wait;
mod wire;

pub(crate) use cluster::RedisCluster;
pub(crate) use disk::SmallDisk;
pub(crate) use folder::Folder;
pub(crate) use pgbouncer::PgBouncer;
pub(crate) use port::Port;
pub(crate) use postgres::PostgresServer;
pub(crate) use process::Process;
pub(crate) use proxy::{Fault, Proxy};
pub(crate) use sentinel::RedisSentinel;
pub(crate) use server::RedisServer;
pub(crate) use wait::{eventually, until};
pub(crate) use wire::Wire;
