//! The store that a configuration names: a URL or a table.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

use super::query::parse_query;
#[cfg(feature = "postgres")]
use super::query::with_parameters;
#[cfg(feature = "hybrid")]
use crate::store::HybridOptions;
#[cfg(feature = "jwt")]
use crate::store::JwtOptions;
#[cfg(feature = "postgres")]
use crate::store::PostgresOptions;
#[cfg(feature = "postgres")]
use crate::store::PostgresRevocationLog;
#[cfg(feature = "sqlite")]
use crate::store::SqliteOptions;
#[cfg(feature = "memory")]
use crate::store::{DrainingStore, MemoryOptions, MemoryRevocationLog};
#[cfg(feature = "cookie-store")]
use crate::store::{EncryptedCookieOptions, SignedCookieOptions};
#[cfg(feature = "redis")]
use crate::store::{RedisOptions, RedisRevocationLog};
use crate::{
    options::{self, ConfigError, Options, Value},
    store::{
        CacheOptions, Cached, CachedOptions, MigratingStore, Phase, RevocableStore, RevocationLog,
        SessionStore, WriteBehind, WriteBehindConfig,
    },
};

/// Where sessions are stored, as a configuration says it.
///
/// It is either a URL, whose query contains the options, or a table with the same options:
/// `"redis://cache/0?prefix=shop:"` means the same as `{ "url": "redis://cache/0", "prefix": "shop:" }`, and `"memory:"` the
/// same as `{ "kind": "memory" }`. In a query, write `&`, `#`, `%` and `+` as `%26`, `%23`, `%25` and `%2B`. An option that is
/// a store is again a URL or a table: `"migrating:?from=redis://cache&to=jwt:?keys_env=KEYS&phase=move"` means the same as
/// `{ "kind": "migrating", "from": "redis://cache", "to": { "kind": "jwt", "keys_env": "KEYS" }, "phase": "move" }`.
///
/// | store | options |
/// | --- | --- |
/// | `memory:` | `node`, `anonymous_sessions`, `anonymous_bytes`, `logged_in_sessions`, `logged_in_bytes`, `drain_to` (a store that keeps records) |
/// | `redis://…`, `rediss://…`, `redis+unix://…`, `redis+sentinel://…`, `redis+cluster://…` | `password_env` or `password_file` (read for each connection), `sentinel_user`, `sentinel_password_env` or `sentinel_password_file`, `prefix`, `tls_roots_file`, `tls_certificate_file` and `tls_key_file` (this client's own), the same three beginning with `sentinel_`, `connect_timeout`, `anonymous_share` (percent), `replicas` (how many must have a login or a logout), `circuit_breaker` (`true`, `false`), `circuit_threshold`, `circuit_cool_down`, `persistent` |
/// | `postgres://…`, `postgresql://…` | `password_env` or `password_file` (read for each connection), `table`, `create_table` (`true`: when it is missing), `announce` (`true`: and with a trigger that announces changes), `write_connections`, `named_statements` (`false` behind PgBouncer in transaction mode), `sslmode`, `tls_roots_file`, `tls_certificate_file` and `tls_key_file` (this client's own), `target_session_attrs`, `application_name` and what else such a URL may say, `connect_timeout`, `circuit_breaker`, `circuit_threshold`, `circuit_cool_down` |
/// | `sqlite:path`, such as `sqlite:sessions.db` or `sqlite:///var/lib/shop/sessions.db` | `table`, `synchronous` (`full`, `normal`) |
/// | `encrypted-cookie:` | `keys_env` or `keys_file` or `keys=generate`, `cipher` (`aes-256-gcm`, `chacha20-poly1305`), `context`, `max_token` |
/// | `signed-cookie:` | `keys_env` or `keys_file` or `keys=generate`, `context`, `max_token` |
/// | `jwt:` | keys as above for HS256, or `pem_env` or `pem_file` (a private key: EdDSA, ES256), or `public_pem_env` or `public_pem_file` (to read tokens only); `issuer`, `audience`, `leeway`, `accepting_type`, `context`, `max_token` |
/// | `hybrid:` | `store` (one that several nodes share), `fresh_for` (how long a token is believed), `leeway` (how far clocks may differ), `read_while_down` (how old a token may be while the store does not answer), `keys_env` or `keys_file` or `keys=generate`, `cipher`, `context`, `max_token` |
/// | `revocable:` | `store` (one whose clients carry their sessions), `log` (where revocations are kept: `memory:`, or Redis or PostgreSQL with the options above), `within`, `accept_while_down` |
/// | `write-behind:` | `store` (one that several nodes share), `at_most` (how long a change waits), `within` (how late another node's logout is seen), `bridge` (how long an outage is bridged), `unsaved` (sessions with changes that wait), `sessions`, `bytes`, `node` |
/// | any that keeps records outside of the process | `cache` (a [`Cached`] store around it, and how stale that may be), `cache_sessions`, `cache_bytes`, `cache_stale_if_error` (how stale while the store does not answer) |
/// | `migrating:` | `from` and `to` (stores), `phase` (`prepare`, `move`, `finish`), `when_read` (`true`, `false`), `tokens_live_at_most` |
///
/// ```
/// use cloakroom::{SessionStore as _, config::StoreConfig};
///
/// let config: StoreConfig = "encrypted-cookie:?keys=generate&cipher=chacha20-poly1305".parse()?;
/// assert_eq!(config.open()?.guarantees().name, "encrypted-cookie");
///
/// let error = "mongodb://db".parse::<StoreConfig>().unwrap_err();
/// assert!(error.to_string().contains("redis+sentinel"), "the message lists what is supported");
/// # Ok::<(), cloakroom::config::ConfigError>(())
/// ```
/// Opened twice, a configuration gives the same store, and so do its clones: with `memory:` a session that one part of the program
/// begins is found by the others. Another configuration, even with the same text, gives another store.
#[derive(Clone)]
pub struct StoreConfig(Arc<Source>);

/// A store that is opened once.
struct Source {
    kind: Kind,
    /// What is put before it.
    cache: Option<CachedOptions>,
    opened: Mutex<Option<Arc<dyn SessionStore>>>,
}

impl Source {
    const fn new(kind: Kind, cache: Option<CachedOptions>) -> Self {
        Self { kind, cache, opened: Mutex::new(None) }
    }

    fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        let store = self.kind.open()?;
        let Some(cache) = self.cache else { return Ok(store) };
        let cached = Cached::with_options(store, cache).map_err(|error| ConfigError::new("cache", error))?;
        Ok(Arc::new(cached))
    }
}

/// Each store with its options.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "a configuration has one")]
enum Kind {
    #[cfg(feature = "memory")]
    Memory(Box<Memory>),
    #[cfg(feature = "redis")]
    Redis(RedisOptions),
    #[cfg(feature = "postgres")]
    Postgres(PostgresOptions),
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteOptions),
    #[cfg(feature = "cookie-store")]
    EncryptedCookie(EncryptedCookieOptions),
    #[cfg(feature = "cookie-store")]
    SignedCookie(SignedCookieOptions),
    #[cfg(feature = "jwt")]
    Jwt(JwtOptions),
    WriteBehind(Box<Layer<WriteBehindConfig>>),
    #[cfg(feature = "hybrid")]
    Hybrid(Box<Layer<HybridOptions>>),
    Migrating(Box<Migrating>),
    Revocable(Box<Revocable>),
    /// Opening it is an error, which names the feature.
    NotCompiled(&'static str),
}

#[cfg(feature = "memory")]
#[derive(Clone, Default)]
struct Memory {
    options: MemoryOptions,
    drain_to: Option<StoreConfig>,
}

/// A layer with its options around a store.
#[derive(Clone)]
struct Layer<O> {
    store: StoreConfig,
    options: O,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Migrating {
    from: StoreConfig,
    to: StoreConfig,
    phase: Phase,
    #[serde(default)]
    when_read: bool,
    #[serde(default, deserialize_with = "options::duration")]
    tokens_live_at_most: Option<Duration>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocable {
    store: StoreConfig,
    log: StoreConfig,
    #[serde(default, deserialize_with = "options::duration")]
    within: Option<Duration>,
    #[serde(default, deserialize_with = "options::positive_duration")]
    accept_while_down: Option<Duration>,
}

/// The schemes of URLs.
const SCHEMES: [&str; 19] = [
    "memory",
    "redis",
    "rediss",
    "redis+unix",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
    "postgres",
    "postgresql",
    "sqlite",
    "encrypted-cookie",
    "signed-cookie",
    "jwt",
    "write-behind",
    "hybrid",
    "migrating",
    "revocable",
];

impl Default for StoreConfig {
    /// `memory:`
    fn default() -> Self {
        #[cfg(feature = "memory")]
        let kind = Kind::Memory(Box::default());
        #[cfg(not(feature = "memory"))]
        let kind = Kind::NotCompiled("memory");
        Self(Arc::new(Source::new(kind, None)))
    }
}

impl<'de> Deserialize<'de> for StoreConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let config = match Value::deserialize(deserializer)? {
            Value::Text(url) => Self::from_url(&url, Options::default()),
            Value::Table(options) => Self::from_table(options),
            Value::Flag(_) | Value::Number(_) | Value::List(_) => {
                Err(ConfigError::custom("expected a URL or a table"))
            }
        };
        config.map_err(D::Error::custom)
    }
}

impl FromStr for StoreConfig {
    type Err = ConfigError;

    fn from_str(url: &str) -> Result<Self, ConfigError> {
        Self::from_url(url, Options::default()).map_err(|error| error.within("store"))
    }
}

impl StoreConfig {
    fn from_table(mut options: Options) -> Result<Self, ConfigError> {
        let url = options.remove_text("url").or_else(|| options.remove_text("kind"));
        let url = url.ok_or_else(|| ConfigError::new("kind", "missing; a store has a kind or a url"))?;
        Self::from_url(&url, options)
    }

    /// The options of a table are added to those in the URL's query.
    fn from_url(url: &str, table: Options) -> Result<Self, ConfigError> {
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        if query.contains('@')
            && (url.starts_with("redis") || url.starts_with("postgres"))
            && !url.contains("unix://")
        {
            // Quoting anything here could quote a part of the password.
            return Err(ConfigError::new(
                "url",
                "a \"?\" in a user name or password is written as %3F, and an \"@\" in an option as %40",
            ));
        }
        let (mut options, database) = parse_query(query)?;
        options.extend(table);
        let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
        let cache = CacheOptions::deserialize(options.take(&CacheOptions::NAMES))?.read()?;
        let kind = Kind::new(scheme, &format!("{url}{database}"), options)?;
        Ok(Self(Arc::new(Source::new(kind, cache))))
    }

    /// Opens the store, or returns the one that this configuration or a clone of it has opened before. No connection is made yet, but the
    /// file of `sqlite:` is opened.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cloakroom::config::Config;
    ///
    /// let config: Config = serde_json::from_str(r#"{ "store": "memory:" }"#)?;
    /// let sessions = config.manager()?;
    /// // The manager's own store, and not another, empty one.
    /// assert!(Arc::ptr_eq(&config.store.open()?, &config.store.open()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] if an option has a wrong value, a key or file is missing, or the feature of the store is not compiled in.
    pub fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        self.open_once().map_err(|error| error.within("store"))
    }

    fn open_once(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        // Nothing that is done under the lock leaves it half done.
        let mut opened = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*opened {
            return Ok(Arc::clone(store));
        }
        let store = self.0.open()?;
        *opened = Some(Arc::clone(&store));
        Ok(store)
    }
}

impl Kind {
    fn new(scheme: &str, url: &str, mut options: Options) -> Result<Self, ConfigError> {
        let _ = (url, &mut options);
        match scheme {
            #[cfg(feature = "memory")]
            "memory" => {
                let drain_to = options.remove("drain_to").map(StoreConfig::deserialize).transpose();
                Ok(Self::Memory(Box::new(Memory {
                    drain_to: drain_to.map_err(|error| error.within("drain_to"))?,
                    options: MemoryOptions::deserialize(options)?,
                })))
            }
            #[cfg(feature = "cookie-store")]
            "encrypted-cookie" => EncryptedCookieOptions::deserialize(options).map(Self::EncryptedCookie),
            #[cfg(feature = "cookie-store")]
            "signed-cookie" => SignedCookieOptions::deserialize(options).map(Self::SignedCookie),
            #[cfg(feature = "jwt")]
            "jwt" => JwtOptions::deserialize(options).map(Self::Jwt),
            "write-behind" => Layer::new(options).map(Self::WriteBehind),
            #[cfg(feature = "hybrid")]
            "hybrid" => Layer::new(options).map(Self::Hybrid),
            "migrating" => Migrating::deserialize(options).map(Box::new).map(Self::Migrating),
            "revocable" => Revocable::deserialize(options).map(Box::new).map(Self::Revocable),
            #[cfg(feature = "redis")]
            scheme if SCHEMES.contains(&scheme) && feature(scheme) == "redis" => {
                options.insert("url", url);
                RedisOptions::deserialize(options).map(Self::Redis)
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                let url = with_parameters(url, &mut options, PostgresOptions::IN_URL);
                options.insert("url", url);
                PostgresOptions::deserialize(options).map(Self::Postgres)
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                options.insert("url", url);
                SqliteOptions::deserialize(options).map(Self::Sqlite)
            }
            scheme if SCHEMES.contains(&scheme) => Ok(Self::NotCompiled(feature(scheme))),
            _ => Err(ConfigError::new(
                "url",
                format!("expected it to begin with one of {}", SCHEMES.join(", ")),
            )),
        }
    }

    fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        match self {
            #[cfg(feature = "memory")]
            Self::Memory(memory) => memory.open(),
            #[cfg(feature = "redis")]
            Self::Redis(options) => Ok(Arc::new(options.open()?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => Ok(Arc::new(options.open()?)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(options) => Ok(Arc::new(options.open()?)),
            #[cfg(feature = "cookie-store")]
            Self::EncryptedCookie(options) => Ok(Arc::new(options.open()?)),
            #[cfg(feature = "cookie-store")]
            Self::SignedCookie(options) => Ok(Arc::new(options.open()?)),
            #[cfg(feature = "jwt")]
            Self::Jwt(options) => Ok(Arc::new(options.open()?)),
            Self::WriteBehind(layer) => layer.open(),
            #[cfg(feature = "hybrid")]
            Self::Hybrid(layer) => layer.open(),
            Self::Migrating(migrating) => migrating.open(),
            Self::Revocable(revocable) => revocable.open(),
            Self::NotCompiled(feature) => Err(not_compiled(feature)),
        }
    }

    /// Opens a log of revocations where this store keeps its records.
    fn open_log(&self) -> Result<Arc<dyn RevocationLog>, ConfigError> {
        match self {
            #[cfg(feature = "memory")]
            Self::Memory(_) => Ok(Arc::new(MemoryRevocationLog::new())),
            #[cfg(feature = "redis")]
            Self::Redis(options) => Ok(Arc::new(RedisRevocationLog::of(&options.open()?))),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => Ok(Arc::new(PostgresRevocationLog::of(&options.open()?))),
            Self::NotCompiled(feature) => Err(not_compiled(feature)),
            _ => {
                let problem = "revocations can be kept in memory, in Redis or in PostgreSQL";
                Err(ConfigError::new("url", problem))
            }
        }
    }
}

fn not_compiled(feature: &str) -> ConfigError {
    ConfigError::new(
        "url",
        format!("this program was built without the store; it needs the feature \"{feature}\" of cloakroom"),
    )
}

#[cfg(feature = "memory")]
impl Memory {
    fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        let store = self.options.clone().build();
        let Some(target) = &self.drain_to else { return Ok(Arc::new(store)) };
        let target = target.open_once().map_err(|error| error.within("drain_to"))?;
        if !target.guarantees().keeps_records {
            let problem = "sessions can only be drained into a store that keeps records; the clients of this one carry them";
            return Err(ConfigError::new("drain_to", problem));
        }
        Ok(Arc::new(DrainingStore::new(store, target)))
    }
}

impl<O: DeserializeOwned> Layer<O> {
    fn new(mut options: Options) -> Result<Box<Self>, ConfigError> {
        let store = options.remove("store").ok_or_else(|| ConfigError::missing_field("store"))?;
        let store = StoreConfig::deserialize(store).map_err(|error| error.within("store"))?;
        Ok(Box::new(Self { store, options: O::deserialize(options)? }))
    }
}

impl<O> Layer<O> {
    fn inner(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        self.store.open_once().map_err(|error| error.within("store"))
    }
}

impl Layer<WriteBehindConfig> {
    fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        let layer = WriteBehind::with_options(self.inner()?, self.options.options());
        Ok(Arc::new(layer.map_err(|error| ConfigError::new("store", error))?))
    }
}

#[cfg(feature = "hybrid")]
impl Layer<HybridOptions> {
    fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        Ok(Arc::new(self.options.open(self.inner()?)?))
    }
}

impl Migrating {
    fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        let from = self.from.open_once().map_err(|error| error.within("from"))?;
        let to = self.to.open_once().map_err(|error| error.within("to"))?;
        let mut store = MigratingStore::new(from, to, self.phase);
        if self.when_read {
            store = store.when_read();
        }
        if let Some(lifetime) = self.tokens_live_at_most {
            store = store.tokens_live_at_most(lifetime);
        }
        Ok(Arc::new(store))
    }
}

impl Revocable {
    fn open(&self) -> Result<Arc<dyn SessionStore>, ConfigError> {
        let inner = self.store.open_once().map_err(|error| error.within("store"))?;
        if self.log.0.cache.is_some() {
            return Err(ConfigError::new("log", "a log of revocations has no cache; leave its option out"));
        }
        let log = self.log.0.kind.open_log().map_err(|error| error.within("log"))?;
        let mut store = RevocableStore::new(inner, log).map_err(|error| ConfigError::new("store", error))?;
        if let Some(time) = self.within {
            store = store.within(time);
        }
        if let Some(up_to) = self.accept_while_down {
            store = store.accept_while_down(up_to);
        }
        Ok(Arc::new(store))
    }
}

/// The feature that brings the store of a scheme.
fn feature(scheme: &str) -> &'static str {
    match scheme {
        "memory" => "memory",
        "encrypted-cookie" | "signed-cookie" => "cookie-store",
        "jwt" => "jwt",
        "postgres" | "postgresql" => "postgres",
        "sqlite" => "sqlite",
        "hybrid" => "hybrid",
        _ => "redis",
    }
}

/// Which store, and nothing of its options: the URL may contain a password.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StoreConfig({})",
            match &self.0.kind {
                #[cfg(feature = "memory")]
                Kind::Memory(_) => "memory",
                #[cfg(feature = "redis")]
                Kind::Redis(_) => "redis",
                #[cfg(feature = "postgres")]
                Kind::Postgres(_) => "postgres",
                #[cfg(feature = "sqlite")]
                Kind::Sqlite(_) => "sqlite",
                #[cfg(feature = "cookie-store")]
                Kind::EncryptedCookie(_) => "encrypted-cookie",
                #[cfg(feature = "cookie-store")]
                Kind::SignedCookie(_) => "signed-cookie",
                #[cfg(feature = "jwt")]
                Kind::Jwt(_) => "jwt",
                Kind::WriteBehind(_) => "write-behind",
                #[cfg(feature = "hybrid")]
                Kind::Hybrid(_) => "hybrid",
                Kind::Migrating(_) => "migrating",
                Kind::Revocable(_) => "revocable",
                Kind::NotCompiled(_) => "not compiled",
            }
        )
    }
}
