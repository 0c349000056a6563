//! Sessions in Redis: any node can serve a request, and sessions are revoked at once.
//!
//! | module | holds |
//! | --- | --- |
//! | `builder` | [`RedisStoreBuilder`]: the options of a store |
//! | `options` | the options as configurations contain them |
//! | `backend` | [`RedisStore`], [`RedisBackend`]: the calls of a store |
//! | `index` | the sessions of a subject |
//! | `revocation_log` | [`RedisRevocationLog`] |
//! | `database` | commands and scripts on the keys of a store |
//! | `script`, `scripts/` | what runs inside Redis, atomically |
//! | `reply` | reading replies |
//! | `keys` | the names of keys |
//! | `client`, `tag` | one call: sending it, sending it again, and the name that its reply repeats |
//! | `connector` | the connection that all calls share: making it and losing it |
//! | `reply_order` | whether replies belong to their calls |
//! | `replicas` | writes that count only once replicas have them |
//! | `announcements` | the changes that the server tells of |
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
//! A read is one `GET`, and a script call more if nothing is stored. A change is one script call on a single key; a login adds its session to its subject's set
//! before that. A touch writes eight bytes. No command scans, none blocks but the `WAIT` of an application that asks for it, and no two keys need to share a slot.

mod announcements;
mod backend;
mod builder;
mod client;
#[cfg(feature = "redis-cluster")]
mod cluster;
mod connect_options;
mod connection;
mod connector;
mod database;
mod endpoint;
mod error;
mod index;
mod keys;
#[cfg(feature = "config")]
mod options;
mod replicas;
mod reply;
mod reply_order;
mod revocation_log;
mod script;
#[cfg(feature = "redis-sentinel")]
mod sentinel;
mod tag;
#[cfg(feature = "redis-tls")]
mod tls;

#[cfg(feature = "config")]
pub(crate) use self::options::RedisOptions;
pub use self::{
    backend::{RedisBackend, RedisStore},
    builder::RedisStoreBuilder,
    endpoint::InvalidRedisUrl,
    revocation_log::RedisRevocationLog,
};
