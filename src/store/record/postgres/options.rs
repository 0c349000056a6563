//! The options of a PostgreSQL store, as configurations contain them.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    super::reference::{pair, readable, referred},
    backend::PostgresStore,
    builder::PostgresStoreBuilder,
};
use crate::{
    options::{self, ConfigError},
    store::CircuitBreakerOptions,
};

/// The options of a [`PostgresStore`]. The URL may contain a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostgresOptions {
    url: String,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    table: Option<String>,
    create_table: Option<bool>,
    announce: Option<bool>,
    #[serde(default, deserialize_with = "options::positive_number")]
    write_connections: Option<usize>,
    named_statements: Option<bool>,
    tls_roots_file: Option<PathBuf>,
    tls_certificate_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "options::positive_duration")]
    connect_timeout: Option<Duration>,
    circuit_breaker: Option<bool>,
    #[serde(default, deserialize_with = "options::positive_number")]
    circuit_threshold: Option<usize>,
    #[serde(default, deserialize_with = "options::positive_duration")]
    circuit_cool_down: Option<Duration>,
}

impl PostgresOptions {
    /// What a URL says itself, for the client, beside the options of the store.
    pub(crate) const IN_URL: &[&str] = &[
        "application_name",
        "channel_binding",
        "host",
        "hostaddr",
        "load_balance_hosts",
        "options",
        "port",
        "sslmode",
        "sslnegotiation",
        "target_session_attrs",
    ];

    pub(crate) fn open(&self) -> Result<PostgresStore, ConfigError> {
        let mut store = PostgresStore::builder(&self.url).map_err(|error| ConfigError::new("url", error))?;
        if let Some(table) = &self.table {
            store = store.table(table).map_err(|error| ConfigError::new("table", error))?;
        }
        if self.create_table == Some(true) {
            store = store.create_missing_table();
        }
        if let Some(announces) = self.announce {
            store = store.announce_changes(announces);
        }
        if let Some(connections) = self.write_connections {
            store = store.write_connections(connections);
        }
        if let Some(named) = self.named_statements {
            store = store.named_statements(named);
        }
        if let Some(timeout) = self.connect_timeout {
            store = store.connect_timeout(timeout);
        }
        store = self.with_password(store)?;
        store = self.with_certificates(store)?;
        store = self.with_circuit_breaker(store)?;
        Ok(store.build())
    }

    fn with_password(&self, store: PostgresStoreBuilder) -> Result<PostgresStoreBuilder, ConfigError> {
        let password = referred("password", None, self.password_env.as_ref(), self.password_file.as_ref())?;
        let Some(password) = password else { return Ok(store) };
        if store.has_password() {
            let problem = "it contains a password, and another is given by reference";
            return Err(ConfigError::new("url", problem));
        }
        Ok(store.credentials(password))
    }

    fn with_certificates(
        &self,
        mut store: PostgresStoreBuilder,
    ) -> Result<PostgresStoreBuilder, ConfigError> {
        if let Some(path) = readable("tls_roots_file", self.tls_roots_file.as_ref())? {
            store = store.tls_roots_file(path);
        }
        let files = [self.tls_certificate_file.as_ref(), self.tls_key_file.as_ref()];
        if let Some((certificate, key)) = pair(["tls_certificate_file", "tls_key_file"], files)? {
            store = store.client_certificate_files(certificate, key);
        }
        Ok(store)
    }

    fn with_circuit_breaker(&self, store: PostgresStoreBuilder) -> Result<PostgresStoreBuilder, ConfigError> {
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
}
