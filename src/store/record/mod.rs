//! Stores that keep records: the client holds a reference, and what it refers to is stored here.
//!
//! | module | holds |
//! | --- | --- |
//! | `backend` | [`RecordBackend`]: what such stores differ in |
//! | `record_store` | [`RecordStore`]: the one store over any of them |
//! | `stored` | [`Stored`]: a record, or the [`Tombstone`] of a session that has ended |
//! | `memory` | [`MemoryStore`]: sessions in this process |
//! | `redis` | [`RedisStore`]: sessions in Redis |
//! | `postgres` | [`PostgresStore`]: sessions in PostgreSQL |
//! | `sqlite` | [`SqliteStore`]: sessions in a file |
//! | `sql` | what SQL databases have in common |
//! | `credentials` | [`CredentialsProvider`]: who a connection belongs to, asked for each |
//! | `announcements` | who is told of the changes that a server announces |
//! | `driver` | the threads on which connections are made and driven |
//! | `tls` | whom encrypted connections trust |
//! | `reference` | passwords and certificates to which configurations refer |

#[cfg(any(feature = "postgres", feature = "redis"))]
mod announcements;
mod backend;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod credentials;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod driver;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod record_store;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(any(feature = "postgres", feature = "redis"), feature = "config"))]
mod reference;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stored;
#[cfg(all(test, feature = "memory"))]
mod tests;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod tls;

#[cfg(any(feature = "postgres", feature = "redis"))]
pub use self::credentials::{Credentials, CredentialsProvider, PasswordFile, PasswordVariable};
#[cfg(feature = "memory")]
pub use self::memory::{Budget, MemoryBackend, MemoryOptions, MemoryStore, Usage};
#[cfg(all(feature = "postgres", feature = "config"))]
pub(crate) use self::postgres::PostgresOptions;
#[cfg(feature = "postgres")]
pub use self::postgres::{
    InvalidPostgresUrl, PostgresBackend, PostgresRevocationLog, PostgresStore, PostgresStoreBuilder,
};
#[cfg(all(feature = "redis", feature = "config"))]
pub(crate) use self::redis::RedisOptions;
#[cfg(feature = "redis")]
pub use self::redis::{InvalidRedisUrl, RedisBackend, RedisRevocationLog, RedisStore, RedisStoreBuilder};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
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
