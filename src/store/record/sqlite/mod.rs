//! Sessions in a file: they survive a restart without a server.
//!
//! | module | holds |
//! | --- | --- |
//! | `builder` | [`SqliteStoreBuilder`]: the options of a store |
//! | `options` | the options as configurations contain them |
//! | `backend` | [`SqliteStore`], [`SqliteBackend`]: the calls of a store |
//! | `synchronous` | [`Synchronous`]: what a commit waits for |
//! | `database` | the two threads, and the way to them |
//! | `job`, `queue` | one call on its way, and those that wait |
//! | `worker` | the connection of a thread, which it keeps, loses and makes again |
//! | `reader`, `writer` | what each thread does |
//! | `prepared` | the statements of a connection |
//! | `file` | opening the file, and noticing that it is gone |
//! | `dialect` | how SQLite writes the statements of `sql` |
//! | `error` | what SQLite's errors mean |

mod backend;
mod builder;
mod database;
mod dialect;
mod error;
mod file;
mod job;
#[cfg(feature = "config")]
mod options;
mod prepared;
mod queue;
mod reader;
mod synchronous;
mod worker;
mod writer;

#[cfg(feature = "config")]
pub(crate) use self::options::SqliteOptions;
pub use self::{
    backend::{SqliteBackend, SqliteStore},
    builder::SqliteStoreBuilder,
    synchronous::Synchronous,
};
