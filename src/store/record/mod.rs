//! Stores that keep records: the client holds a reference, and what it refers to is stored here.
//!
//! | module | holds |
//! | --- | --- |
//! | `backend` | [`RecordBackend`]: what such stores differ in |
//! | `record_store` | [`RecordStore`]: the one store over any of them |
//! | `stored` | [`Stored`]: a record, or the [`Tombstone`] of a session that has ended |
//! | `memory` | [`MemoryStore`]: sessions in this process |
//! | `redis` | [`RedisStore`]: sessions in Redis |
//! | `sql` | what stores in SQL databases have in common |
//! | `sqlite` | [`SqliteStore`]: sessions in a file |

mod backend;
#[cfg(feature = "memory")]
mod memory;
mod record_store;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stored;
#[cfg(all(test, feature = "memory"))]
mod tests;

#[cfg(feature = "memory")]
pub use self::memory::{Budget, MemoryBackend, MemoryOptions, MemoryStore, Usage};
#[cfg(all(feature = "redis", feature = "config"))]
pub(crate) use self::redis::RedisOptions;
#[cfg(feature = "redis")]
pub use self::redis::{
    Credentials, CredentialsProvider, InvalidRedisUrl, LocalCache, PasswordFile, PasswordVariable,
    RedisBackend, RedisStore, RedisStoreBuilder,
};
#[cfg(feature = "sqlite")]
pub use self::sql::InvalidTableName;
#[cfg(all(feature = "sqlite", feature = "config"))]
pub(crate) use self::sqlite::SqliteOptions;
#[cfg(feature = "sqlite")]
pub use self::sqlite::{SqliteBackend, SqliteStore, SqliteStoreBuilder, Synchronous};
pub use self::{
    backend::{RecordBackend, Swapped},
    record_store::RecordStore,
    stored::{Stored, Tombstone},
};
