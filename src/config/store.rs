//! Where sessions live, as a URL or a table.

use std::{collections::BTreeMap, fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::fields::{ConfigError, Fields, Scalar, check, names};

/// Where sessions live, as a configuration says it.
///
/// Either a URL, whose query has the options, or a table with the same options: `"redis://cache/0?prefix=shop:"` is the
/// same as `{ "url": "redis://cache/0", "prefix": "shop:" }`, and `"memory:"` the same as `{ "kind": "memory" }`. In a
/// query, `&`, `#`, `%` and `+` are written as `%26`, `%23`, `%25` and `%2B`. An option that is a store is a URL or a table
/// again: `"migrating:?from=redis://cache&to=jwt:?keys_env=KEYS&phase=move"` is the same as
/// `{ "kind": "migrating", "from": "redis://cache", "to": { "kind": "jwt", "keys_env": "KEYS" }, "phase": "move" }`.
///
/// | store | options |
/// | --- | --- |
/// | `memory:` | `node`, `anonymous_sessions`, `anonymous_bytes`, `logged_in_sessions`, `logged_in_bytes`, `drain_to` (a store that keeps its sessions) |
/// | `redis://…`, `rediss://…`, `redis+unix://…`, `redis+sentinel://…`, `redis+cluster://…` | `password_env` or `password_file`, `prefix`, `tls_roots_file`, `connect_timeout`, `local_cache` (how stale it may be), `local_cache_sessions`, `persistent` |
/// | `encrypted-cookie:` | `keys_env` or `keys_file` or `keys=generate`, `cipher` (`aes-256-gcm`, `chacha20-poly1305`), `context`, `max_token` |
/// | `signed-cookie:` | `keys_env` or `keys_file` or `keys=generate`, `context`, `max_token` |
/// | `jwt:` | keys as above for HS256, or `pem_env` or `pem_file` (a private key: EdDSA, ES256), or `public_pem_env` or `public_pem_file` (to read tokens only); `issuer`, `audience`, `leeway`, `accepting_type`, `context`, `max_token` |
/// | `migrating:` | `from` and `to` (stores), `phase` (`prepare`, `move`, `finish`), `when_read` (`true`, `false`), `tokens_live_at_most` |
///
/// ```
/// use cloakroom::{SessionStore as _, config::StoreConfig};
///
/// let config: StoreConfig = "encrypted-cookie:?keys=generate&cipher=chacha20-poly1305".parse()?;
/// assert_eq!(config.open()?.guarantees().name, "encrypted-cookie");
///
/// let error = "mongodb://db".parse::<StoreConfig>().unwrap_err();
/// assert!(error.to_string().contains("redis+sentinel"), "it says what there is");
/// # Ok::<(), cloakroom::config::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct StoreConfig {
    pub(super) kind: Kind,
    /// The URL without the options.
    pub(super) url: String,
    pub(super) fields: Fields,
    /// The options that are stores.
    stores: BTreeMap<String, StoreConfig>,
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Redis,
    EncryptedCookie,
    SignedCookie,
    Jwt,
    Migrating,
}

/// Schemes, and the stores that they name.
const SCHEMES: [(&str, Kind); 13] = [
    ("memory", Kind::Memory),
    ("redis", Kind::Redis),
    ("rediss", Kind::Redis),
    ("redis+unix", Kind::Redis),
    ("unix", Kind::Redis),
    ("redis+sentinel", Kind::Redis),
    ("rediss+sentinel", Kind::Redis),
    ("redis+cluster", Kind::Redis),
    ("rediss+cluster", Kind::Redis),
    ("encrypted-cookie", Kind::EncryptedCookie),
    ("signed-cookie", Kind::SignedCookie),
    ("jwt", Kind::Jwt),
    ("migrating", Kind::Migrating),
];

impl Kind {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Memory => {
                &["node", "anonymous_sessions", "anonymous_bytes", "logged_in_sessions", "logged_in_bytes"]
            }
            Self::Redis => &[
                "password_env",
                "password_file",
                "prefix",
                "tls_roots_file",
                "connect_timeout",
                "local_cache",
                "local_cache_sessions",
                "persistent",
            ],
            Self::EncryptedCookie => &["keys_env", "keys_file", "keys", "cipher", "context", "max_token"],
            Self::SignedCookie => &["keys_env", "keys_file", "keys", "context", "max_token"],
            Self::Jwt => &[
                "keys_env",
                "keys_file",
                "keys",
                "pem_env",
                "pem_file",
                "public_pem_env",
                "public_pem_file",
                "issuer",
                "audience",
                "leeway",
                "accepting_type",
                "context",
                "max_token",
            ],
            Self::Migrating => &["phase", "when_read", "tokens_live_at_most"],
        }
    }

    /// The options that are stores.
    fn stores(self) -> &'static [&'static str] {
        match self {
            Self::Memory => &["drain_to"],
            Self::Migrating => &["from", "to"],
            _ => &[],
        }
    }
}

impl Default for StoreConfig {
    /// `memory:`
    fn default() -> Self {
        Self { kind: Kind::Memory, url: "memory:".into(), fields: Fields::default(), stores: BTreeMap::new() }
    }
}

/// What a file may say: a URL or a table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Url(String),
    Table(Table),
}

type Table = BTreeMap<String, Entry>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Value(Scalar),
    Store(Table),
}

impl TryFrom<Written> for StoreConfig {
    type Error = ConfigError;

    fn try_from(written: Written) -> Result<Self, ConfigError> {
        match written {
            Written::Url(url) => url.parse(),
            Written::Table(table) => Self::from_table(table).map_err(|error| error.within("store")),
        }
    }
}

impl FromStr for StoreConfig {
    type Err = ConfigError;

    fn from_str(url: &str) -> Result<Self, ConfigError> {
        Self::from_url(url).map_err(|error| error.within("store"))
    }
}

impl StoreConfig {
    fn from_url(url: &str) -> Result<Self, ConfigError> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut fields = Fields::default();
        // A socket's database is not an option of ours.
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                ConfigError::of(
                    "url",
                    format!("its query is made of name=value, which \"{}\" is not", shown(pair)),
                )
            })?;
            if name == "db" {
                rest.push(pair);
            } else {
                fields.0.insert(name.to_owned(), Scalar::Text(decoded(name, value)?));
            }
        }
        let url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
        Self::new(url, fields, BTreeMap::new())
    }

    fn from_table(table: Table) -> Result<Self, ConfigError> {
        let (mut fields, mut stores) = (Fields::default(), BTreeMap::new());
        for (name, entry) in table {
            match entry {
                Entry::Value(value) => drop(fields.0.insert(name, value)),
                Entry::Store(table) => {
                    let store = Self::from_table(table).map_err(|error| error.within(&name))?;
                    stores.insert(name, store);
                }
            }
        }
        let place = fields.0.remove("url").or(fields.0.remove("kind"));
        let place = place.ok_or_else(|| ConfigError::of("kind", "a store has a kind or a url"))?;
        let mut config = Self::from_url(&place.to_string())?;
        config.fields.0.extend(fields.0);
        config.stores.extend(stores);
        Self::new(config.url, config.fields, config.stores)
    }

    fn new(url: String, mut fields: Fields, mut stores: BTreeMap<String, Self>) -> Result<Self, ConfigError> {
        let scheme = url.split_once(':').map_or(url.as_str(), |(scheme, _)| scheme);
        let Some((_, kind)) = SCHEMES.iter().find(|(name, _)| *name == scheme) else {
            let known = names(SCHEMES.iter().map(|(name, _)| *name));
            return Err(ConfigError::of("url", format!("it begins with none of {known}")));
        };
        for name in kind.stores() {
            if let Some(url) = fields.0.remove(*name) {
                let store = Self::from_url(&url.to_string()).map_err(|error| error.within(name))?;
                stores.insert((*name).to_owned(), store);
            }
        }
        if let Some(name) = stores.keys().find(|name| kind.options().contains(&name.as_str())) {
            return Err(ConfigError::of(name, "it takes a value and no table"));
        }
        let options = [kind.options(), kind.stores()].concat();
        check(fields.0.keys().chain(stores.keys()), &options)?;
        Ok(Self { kind: *kind, url, fields, stores })
    }

    /// An option that is a store, if it is there.
    pub(super) fn store(&self, name: &str) -> Option<&Self> {
        self.stores.get(name)
    }
}

fn decoded(name: &str, value: &str) -> Result<String, ConfigError> {
    let text = percent_decode_str(value).decode_utf8();
    text.map(String::from).map_err(|_| ConfigError::of(name, "it is no UTF-8 once it is decoded"))
}

/// Enough of a text to find it, and not enough to be a secret.
fn shown(text: &str) -> String {
    text.chars().take(8).collect()
}

/// The kinds, and the names of the options: the URL may have a password.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("kind", &self.kind)
            .field("options", &self.fields)
            .field("stores", &self.stores)
            .finish()
    }
}
