//! What the scenarios run on: every adapter with every store and every transport.
//!
//! **One line adds one more.** A store whose sessions live elsewhere is opened by an asynchronous function, and brings along
//! what has to be kept while it is in use, like a server that was started for it:
//!
//! ```text
//! Store { name: "redis", open: || Box::pin(async { let server = start().await; Opened::with(connect(&server).await, server) }) },
//! ```

use std::{any::Any, fmt, pin::Pin, sync::Arc};

use cloakroom::{
    Bearer, Cookie, SessionStore, Transport as Way,
    keyring::{KeyRing, SecretKey},
    store::{Cipher, EncryptedCookieStore, JwtStore, MemoryStore, SignedCookieStore},
};

use crate::{
    app::App,
    shells::{self, Served},
};

pub(crate) const ADAPTERS: &[Adapter] = &[
    Adapter { name: "axum", serve: shells::axum::serve },
    Adapter { name: "actix", serve: shells::actix::serve },
];

pub(crate) const STORES: &[Store] = &[
    Store { name: "memory", open: || here(MemoryStore::new()) },
    Store { name: "encrypted cookie (AES)", open: || here(encrypted(Cipher::Aes256Gcm)) },
    Store { name: "encrypted cookie (ChaCha)", open: || here(encrypted(Cipher::ChaCha20Poly1305)) },
    Store {
        name: "several encrypted cookies",
        open: || here(encrypted(Cipher::Aes256Gcm).max_token(12_000)),
    },
    Store { name: "signed cookie", open: || here(SignedCookieStore::new(&keys())) },
    Store { name: "JWT", open: || here(JwtStore::from_ring(&keys())) },
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
    pub(crate) open: fn() -> Opening,
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

type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;

/// An open store, and what has to be kept while it is in use.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn SessionStore>,
    _kept: Box<dyn Any + Send>,
}

impl Opened {
    fn with(store: impl SessionStore, kept: impl Any + Send) -> Self {
        Self { store: Arc::new(store), _kept: Box::new(kept) }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

/// A store that needs nothing but this process.
fn here(store: impl SessionStore) -> Opening {
    Box::pin(async { Opened::with(store, ()) })
}
