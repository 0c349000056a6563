//! Opening the store that a configuration names. Each arm needs its feature; without it, it says so.

use std::sync::Arc;

use super::{
    fields::{ConfigError, Fields, Scalar},
    store::{Kind, StoreConfig},
};
use crate::store::{MigratingStore, Phase, SessionStore};

type Opened = Result<Arc<dyn SessionStore>, ConfigError>;

impl StoreConfig {
    /// Opens the store. Nothing is connected yet.
    ///
    /// # Errors
    /// [`ConfigError`] if an option has a wrong value, a key is missing, or the feature of the store is not compiled in.
    pub fn open(&self) -> Opened {
        self.opened().map_err(|error| error.within("store"))
    }

    fn opened(&self) -> Opened {
        match self.kind {
            Kind::Memory => memory(self),
            Kind::Redis => redis(&self.url, &self.fields),
            Kind::EncryptedCookie => encrypted_cookie(&self.fields),
            Kind::SignedCookie => signed_cookie(&self.fields),
            Kind::Jwt => jwt(&self.fields),
            Kind::Migrating => self.migrating(),
        }
    }

    fn migrating(&self) -> Opened {
        let phases = [("prepare", Phase::Prepare), ("move", Phase::Move), ("finish", Phase::Finish)];
        let phase = self.fields.read("phase", |value, name| value.choice(name, &phases))?;
        let phase =
            phase.ok_or_else(|| ConfigError::of("phase", "it is missing; say prepare, move or finish"))?;
        let store = MigratingStore::new(self.inner("from")?, self.inner("to")?, phase);
        let store = self.fields.apply(store, "when_read", Scalar::flag, |store, when_read| {
            if when_read { store.when_read() } else { store }
        })?;
        let longest = MigratingStore::tokens_live_at_most;
        Ok(Arc::new(self.fields.apply(store, "tokens_live_at_most", Scalar::duration, longest)?))
    }

    /// Opens the store that an option is.
    fn inner(&self, name: &str) -> Opened {
        let inner =
            self.store(name).ok_or_else(|| ConfigError::of(name, "it is missing; say which store"))?;
        inner.opened().map_err(|error| error.within(name))
    }
}

macro_rules! needs {
    ($feature:literal, fn $name:ident($($arg:ident: $type:ty),*) $body:block) => {
        #[cfg(feature = $feature)]
        fn $name($($arg: $type),*) -> Opened $body

        #[cfg(not(feature = $feature))]
        fn $name($(_: $type),*) -> Opened {
            Err(ConfigError::of("url", concat!(
                "this program was built without it; it needs the feature \"", $feature, "\" of cloakroom"
            )))
        }
    };
}

needs!(
    "memory",
    fn memory(config: &StoreConfig) {
        use crate::store::{Budget, DrainingStore, MemoryStore, MemoryStoreBuilder, NodeName};

        let fields = &config.fields;

        let budget = |sessions: &str, bytes: &str, default: Budget| -> Result<Budget, ConfigError> {
            let budget = fields
                .apply(default, sessions, Scalar::number, |budget, sessions| Budget { sessions, ..budget })?;
            fields.apply(budget, bytes, Scalar::number, |budget, bytes| Budget { bytes, ..budget })
        };
        let node = |value: &Scalar, name: &str| {
            NodeName::new(&value.to_string()).map_err(|error| ConfigError::of(name, error))
        };
        let store = MemoryStore::builder()
            .anonymous(budget("anonymous_sessions", "anonymous_bytes", Budget::ANONYMOUS)?)
            .logged_in(budget("logged_in_sessions", "logged_in_bytes", Budget::LOGGED_IN)?);
        let store = fields.apply(store, "node", node, MemoryStoreBuilder::node)?.build();
        if config.store("drain_to").is_none() {
            return Ok(Arc::new(store));
        }
        let target = config.inner("drain_to")?;
        if target.guarantees().token.is_self_contained() {
            let what = "clients of that store carry their sessions, so nobody else can hand them over; \
                        say a store that keeps them";
            return Err(ConfigError::of("drain_to", what));
        }
        Ok(Arc::new(DrainingStore::new(store, target)))
    }
);

needs!(
    "redis",
    fn redis(url: &str, fields: &Fields) {
        use crate::store::{RedisStore, RedisStoreBuilder};

        let url = with_password(url, fields)?;
        let store = RedisStore::builder(&url).map_err(|error| ConfigError::of("url", error))?;
        let store = fields.apply(store, "prefix", Scalar::text, |store, prefix| store.prefix(&prefix))?;
        let store = fields.apply(store, "tls_roots_file", file, |store, roots| store.tls_roots(&roots))?;
        let store =
            fields.apply(store, "connect_timeout", Scalar::duration, RedisStoreBuilder::connect_timeout)?;
        let store = fields.apply(store, "persistent", Scalar::flag, |store, persistent| {
            if persistent { store } else { store.without_persistence() }
        })?;
        Ok(Arc::new(with_cache(store, fields)?.build()))
    }
);

#[cfg(feature = "redis")]
fn file(path: &Scalar, name: &str) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path.to_string())
        .map_err(|error| ConfigError::of(name, format!("the file {path} cannot be read: {error}")))
}

#[cfg(feature = "redis")]
fn with_cache(
    store: crate::store::RedisStoreBuilder,
    fields: &Fields,
) -> Result<crate::store::RedisStoreBuilder, ConfigError> {
    use crate::store::LocalCache;

    let Some(within) = fields.read("local_cache", Scalar::duration)? else {
        return match fields.text("local_cache_sessions") {
            None => Ok(store),
            Some(_) => {
                Err(ConfigError::of("local_cache_sessions", "there is no cache; say local_cache=1s as well"))
            }
        };
    };
    let cache = LocalCache { within, ..LocalCache::default() };
    let cache = fields.apply(cache, "local_cache_sessions", Scalar::number, |cache, sessions| {
        LocalCache { sessions, ..cache }
    })?;
    Ok(store.local_cache(cache))
}

/// The URL with the password that is referred to, for the user that it names or for the default one.
#[cfg(feature = "redis")]
fn with_password(url: &str, fields: &Fields) -> Result<zeroize::Zeroizing<String>, ConfigError> {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    let Some(password) = super::secrets::referred(fields, "password")? else {
        return Ok(url.to_owned().into());
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| ConfigError::of("url", "it has no host"))?;
    if scheme.ends_with("unix") {
        let password = utf8_percent_encode(password.trim_end(), NON_ALPHANUMERIC);
        let separator = if rest.contains('?') { '&' } else { '?' };
        return Ok(format!("{url}{separator}pass={password}").into());
    }
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let (user, hosts) = authority.rfind('@').map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
    if user.contains(':') {
        return Err(ConfigError::of("url", "it has a password, and there is another by reference"));
    }
    let password = utf8_percent_encode(password.trim_end(), NON_ALPHANUMERIC);
    Ok(format!("{scheme}://{user}:{password}@{hosts}").into())
}

needs!(
    "cookie-store",
    fn encrypted_cookie(fields: &Fields) {
        use crate::store::{Cipher, EncryptedCookieStore};

        let cipher = |value: &Scalar, name: &str| {
            value.choice(
                name,
                &[("aes-256-gcm", Cipher::Aes256Gcm), ("chacha20-poly1305", Cipher::ChaCha20Poly1305)],
            )
        };
        let store = EncryptedCookieStore::new(&super::secrets::key_ring(fields)?);
        let store = fields.apply(store, "cipher", cipher, EncryptedCookieStore::cipher)?;
        let store = fields.apply(store, "context", Scalar::text, EncryptedCookieStore::context)?;
        Ok(Arc::new(fields.apply(store, "max_token", Scalar::number, EncryptedCookieStore::max_token)?))
    }
);

needs!(
    "cookie-store",
    fn signed_cookie(fields: &Fields) {
        use crate::store::SignedCookieStore;

        let store = SignedCookieStore::new(&super::secrets::key_ring(fields)?);
        let store = fields.apply(store, "context", Scalar::text, SignedCookieStore::context)?;
        Ok(Arc::new(fields.apply(store, "max_token", Scalar::number, SignedCookieStore::max_token)?))
    }
);

needs!(
    "jwt",
    fn jwt(fields: &Fields) {
        use crate::store::JwtStore;

        let store = fields.apply(jwt_with_keys(fields)?, "issuer", Scalar::text, JwtStore::issuer)?;
        let store = fields.apply(store, "audience", Scalar::text, JwtStore::audience)?;
        let store = fields.apply(store, "leeway", Scalar::duration, JwtStore::leeway)?;
        let store =
            fields.apply(store, "accepting_type", Scalar::text, |store, typ| store.accepting_type(&typ))?;
        let store = fields.apply(store, "context", Scalar::text, JwtStore::context)?;
        Ok(Arc::new(fields.apply(store, "max_token", Scalar::number, JwtStore::max_token)?))
    }
);

#[cfg(feature = "jwt")]
fn jwt_with_keys(fields: &Fields) -> Result<crate::store::JwtStore, ConfigError> {
    use super::secrets::{key_ring, referred};
    use crate::store::{JwtStore, SigningKey, VerifyingKey};

    match (referred(fields, "pem")?, referred(fields, "public_pem")?) {
        (Some(_), Some(_)) => {
            Err(ConfigError::of("public_pem", "there is a private key too, which brings its public one"))
        }
        (Some(pem), None) => {
            SigningKey::from_pem(&pem).map(JwtStore::new).map_err(|error| ConfigError::of("pem", error))
        }
        (None, Some(pem)) => {
            let key = VerifyingKey::from_pem(&pem).map_err(|error| ConfigError::of("public_pem", error))?;
            Ok(JwtStore::verify_only([key]))
        }
        (None, None) => key_ring(fields).map(|keys| JwtStore::from_ring(&keys)),
    }
}
