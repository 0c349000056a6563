//! What the scenarios run on: every adapter with every store and every transport.
//!
//! **One line adds one more.**

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use cloakroom::{
    Bearer, Cookie, SessionStore, Transport as Way,
    keyring::{KeyRing, SecretKey},
    store::{
        Cached, Cipher, EncryptedCookieStore, Hybrid, JwtStore, MemoryRevocationLog, MemoryStore,
        PostgresStore, RedisRevocationLog, RedisStore, RedisStoreBuilder, RevocableStore, SignedCookieStore,
        SqliteStore, StoreLayer,
    },
};

use crate::{
    app::App,
    rig::{PostgresServer, RedisServer},
    shells::{self, Served},
};

pub(crate) const ADAPTERS: &[Adapter] = &[
    Adapter { name: "axum", serve: shells::axum::serve },
    Adapter { name: "actix", serve: shells::actix::serve },
];

pub(crate) const STORES: &[Store] = &[
    Store { name: "memory", open: || Arc::new(MemoryStore::new()) },
    Store { name: "redis", open: || Arc::new(redis().build()) },
    Store {
        name: "redis behind a cache",
        open: || Arc::new(Cached::new(redis().build()).expect("it is shared")),
    },
    Store { name: "postgres", open: || Arc::new(postgres()) },
    Store { name: "sqlite", open: || Arc::new(sqlite()) },
    Store {
        name: "redis below a hybrid",
        open: || Arc::new(Hybrid::new(redis().build(), &keys()).expect("it is shared")),
    },
    Store { name: "encrypted cookie (AES)", open: || Arc::new(encrypted(Cipher::Aes256Gcm)) },
    Store { name: "encrypted cookie (ChaCha)", open: || Arc::new(encrypted(Cipher::ChaCha20Poly1305)) },
    Store {
        name: "several encrypted cookies",
        open: || Arc::new(encrypted(Cipher::Aes256Gcm).max_token(12_000)),
    },
    Store { name: "signed cookie", open: || Arc::new(SignedCookieStore::new(&keys())) },
    Store {
        name: "encrypted cookie with a log of revocations",
        open: || {
            Arc::new(
                RevocableStore::new(EncryptedCookieStore::new(&keys()), MemoryRevocationLog::new()).unwrap(),
            )
        },
    },
    Store {
        name: "JWT with a log of revocations in Redis",
        open: || {
            let log = RedisRevocationLog::of(&redis().build());
            Arc::new(RevocableStore::new(JwtStore::from_ring(&keys()), log).unwrap())
        },
    },
    Store { name: "JWT", open: || Arc::new(JwtStore::from_ring(&keys())) },
];

pub(crate) const TRANSPORTS: &[Transport] = &[
    Transport { name: "cookie", client: Client::Browser, ways: || vec![cookie()] },
    Transport { name: "bearer", client: Client::App, ways: || vec![bearer()] },
    Transport { name: "cookie beside bearer", client: Client::Browser, ways: || vec![cookie(), bearer()] },
    Transport { name: "bearer beside cookie", client: Client::App, ways: || vec![cookie(), bearer()] },
];

#[derive(Debug)]
pub(crate) struct Adapter {
    pub(crate) name: &'static str,
    pub(crate) serve: fn(App) -> Served,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) name: &'static str,
    /// Opens it, empty.
    pub(crate) open: fn() -> Arc<dyn SessionStore>,
}

#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    /// The ways in which the manager lets tokens travel.
    pub(crate) ways: fn() -> Vec<Way>,
}

/// What holds a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// It has a jar of cookies.
    Browser,
    /// It has its token in a header, both ways, and never takes a cookie.
    App,
}

/// The session cookie.
pub(crate) const COOKIE: &str = "__Host-id";

fn cookie() -> Way {
    Cookie::named(COOKIE).into()
}

fn bearer() -> Way {
    Bearer::authorization().into()
}

fn encrypted(cipher: Cipher) -> EncryptedCookieStore {
    EncryptedCookieStore::new(&keys()).cipher(cipher)
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

/// A prefix of its own on a server that all of them share, and that ends with this process.
fn redis() -> RedisStoreBuilder {
    static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    RedisStore::builder(&SERVER.url()).unwrap().prefix(&format!("store-{number}:"))
}

/// A store in a file of its own, and the folder that goes with it.
#[derive(Debug)]
struct InFolder {
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

impl StoreLayer for InFolder {
    fn inner(&self) -> &dyn SessionStore {
        &self.store
    }
}

fn sqlite() -> InFolder {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sessions.db")).unwrap();
    InFolder { store, _folder: folder }
}

/// A table of its own on a server that all of them share, and that ends with this process.
fn postgres() -> PostgresStore {
    static SERVER: LazyLock<PostgresServer> =
        LazyLock::new(|| PostgresServer::builder().option("max_connections", "400").start());
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    let store = PostgresStore::builder(&SERVER.url()).unwrap().table(&format!("store_{number}")).unwrap();
    store.create_missing_table().build()
}
