//! A store and a manager from an application's configuration.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Config`]: a whole manager |
//! | `store` | [`StoreConfig`]: where sessions live, as a URL or a table |
//! | `open` | opening that store |
//! | `secrets` | keys and passwords, by reference |
//! | `fields` | single values: durations, numbers, choices |
//!
//! Nothing here decides anything: each field is an option of [`SessionManager`] or of a store, by the same name and with
//! the same default. What has no field is set in the program, on the manager that comes out.
//!
//! Secrets never stand in a configuration. It says where they are: in an environment variable or in a file.

#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "each store uses the part that it needs"))]
mod fields;
mod open;
#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "each store uses the part that it needs"))]
mod secrets;
mod store;

use std::time::Duration;

use serde::Deserialize;

use self::fields::Scalar;
pub use self::{fields::ConfigError, store::StoreConfig};
use crate::{
    manager::SessionManager,
    policy::{OnOutage, OnStaleWrite, OnTooManySessions, SaveOn},
    transport::{Attributes, Bearer, Cookie, SameSite, Transport},
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
///         "on_outage": "carry-on-anonymous",
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
/// | `idle_timeout`, `absolute_timeout`, `remember_at_most`, `touch_after`, `leeway`, `renewal_grace`, `store_timeout` | a duration: `30m`, `12h`, `7d` |
/// | `max_data` | bytes |
/// | `sessions_per_subject` | a number; as many as one likes by default |
/// | `on_too_many_sessions` | `end-oldest`, `refuse` |
/// | `on_outage` | `refuse`, `carry-on-anonymous` |
/// | `save_on` | `anything-but-server-errors`, `success`, `everything` |
/// | `on_stale_write` | `conflict`, `overwrite` |
/// | `cookie` | a table: `name`, `path`, `domain` (shared with its subdomains), `same_site` (`strict`, `lax`, `none`), `expires_with_browser` and `insecure_for_local_development` (`true`, `false`) |
/// | `transports` | a list of `cookie`, `bearer`, and names of headers; `["cookie"]` by default |
/// | `allow_cross_site` | a list of paths |
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Raw")]
#[non_exhaustive]
pub struct Config {
    /// Where sessions live.
    pub store: StoreConfig,
    /// [`SessionManager::idle_timeout`]
    pub idle_timeout: Option<Duration>,
    /// [`SessionManager::absolute_timeout`]
    pub absolute_timeout: Option<Duration>,
    /// [`SessionManager::remember_at_most`]
    pub remember_at_most: Option<Duration>,
    /// [`SessionManager::touch_after`]
    pub touch_after: Option<Duration>,
    /// [`SessionManager::leeway`]
    pub leeway: Option<Duration>,
    /// [`SessionManager::renewal_grace`]
    pub renewal_grace: Option<Duration>,
    /// [`SessionManager::store_timeout`]
    pub store_timeout: Option<Duration>,
    /// [`SessionManager::max_data`]
    pub max_data: Option<usize>,
    /// [`SessionManager::sessions_per_subject`]
    pub sessions_per_subject: Option<usize>,
    /// The same: what a login beyond that does.
    pub on_too_many_sessions: OnTooManySessions,
    /// [`SessionManager::on_outage`]
    pub on_outage: Option<OnOutage>,
    /// [`SessionManager::save_on`]
    pub save_on: Option<SaveOn>,
    /// [`SessionManager::on_stale_write`]
    pub on_stale_write: Option<OnStaleWrite>,
    /// [`SessionManager::transports`], if there are any.
    pub transports: Vec<Transport>,
    /// [`SessionManager::allow_cross_site`], for each of them.
    pub allow_cross_site: Vec<String>,
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
    /// # Errors
    /// [`ConfigError`] if the store cannot be opened: a key is missing, or its feature is not compiled in.
    pub fn manager(&self) -> Result<SessionManager, ConfigError> {
        let manager = SessionManager::new(self.store.open()?);
        let manager = given(manager, self.idle_timeout, SessionManager::idle_timeout);
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
        let transports = Some(self.transports.clone()).filter(|transports| !transports.is_empty());
        let manager = given(manager, transports, SessionManager::transports);
        Ok(self.allow_cross_site.iter().fold(manager, |manager, path| manager.allow_cross_site(path)))
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

/// The file's own words.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    store: StoreConfig,
    idle_timeout: Option<Scalar>,
    absolute_timeout: Option<Scalar>,
    remember_at_most: Option<Scalar>,
    touch_after: Option<Scalar>,
    leeway: Option<Scalar>,
    renewal_grace: Option<Scalar>,
    store_timeout: Option<Scalar>,
    max_data: Option<Scalar>,
    sessions_per_subject: Option<Scalar>,
    on_too_many_sessions: Option<Scalar>,
    on_outage: Option<Scalar>,
    save_on: Option<Scalar>,
    on_stale_write: Option<Scalar>,
    cookie: Option<RawCookie>,
    transports: Vec<String>,
    allow_cross_site: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCookie {
    name: Option<String>,
    path: Option<String>,
    domain: Option<String>,
    same_site: Option<Scalar>,
    expires_with_browser: bool,
    insecure_for_local_development: bool,
}

/// Everything but what the store refers to is known to be right once it is read.
impl TryFrom<Raw> for Config {
    type Error = ConfigError;

    fn try_from(raw: Raw) -> Result<Self, ConfigError> {
        let duration = |value: &Option<Scalar>, name| value.as_ref().map(|it| it.duration(name)).transpose();
        Ok(Self {
            idle_timeout: duration(&raw.idle_timeout, "idle_timeout")?,
            absolute_timeout: duration(&raw.absolute_timeout, "absolute_timeout")?,
            remember_at_most: duration(&raw.remember_at_most, "remember_at_most")?,
            touch_after: duration(&raw.touch_after, "touch_after")?,
            leeway: duration(&raw.leeway, "leeway")?,
            renewal_grace: duration(&raw.renewal_grace, "renewal_grace")?,
            store_timeout: duration(&raw.store_timeout, "store_timeout")?,
            max_data: raw.max_data.as_ref().map(|it| it.number("max_data")).transpose()?,
            sessions_per_subject: raw
                .sessions_per_subject
                .as_ref()
                .map(|it| it.number("sessions_per_subject"))
                .transpose()?,
            on_too_many_sessions: chosen(
                raw.on_too_many_sessions.as_ref(),
                "on_too_many_sessions",
                &[("end-oldest", OnTooManySessions::EndOldest), ("refuse", OnTooManySessions::Refuse)],
            )?
            .unwrap_or_default(),
            on_outage: chosen(
                raw.on_outage.as_ref(),
                "on_outage",
                &[("refuse", OnOutage::Refuse), ("carry-on-anonymous", OnOutage::ServeAnonymous)],
            )?,
            save_on: chosen(
                raw.save_on.as_ref(),
                "save_on",
                &[
                    ("anything-but-server-errors", SaveOn::ExceptServerErrors),
                    ("success", SaveOn::Success),
                    ("everything", SaveOn::Everything),
                ],
            )?,
            on_stale_write: chosen(
                raw.on_stale_write.as_ref(),
                "on_stale_write",
                &[("conflict", OnStaleWrite::Conflict), ("overwrite", OnStaleWrite::Overwrite)],
            )?,
            transports: raw.transports()?,
            store: raw.store,
            allow_cross_site: raw.allow_cross_site,
        })
    }
}

fn chosen<T: Copy>(
    value: Option<&Scalar>,
    field: &str,
    choices: &[(&str, T)],
) -> Result<Option<T>, ConfigError> {
    value.map(|value| value.choice(field, choices)).transpose()
}

impl Raw {
    /// None where neither they nor the cookie are spoken of: then the manager's default holds.
    fn transports(&self) -> Result<Vec<Transport>, ConfigError> {
        let cookie = self.cookie.as_ref().map(RawCookie::cookie).transpose()?;
        if self.transports.is_empty() {
            return Ok(cookie.into_iter().map(Transport::from).collect());
        }
        let cookie = cookie.unwrap_or_default();
        let transport = |name: &String| match name.as_str() {
            "cookie" => Ok(cookie.clone().into()),
            "bearer" => Ok(Bearer::authorization().into()),
            header => Bearer::try_in_header(header).map(Transport::from).ok_or_else(|| {
                ConfigError::of(
                    "transports",
                    format!("{header:?} is neither cookie, bearer nor a header's name"),
                )
            }),
        };
        self.transports.iter().map(transport).collect()
    }
}

impl RawCookie {
    fn cookie(&self) -> Result<Cookie, ConfigError> {
        let same_sites = [("strict", SameSite::Strict), ("lax", SameSite::Lax), ("none", SameSite::None)];
        let attributes = Attributes {
            name: self.name.clone(),
            path: self.path.clone(),
            domain: self.domain.clone(),
            same_site: chosen(self.same_site.as_ref(), "cookie.same_site", &same_sites)?.unwrap_or_default(),
            insecure: self.insecure_for_local_development,
            ends_with_browser: self.expires_with_browser,
        };
        attributes.cookie().map_err(|flaw| ConfigError::of("cookie", flaw))
    }
}
