//! Chooses where sessions live. No other file of the shop knows a store.

use std::{
    env,
    io::{self, Write as _},
    sync::Arc,
};

use cloakroom::{
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, MemoryStore, RedisStore, SessionStore, SignedCookieStore},
};

type Open = fn() -> Result<Arc<dyn SessionStore>, String>;

/// Every store that `SESSION_STORE` may name, and how to open it.
const STORES: [(&str, Open); 4] = [
    ("memory", || Ok(Arc::new(MemoryStore::new()))),
    ("encrypted-cookie", || Ok(Arc::new(EncryptedCookieStore::new(&keys()?)))),
    ("signed-cookie", || Ok(Arc::new(SignedCookieStore::new(&keys()?)))),
    ("jwt", || Ok(Arc::new(JwtStore::from_ring(&keys()?)))),
];

/// The store that `SESSION_STORE` names; the first one where it names none.
pub(crate) fn open(name: Option<&str>) -> Result<Arc<dyn SessionStore>, String> {
    let (first, _) = STORES[0];
    let wanted = name.unwrap_or(first);
    if wanted.contains("://") {
        // The form of the URL says where Redis is: one server, Sentinels, a cluster.
        return Ok(Arc::new(RedisStore::from_url(wanted).map_err(|error| error.to_string())?));
    }
    match STORES.iter().find(|(known, _)| *known == wanted) {
        Some((_, open)) => open(),
        None => Err(format!("SESSION_STORE={wanted:?} names no session store; known are: {}", known())),
    }
}

fn known() -> String {
    STORES.map(|(name, _)| name).join(", ") + ", the URL of a Redis"
}

/// The keys in `SESSION_KEYS`, or a new one.
fn keys() -> Result<KeyRing, String> {
    if env::var_os("SESSION_KEYS").is_some() {
        return KeyRing::from_env("SESSION_KEYS").map_err(|error| error.to_string());
    }
    // If nobody reads standard error, the shop serves all the same.
    let _ = writeln!(
        io::stderr(),
        "cloakroom shop: SESSION_KEYS is not set; with a key made for this run, sessions end with it"
    );
    SecretKey::generate().map(KeyRing::new).map_err(|error| error.to_string())
}
