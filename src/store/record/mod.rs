//! Stores that keep records: the client holds a reference, and what it refers to is looked up here.

#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "redis")]
mod redis;

#[cfg(feature = "memory")]
pub use self::memory::{Budget, MemoryStore, Usage};
#[cfg(feature = "redis")]
pub use self::redis::{InvalidRedisUrl, LocalCache, RedisStore};
