//! Stores that keep records: the client holds a reference, and what it refers to is stored here.
//!
//! | module | holds |
//! | --- | --- |
//! | `backend` | [`RecordBackend`]: what such stores differ in |
//! | `record_store` | [`RecordStore`]: the one store over any of them |
//! | `stored` | [`Stored`]: a record, or the [`Tombstone`] of a session that has ended |
//! | `memory` | [`MemoryStore`]: sessions in this process |
//! | `redis` | [`RedisStore`]: sessions in Redis |

mod backend;
#[cfg(feature = "memory")]
mod memory;
mod record_store;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
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
pub use self::{
    backend::{RecordBackend, Swapped},
    record_store::RecordStore,
    stored::{Stored, Tombstone},
};
