//! Sessions in Redis: any node can serve a request, and sessions are revoked at once.
//!
//! | module | holds |
//! | --- | --- |
//! | `builder` | [`RedisStoreBuilder`]: the options of a store |
//! | `options` | the options as configurations contain them |
//! | `backend` | [`RedisStore`], [`RedisBackend`]: the calls of a store |
//! | `index` | the sessions of a subject |
//! | `database` | commands and scripts on the keys of a store |
//! | `script`, `scripts/` | what runs inside Redis, atomically |
//! | `reply`, `stored` | reading replies, and what is stored |
//! | `keys` | the names of keys |
//! | `client` | the connection that all calls share: making it, losing it, sending again |
//! | `cache` | [`LocalCache`]: records that need no round trip |
//! | `error` | what the client's errors mean |
//! | `endpoint` | which deployment to connect to, and its URL |
//! | `sentinel`, `cluster`, `tls` | what their features add |
//! | `connection`, `connect_options` | one established connection, and how it is made |
//!
//! # Untrusted input
//! Presented tokens, as everywhere, and the network: replies may be late, lost or another call's. The content of Redis
//! may be damaged; a client that can write to it can write sessions, but a dump of it contains no usable token.
//!
//! # Commands
//! A read is one `GET`. A change is one script call on a single key; a login adds its session to its subject's set
//! before that. A touch writes eight bytes. No command blocks or scans, and no two keys need to share a slot.

mod backend;
mod builder;
mod cache;
mod client;
#[cfg(feature = "redis-cluster")]
mod cluster;
mod connect_options;
mod connection;
mod database;
mod endpoint;
mod error;
mod index;
mod keys;
#[cfg(feature = "config")]
mod options;
mod reply;
mod script;
#[cfg(feature = "redis-sentinel")]
mod sentinel;
#[cfg(feature = "redis-tls")]
mod tls;

#[cfg(feature = "config")]
pub(crate) use self::options::RedisOptions;
pub use self::{
    backend::{RedisBackend, RedisStore},
    builder::RedisStoreBuilder,
    cache::LocalCache,
    endpoint::InvalidRedisUrl,
};
