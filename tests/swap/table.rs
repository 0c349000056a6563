//! The stores.

use std::{
    any::Any,
    path::Path,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cloakroom::{
    SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{
        EncryptedCookieStore, JwtStore, MemoryStore, PostgresStore, RedisStore, SignedCookieStore,
        SqliteStore,
    },
    time::Deadline,
};

use crate::{
    plain::Plain,
    rig::{PostgresServer, RedisServer},
};

/// An empty store, and what has to live as long as it does.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn SessionStore>,
    _resources: Box<dyn Any + Send>,
}

pub(crate) type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;

/// What opens a fresh store.
pub(crate) type Open = fn() -> Opening;

/// The stores by name.
pub(crate) const STORES: &[(&str, Open)] = &[
    ("memory", || alone(MemoryStore::new())),
    // Stands for a server outside of the process: it keeps hashes and no secrets.
    ("plain", || alone(Plain::default())),
    ("redis", || alone(redis())),
    ("postgres", postgres),
    ("sqlite", sqlite),
    ("encrypted cookie", || alone(EncryptedCookieStore::new(&keys()))),
    ("signed cookie", || alone(SignedCookieStore::new(&keys()))),
    ("jwt", || alone(JwtStore::from_ring(&keys()))),
];

/// Those that have a server or threads of their own.
pub(crate) const OUTSIDE: [&str; 3] = ["redis", "postgres", "sqlite"];

/// A store that needs nothing else.
fn alone(store: impl SessionStore) -> Opening {
    with(store, ())
}

/// A store with what has to live as long as it does: a server, a folder.
fn with(store: impl SessionStore, resources: impl Any + Send) -> Opening {
    Box::pin(async move { Opened { store: Arc::new(store), _resources: Box::new(resources) } })
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

/// A prefix of its own on a server that all of them share, and that ends with this process.
fn redis() -> RedisStore {
    static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    RedisStore::builder(&SERVER.url()).unwrap().prefix(&format!("store-{number}:")).build()
}

/// A table of its own on a server that all of them share, and that ends with this process.
fn postgres() -> Opening {
    static SERVER: LazyLock<PostgresServer> = LazyLock::new(PostgresServer::start);
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    let store =
        PostgresStore::builder(&SERVER.url()).unwrap().table(&format!("store_{number}")).unwrap().build();
    Box::pin(async move {
        store.create_table(Deadline::after(Duration::from_secs(60))).await.unwrap();
        with(store, ()).await
    })
}

/// A file in a folder of its own: in memory, if this system can, so that the disk is not all that the test waits for.
fn sqlite() -> Opening {
    let in_memory = Path::new("/dev/shm");
    let folder =
        if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() }.unwrap();
    with(SqliteStore::open(folder.path().join("sessions.db")).unwrap(), folder)
}
