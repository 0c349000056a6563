//! The stores whose clients carry the session. Another server, or the same after a restart, is one with the same keys.

use std::sync::Arc;

use async_trait::async_trait;
use cloakroom::{
    SessionStore,
    conformance::{self, Harness},
    keyring::{KeyRing, SecretKey},
    store::{Cipher, EncryptedCookieStore, JwtStore, SignedCookieStore},
};

/// Servers that share keys and nothing else: each handle is a store of its own.
struct Servers<S> {
    keys: KeyRing,
    open: fn(&KeyRing) -> S,
}

impl<S: SessionStore> Servers<S> {
    fn new(open: fn(&KeyRing) -> S) -> Self {
        let key = SecretKey::generate().expect("there is randomness");
        Self { keys: KeyRing::new(key), open }
    }

    fn another(&self) -> Arc<dyn SessionStore> {
        Arc::new((self.open)(&self.keys))
    }
}

#[async_trait]
impl<S: SessionStore> Harness for Servers<S> {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.another()
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.another())
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.another())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encrypted_cookie_store_passes() {
    conformance::check(|| Servers::new(EncryptedCookieStore::new)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encrypted_cookie_store_passes_with_the_other_cipher() {
    let open = |keys: &KeyRing| EncryptedCookieStore::new(keys).cipher(Cipher::ChaCha20Poly1305);
    conformance::check(|| Servers::new(open)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signed_cookie_store_passes() {
    conformance::check(|| Servers::new(SignedCookieStore::new)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jwt_store_passes() {
    conformance::check(|| Servers::new(JwtStore::from_ring)).await.assert();
}
