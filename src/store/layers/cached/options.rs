//! The options of a [`Cached`](super::Cached) store.

use std::time::Duration;

#[cfg(feature = "config")]
use serde::Deserialize;

#[cfg(feature = "config")]
use crate::options::{self, ConfigError};

/// How a [`Cached`](super::Cached) store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedOptions {
    /// For how long, at most, a session that another node has ended or changed is still seen as it was. Default: one
    /// second.
    pub within: Duration,
    /// How many sessions are kept, at most. Below two, none is. Default: 10 000.
    pub sessions: usize,
    /// How much they take, at most, in bytes: that of data and subject, plus 400 for each session. A session that takes more than
    /// a thirty-second of them is not kept. Default: 64 MiB, so a session of 2 MiB is the largest.
    pub bytes: usize,
    /// How old what is known of a session may be if the store cannot be asked. Default: `None`, the outage is an error.
    ///
    /// It counts only for reads, and only while the store below fails with
    /// [`Unavailable`](crate::StoreErrorKind::Unavailable), [`Timeout`](crate::StoreErrorKind::Timeout) or
    /// [`CircuitOpen`](crate::StoreErrorKind::CircuitOpen). A session that this node has tried to end is not read from the cache
    /// any more. A [circuit breaker](crate::store::CircuitBreakerStore) below the cache, which the stores in Redis and PostgreSQL
    /// contain, saves such reads from waiting until their deadline.
    pub stale_if_error: Option<Duration>,
}

impl Default for CachedOptions {
    fn default() -> Self {
        Self { within: Duration::from_secs(1), sessions: 10_000, bytes: 64 << 20, stale_if_error: None }
    }
}

impl CachedOptions {
    /// The age that an answer may have at most, whatever happens.
    pub(super) fn at_most(&self) -> Duration {
        self.stale_if_error.map_or(self.within, |ceiling| ceiling.max(self.within))
    }
}

/// The options of a cache among those of the store that it is put before.
#[cfg(feature = "config")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheOptions {
    #[serde(default, deserialize_with = "options::positive_duration")]
    cache: Option<Duration>,
    #[serde(default, deserialize_with = "options::positive_number")]
    cache_sessions: Option<usize>,
    #[serde(default, deserialize_with = "options::positive_number")]
    cache_bytes: Option<usize>,
    #[serde(default, deserialize_with = "options::positive_duration")]
    cache_stale_if_error: Option<Duration>,
}

#[cfg(feature = "config")]
impl CacheOptions {
    pub(crate) const NAMES: [&str; 4] = ["cache", "cache_sessions", "cache_bytes", "cache_stale_if_error"];

    /// The options of the cache, if there is to be one.
    ///
    /// # Errors
    /// [`ConfigError`] if there are options of a cache, but no cache.
    pub(crate) fn read(self) -> Result<Option<CachedOptions>, ConfigError> {
        let Self { cache, cache_sessions, cache_bytes, cache_stale_if_error } = self;
        let Some(within) = cache else {
            let given = [
                (Self::NAMES[1], cache_sessions.is_some()),
                (Self::NAMES[2], cache_bytes.is_some()),
                (Self::NAMES[3], cache_stale_if_error.is_some()),
            ];
            return match given.into_iter().find(|(_, is_given)| *is_given) {
                Some((name, _)) => {
                    Err(ConfigError::new(name, "there is no cache; switch it on with cache=1s"))
                }
                None => Ok(None),
            };
        };
        let default = CachedOptions::default();
        Ok(Some(CachedOptions {
            within,
            sessions: cache_sessions.unwrap_or(default.sessions),
            bytes: cache_bytes.unwrap_or(default.bytes),
            stale_if_error: cache_stale_if_error,
        }))
    }
}
