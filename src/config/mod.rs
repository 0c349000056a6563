//! A store and a manager from an application's configuration.
//!
//! Each field of [`Config`] is an option of [`SessionManager`] or of a store, with the same name and the same default.
//! [`StoreConfig`] names the store, as a URL or a table. What has no field is set in the program, on the manager that
//! [`Config::manager`] returns.
//!
//! A configuration never contains secrets. It says where they are: in an environment variable or in a file.

mod query;
mod store;

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

pub use self::store::StoreConfig;
pub use crate::options::ConfigError;
use crate::{
    manager::SessionManager,
    options::{Options, duration, positive_duration, positive_number},
    policy::{OnOutage, OnStaleWrite, OnTooManySessions, SaveOn},
    store::Requirement,
    transport::{Bearer, Cookie, Transport},
};

/// A session manager, as an application's configuration file describes it.
///
/// It is read with `serde` from whatever format the application has. Every field may be left out.
///
/// ```
/// use cloakroom::config::Config;
///
/// let config: Config = serde_json::from_str(
///     r#"{
///         "store": "memory:?node=web-1",
///         "idle_timeout": "30m",
///         "absolute_timeout": "12h",
///         "on_outage": "serve-anonymous",
///         "cookie": { "name": "__Host-shop", "same_site": "strict" },
///         "transports": ["cookie", "bearer"],
///         "allow_cross_site": ["/callback"]
///     }"#,
/// )?;
/// let sessions = config.manager()?;
/// assert_eq!(sessions.guarantees().name, "memory");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// | field | value |
/// | --- | --- |
/// | `store` | a [`StoreConfig`]; `memory:` by default |
/// | `idle_timeout`, `anonymous_idle_timeout`, `absolute_timeout`, `remember_at_most`, `store_timeout` | a duration: `30m`, `12h`, `7d` |
/// | `touch_after`, `leeway`, `renewal_grace` | a duration, or `0s` |
/// | `max_data` | bytes |
/// | `sessions_per_subject` | a number; 100 by default |
/// | `on_too_many_sessions` | `end-oldest`, `refuse` |
/// | `on_outage` | `refuse`, `serve-anonymous` |
/// | `save_on` | `except-server-errors`, `success`, `everything` |
/// | `on_stale_write` | `conflict`, `overwrite` |
/// | `cookie` | a table: `name`, `path`, `domain` (shared with its subdomains), `same_site` (`strict`, `lax`, `none`), `partitioned`, `expires_with_browser` and `insecure_for_local_development` (`true`, `false`), `replaces` (a list of such tables: the cookies in whose place it is) |
/// | `mounted_at` | the path at which browsers see the app, where a proxy takes it away |
/// | `transports` | a list of `cookie`, `bearer`, and names of headers; `["cookie"]` by default |
/// | `allow_cross_site` | a list of paths |
/// | `require` | a list of what the store has to guarantee: `index`, `revocation`, `no-lost-updates`, `all-nodes`, `survives-restart`, `hidden-from-clients` |
/// | `trusted_origins` | a list of origins, such as `https://app.example` |
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where sessions are stored.
    pub store: StoreConfig,
    /// [`SessionManager::idle_timeout`]
    #[serde(deserialize_with = "positive_duration")]
    pub idle_timeout: Option<Duration>,
    /// [`SessionManager::anonymous_idle_timeout`]
    #[serde(deserialize_with = "positive_duration")]
    pub anonymous_idle_timeout: Option<Duration>,
    /// [`SessionManager::absolute_timeout`]
    #[serde(deserialize_with = "positive_duration")]
    pub absolute_timeout: Option<Duration>,
    /// [`SessionManager::remember_at_most`]
    #[serde(deserialize_with = "positive_duration")]
    pub remember_at_most: Option<Duration>,
    /// [`SessionManager::touch_after`]
    #[serde(deserialize_with = "duration")]
    pub touch_after: Option<Duration>,
    /// [`SessionManager::leeway`]
    #[serde(deserialize_with = "duration")]
    pub leeway: Option<Duration>,
    /// [`SessionManager::renewal_grace`]
    #[serde(deserialize_with = "duration")]
    pub renewal_grace: Option<Duration>,
    /// [`SessionManager::store_timeout`]
    #[serde(deserialize_with = "positive_duration")]
    pub store_timeout: Option<Duration>,
    /// [`SessionManager::max_data`]
    #[serde(deserialize_with = "positive_number")]
    pub max_data: Option<usize>,
    /// [`SessionManager::sessions_per_subject`]
    #[serde(deserialize_with = "positive_number")]
    pub sessions_per_subject: Option<usize>,
    /// What a login beyond [`sessions_per_subject`](Self::sessions_per_subject) does.
    pub on_too_many_sessions: OnTooManySessions,
    /// [`SessionManager::on_outage`]
    pub on_outage: Option<OnOutage>,
    /// [`SessionManager::save_on`]
    pub save_on: Option<SaveOn>,
    /// [`SessionManager::on_stale_write`]
    pub on_stale_write: Option<OnStaleWrite>,
    /// The cookie in which tokens are sent, where `transports` contains one.
    pub cookie: Cookie,
    /// [`SessionManager::mounted_at`]
    pub mounted_at: Option<String>,
    /// [`SessionManager::transports`]
    pub transports: Vec<TransportName>,
    /// [`SessionManager::allow_cross_site`], for each path.
    pub allow_cross_site: Vec<String>,
    /// [`SessionManager::require`]
    pub require: Vec<Requirement>,
    /// [`SessionManager::trusted_origins`]
    pub trusted_origins: Vec<String>,
}

/// How tokens travel, by name: `cookie`, `bearer` for the `Authorization` header, or the name of another header.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TransportName {
    /// The [cookie](Config::cookie).
    Cookie,
    /// A header.
    Bearer(Bearer),
}

impl<'de> Deserialize<'de> for TransportName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match name.as_str() {
            "cookie" => Ok(Self::Cookie),
            "bearer" => Ok(Self::Bearer(Bearer::authorization())),
            header => Bearer::try_in_header(header).map(Self::Bearer).ok_or_else(|| {
                D::Error::custom(format!("{header:?} is neither cookie, bearer nor the name of a header"))
            }),
        }
    }
}

/// Through `Options`, so that an error names the option, whatever the format of the file.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // With `remote`, the derived function is an inherent one.
        Self::deserialize(Options::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The defaults of everything but the store.
impl From<StoreConfig> for Config {
    fn from(store: StoreConfig) -> Self {
        Self { store, ..Self::default() }
    }
}

impl Config {
    /// Opens the store and makes the manager.
    ///
    /// A second manager of the same configuration has the same store, as [`StoreConfig::open`] says.
    ///
    /// # Errors
    /// [`ConfigError`] if the store cannot be opened, because a key is missing or its feature is not compiled in, if it does not
    /// meet a requirement, and if a path or an origin is none.
    pub fn manager(&self) -> Result<SessionManager, ConfigError> {
        let manager = SessionManager::new(self.store.open()?);
        let manager = given(manager, self.idle_timeout, SessionManager::idle_timeout);
        let manager = given(manager, self.anonymous_idle_timeout, SessionManager::anonymous_idle_timeout);
        let manager = given(manager, self.absolute_timeout, SessionManager::absolute_timeout);
        let manager = given(manager, self.remember_at_most, SessionManager::remember_at_most);
        let manager = given(manager, self.touch_after, SessionManager::touch_after);
        let manager = given(manager, self.leeway, SessionManager::leeway);
        let manager = given(manager, self.renewal_grace, SessionManager::renewal_grace);
        let manager = given(manager, self.store_timeout, SessionManager::store_timeout);
        let manager = given(manager, self.max_data, SessionManager::max_data);
        let most = self.sessions_per_subject.map(|most| (most, self.on_too_many_sessions));
        let manager =
            given(manager, most, |manager, (most, beyond)| manager.sessions_per_subject(most, beyond));
        let manager = given(manager, self.on_outage, SessionManager::on_outage);
        let manager = given(manager, self.save_on, SessionManager::save_on);
        let manager = given(manager, self.on_stale_write, SessionManager::on_stale_write);
        let manager = given(manager, self.mounted_at.as_deref(), SessionManager::mounted_at);
        let manager = manager
            .require(self.require.iter().copied())
            .map_err(|unmet| ConfigError::new("store", unmet))?
            .transports(self.transports());
        self.with_sites(manager)
    }

    /// The manager with what the configuration says about other sites.
    fn with_sites(&self, mut manager: SessionManager) -> Result<SessionManager, ConfigError> {
        for path in &self.allow_cross_site {
            manager = manager
                .try_allow_cross_site(path)
                .map_err(|flaw| ConfigError::new("allow_cross_site", format!("{flaw}: {path:?}")))?;
        }
        for origin in &self.trusted_origins {
            manager = manager
                .try_trust_origin(origin)
                .map_err(|flaw| ConfigError::new("trusted_origins", format!("{flaw}: {origin:?}")))?;
        }
        Ok(manager)
    }

    /// The cookie alone, unless the configuration says otherwise.
    fn transports(&self) -> Vec<Transport> {
        if self.transports.is_empty() {
            return vec![self.cookie.clone().into()];
        }
        let transport = |name: &TransportName| match name {
            TransportName::Cookie => self.cookie.clone().into(),
            TransportName::Bearer(bearer) => bearer.clone().into(),
        };
        self.transports.iter().map(transport).collect()
    }
}

/// What `set` makes of the manager, if there is anything to set.
fn given<T>(
    manager: SessionManager,
    value: Option<T>,
    set: impl FnOnce(SessionManager, T) -> SessionManager,
) -> SessionManager {
    match value {
        Some(value) => set(manager, value),
        None => manager,
    }
}
