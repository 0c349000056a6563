//! The stores whose clients carry the session, and what an application would declare for their payload.

#![allow(dead_code, reason = "each bench uses the part it needs")]

use cloakroom::{
    SessionManager, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{Cipher, EncryptedCookieStore, JwtStore, SignedCookieStore, SigningKey},
};
use serde::{Deserialize, Serialize};

use crate::{payload::Payload, visitors::begin};

/// A way to carry a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Encrypted,
    ChaCha,
    Signed,
    Jwt,
}

/// A store, a manager, and the cookies of one session.
pub(crate) struct Carried {
    pub(crate) store: Box<dyn SessionStore>,
    pub(crate) sessions: SessionManager,
    pub(crate) cookies: Vec<u8>,
    pub(crate) token: Vec<u8>,
}

const MAX_TOKEN: usize = 16 * 1024;

impl TokenKind {
    pub(crate) const ALL: [Self; 4] = [Self::Encrypted, Self::ChaCha, Self::Signed, Self::Jwt];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted-cookie",
            Self::ChaCha => "encrypted-cookie-chacha",
            Self::Signed => "signed-cookie",
            Self::Jwt => "jwt",
        }
    }

    pub(crate) fn carry(self, payload: Payload) -> Carried {
        let keys = KeyRing::new(SecretKey::generate().expect("there is randomness"));
        let encrypted = EncryptedCookieStore::new(&keys).max_token(MAX_TOKEN);
        match self {
            Self::Encrypted => Carried::by(encrypted, payload),
            Self::ChaCha => Carried::by(encrypted.cipher(Cipher::ChaCha20Poly1305), payload),
            Self::Signed => Carried::by(SignedCookieStore::new(&keys).max_token(MAX_TOKEN), payload),
            Self::Jwt => Carried::by(JwtStore::new(jwt_key()).max_token(MAX_TOKEN), payload),
        }
    }
}

impl Carried {
    fn by<S: SessionStore + Clone>(store: S, payload: Payload) -> Self {
        let sessions = SessionManager::new(store.clone());
        let (cookies, token) = begin(&sessions, &payload.values());
        Self { store: Box::new(store), sessions, cookies, token }
    }
}

/// The key of the JWTs, which whoever reads them by hand has too.
#[rustfmt::skip]
pub(crate) const JWT_SECRET: [u8; 32] = [
    0x5a, 0x7f, 0x10, 0x35, 0xce, 0xe3, 0x84, 0x59, 0x72, 0x17, 0x28, 0xcd, 0xe6, 0xbb, 0x5c, 0x71,
    0x0a, 0x2f, 0xc0, 0xe5, 0xbe, 0x53, 0x74, 0x09, 0x22, 0xc7, 0x98, 0xbd, 0x56, 0x6b, 0x0c, 0x21,
];

fn jwt_key() -> SigningKey {
    SigningKey::hs256(&SecretKey::from_bytes(&JWT_SECRET).expect("it is a key"))
}

/// What an application would declare for the payload.
#[derive(Deserialize, Serialize)]
pub(crate) struct Typed {
    user: u64,
    name: String,
    pub(crate) visits: u32,
    csrf: String,
    roles: Vec<String>,
    #[serde(default)]
    cart: Vec<Item>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Item {
    sku: String,
    name: String,
    quantity: u32,
    cents: u32,
}
