//! The options of a Redis store, as configurations contain them.

use std::{path::PathBuf, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{backend::RedisStore, cache::LocalCache};
use crate::options::{self, ConfigError, secret};

/// The options of a [`RedisStore`]. The URL may contain a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisOptions {
    url: String,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    prefix: Option<String>,
    tls_roots_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "options::duration")]
    connect_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "options::duration")]
    local_cache: Option<Duration>,
    local_cache_sessions: Option<usize>,
    local_cache_bytes: Option<usize>,
    persistent: Option<bool>,
}

impl RedisOptions {
    pub(crate) fn open(&self) -> Result<RedisStore, ConfigError> {
        let url = self.url_with_password()?;
        let mut store = RedisStore::builder(&url).map_err(|error| ConfigError::new("url", error))?;
        if let Some(prefix) = &self.prefix {
            store = store.prefix(prefix);
        }
        if let Some(path) = &self.tls_roots_file {
            store = store.tls_roots(&options::read("tls_roots_file", path)?);
        }
        if let Some(timeout) = self.connect_timeout {
            store = store.connect_timeout(timeout);
        }
        if let Some(cache) = self.cache()? {
            store = store.local_cache(cache);
        }
        if self.persistent == Some(false) {
            store = store.without_persistence();
        }
        Ok(store.build())
    }

    fn cache(&self) -> Result<Option<LocalCache>, ConfigError> {
        let default = LocalCache::default();
        let (sessions, bytes) = (self.local_cache_sessions, self.local_cache_bytes);
        let Some(within) = self.local_cache else {
            let given = [("local_cache_sessions", sessions), ("local_cache_bytes", bytes)];
            return match given.into_iter().find(|(_, value)| value.is_some()) {
                Some((name, _)) => {
                    Err(ConfigError::new(name, "there is no local cache; switch it on with local_cache=1s"))
                }
                None => Ok(None),
            };
        };
        let (sessions, bytes) = (sessions.unwrap_or(default.sessions), bytes.unwrap_or(default.bytes));
        Ok(Some(LocalCache { within, sessions, bytes }))
    }

    /// The URL with the password that is referred to, for the user that it names or for the default one.
    fn url_with_password(&self) -> Result<Zeroizing<String>, ConfigError> {
        let Some(password) = secret("password", self.password_env.as_ref(), self.password_file.as_ref())?
        else {
            return Ok(self.url.clone().into());
        };
        let password = utf8_percent_encode(password.trim_end(), NON_ALPHANUMERIC);
        let (scheme, rest) =
            self.url.split_once("://").ok_or_else(|| ConfigError::new("url", "it has no host"))?;
        if scheme.ends_with("unix") {
            let separator = if rest.contains('?') { '&' } else { '?' };
            return Ok(format!("{}{separator}pass={password}", self.url).into());
        }
        let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
        let (user, hosts) = authority.rfind('@').map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
        if user.contains(':') {
            return Err(ConfigError::new("url", "it contains a password, and another is given by reference"));
        }
        Ok(format!("{scheme}://{user}:{password}@{hosts}").into())
    }
}
