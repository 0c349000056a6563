//! The options of a Redis store, as configurations contain them.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    super::reference::{pair, readable, referred},
    backend::RedisStore,
    builder::RedisStoreBuilder,
};
use crate::{
    options::{self, ConfigError},
    store::CircuitBreakerOptions,
};

/// The options of a [`RedisStore`]. The URL may contain a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisOptions {
    url: String,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    sentinel_user: Option<String>,
    sentinel_password_env: Option<String>,
    sentinel_password_file: Option<PathBuf>,
    prefix: Option<String>,
    tls_roots_file: Option<PathBuf>,
    tls_certificate_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    sentinel_tls_roots_file: Option<PathBuf>,
    sentinel_tls_certificate_file: Option<PathBuf>,
    sentinel_tls_key_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "options::positive_duration")]
    connect_timeout: Option<Duration>,
    anonymous_share: Option<usize>,
    #[serde(default, deserialize_with = "options::positive_number")]
    replicas: Option<usize>,
    circuit_breaker: Option<bool>,
    #[serde(default, deserialize_with = "options::positive_number")]
    circuit_threshold: Option<usize>,
    #[serde(default, deserialize_with = "options::positive_duration")]
    circuit_cool_down: Option<Duration>,
    persistent: Option<bool>,
}

impl RedisOptions {
    pub(crate) fn open(&self) -> Result<RedisStore, ConfigError> {
        let mut store = RedisStore::builder(&self.url).map_err(|error| ConfigError::new("url", error))?;
        if let Some(prefix) = &self.prefix {
            store = store.prefix(prefix);
        }
        store = self.with_credentials(store)?;
        store = self.with_certificates(store)?;
        if let Some(timeout) = self.connect_timeout {
            store = store.connect_timeout(timeout);
        }
        store = self.with_circuit_breaker(store)?;
        match self.anonymous_share {
            None => {}
            Some(percent) => match u8::try_from(percent) {
                Ok(percent @ 1..=100) => store = store.anonymous_share(percent),
                _ => return Err(ConfigError::new("anonymous_share", "expected a number from 1 to 100")),
            },
        }
        if let Some(replicas) = self.replicas {
            store = store.replicas(u32::try_from(replicas).unwrap_or(u32::MAX));
        }
        if self.persistent == Some(false) {
            store = store.without_persistence();
        }
        Ok(store.build())
    }

    fn with_circuit_breaker(&self, store: RedisStoreBuilder) -> Result<RedisStoreBuilder, ConfigError> {
        let default = CircuitBreakerOptions::default();
        match (self.circuit_breaker, self.circuit_threshold, self.circuit_cool_down) {
            (Some(false), None, None) => Ok(store.without_circuit_breaker()),
            (Some(false), ..) => Err(ConfigError::new("circuit_breaker", "it is off, but has options")),
            (_, threshold, cool_down) => Ok(store.circuit_breaker(CircuitBreakerOptions {
                threshold: threshold
                    .map_or(default.threshold, |calls| u32::try_from(calls).unwrap_or(u32::MAX)),
                cool_down: cool_down.unwrap_or(default.cool_down),
            })),
        }
    }

    fn with_credentials(&self, mut store: RedisStoreBuilder) -> Result<RedisStoreBuilder, ConfigError> {
        let password = referred("password", None, self.password_env.as_ref(), self.password_file.as_ref())?;
        if let Some(password) = password {
            if store.has_password() {
                let problem = "it contains a password, and another is given by reference";
                return Err(ConfigError::new("url", problem));
            }
            store = store.credentials(password);
        }
        let [variable, file] = [self.sentinel_password_env.is_some(), self.sentinel_password_file.is_some()];
        if self.sentinel_user.is_some() && !variable && !file {
            return Err(ConfigError::new(
                "sentinel_user",
                "there is no password; add sentinel_password_env or _file",
            ));
        }
        let sentinel = referred(
            "sentinel_password",
            self.sentinel_user.as_ref(),
            self.sentinel_password_env.as_ref(),
            self.sentinel_password_file.as_ref(),
        )?;
        match sentinel {
            #[cfg(feature = "redis-sentinel")]
            Some(password) => Ok(store.sentinel_credentials(password)),
            #[cfg(not(feature = "redis-sentinel"))]
            Some(_) => Err(needs_sentinel("sentinel_password")),
            None => Ok(store),
        }
    }

    fn with_certificates(&self, mut store: RedisStoreBuilder) -> Result<RedisStoreBuilder, ConfigError> {
        if let Some(path) = readable("tls_roots_file", self.tls_roots_file.as_ref())? {
            store = store.tls_roots_file(path);
        }
        let [certificate, key] = [&self.tls_certificate_file, &self.tls_key_file];
        if let Some((certificate, key)) =
            pair(["tls_certificate_file", "tls_key_file"], [certificate.as_ref(), key.as_ref()])?
        {
            store = store.client_certificate_files(certificate, key);
        }
        self.with_sentinel_certificates(store)
    }

    #[cfg(feature = "redis-sentinel")]
    fn with_sentinel_certificates(
        &self,
        mut store: RedisStoreBuilder,
    ) -> Result<RedisStoreBuilder, ConfigError> {
        if let Some(path) = readable("sentinel_tls_roots_file", self.sentinel_tls_roots_file.as_ref())? {
            store = store.sentinel_tls_roots_file(path);
        }
        let names = ["sentinel_tls_certificate_file", "sentinel_tls_key_file"];
        let [certificate, key] = [&self.sentinel_tls_certificate_file, &self.sentinel_tls_key_file];
        if let Some((certificate, key)) = pair(names, [certificate.as_ref(), key.as_ref()])? {
            store = store.sentinel_client_certificate_files(certificate, key);
        }
        Ok(store)
    }

    #[cfg(not(feature = "redis-sentinel"))]
    fn with_sentinel_certificates(&self, store: RedisStoreBuilder) -> Result<RedisStoreBuilder, ConfigError> {
        let [roots, certificate, key] =
            [&self.sentinel_tls_roots_file, &self.sentinel_tls_certificate_file, &self.sentinel_tls_key_file];
        match roots.as_ref().or(certificate.as_ref()).or(key.as_ref()) {
            Some(_) => Err(needs_sentinel("sentinel_tls_roots_file")),
            None => Ok(store),
        }
    }
}

#[cfg(not(feature = "redis-sentinel"))]
fn needs_sentinel(option: &str) -> ConfigError {
    ConfigError::new(option, "it needs the feature \"redis-sentinel\" of cloakroom")
}
