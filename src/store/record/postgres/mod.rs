//! Sessions in PostgreSQL: any node can serve a request, sessions are revoked at once, and a commit outlasts a crash.
//!
//! | module | holds |
//! | --- | --- |
//! | `builder` | [`PostgresStoreBuilder`]: the options of a store |
//! | `options` | the options as configurations contain them |
//! | `url` | [`InvalidPostgresUrl`]: what a URL says |
//! | `backend` | [`PostgresStore`], [`PostgresBackend`]: the calls of a store |
//! | `database` | what the shared statements run on |
//! | `revocation_log` | [`PostgresRevocationLog`] |
//! | `trigger` | what lets the table announce its changes |
//! | `parameters` | statements, arguments and rows as the client takes and returns them |
//! | `client` | one call: choosing a connection, running it, running it again |
//! | `slot` | the place of one connection: making it when it is needed, losing it |
//! | `connector` | how a connection is made |
//! | `connection` | one connection, and its end |
//! | `error` | what the client's errors mean |
//! | `tls` | encrypted connections |
//!
//! # Reads and writes
//! Reads share one connection, on which any number are under way at once: nothing is faster. Writes have a few, because a
//! commit waits for the disk, and commits share that wait only side by side.

mod backend;
mod builder;
mod client;
mod connection;
mod connector;
mod database;
mod error;
#[cfg(feature = "config")]
mod options;
mod parameters;
mod revocation_log;
mod slot;
#[cfg(feature = "postgres-tls")]
mod tls;
mod trigger;
mod url;

#[cfg(feature = "config")]
pub(crate) use self::options::PostgresOptions;
pub use self::{
    backend::{PostgresBackend, PostgresStore},
    builder::PostgresStoreBuilder,
    revocation_log::PostgresRevocationLog,
    url::InvalidPostgresUrl,
};
