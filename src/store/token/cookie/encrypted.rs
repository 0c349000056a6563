//! Sessions in an encrypted cookie: the default of the stores that keep nothing on the server.

use std::sync::Arc;

use super::{Seal, TokenStore, Unopened};
use crate::{
    error::StoreError,
    id::KeyId,
    keyring::KeyRing,
    random::Random,
    record::{Record, SEALED_OVERHEAD},
    sealing::{Sealer, envelope::Format},
    store::{Cipher, Token, TokenForm},
    time::Timestamp,
};

/// Sessions in an encrypted cookie.
///
/// The client can neither read nor change its session, and the server keeps nothing: any server that has the key
/// answers, and nothing is lost in a restart. In return a session cannot be revoked before it expires: see what
/// [such a store cannot do](TokenStore#what-such-a-store-cannot-do).
///
/// ```
/// use cloakroom::{SessionManager, keyring::{KeyRing, SecretKey}, store::EncryptedCookieStore};
///
/// let keys = KeyRing::new(SecretKey::generate()?); // in production: KeyRing::from_env("SESSION_KEYS")?
/// let sessions = SessionManager::new(EncryptedCookieStore::new(&keys));
/// # Ok::<(), cloakroom::random::NoRandomness>(())
/// ```
pub type EncryptedCookieStore = TokenStore<Encrypted>;

const FORMATS: &[Format] = &[Format::Aes256Gcm, Format::ChaCha20Poly1305];

impl EncryptedCookieStore {
    /// A store whose tokens are sealed under the ring's active key and opened under any of its keys.
    #[must_use]
    pub fn new(keys: &KeyRing) -> Self {
        Self { seal: Encrypted(Sealer::new(keys, FORMATS)) }
    }

    /// The algorithm of new tokens. Default: AES-256-GCM.
    #[must_use]
    pub fn cipher(mut self, cipher: Cipher) -> Self {
        self.seal.0.activate(cipher.of_cookies());
        self
    }

    /// What the tokens are for: a token of one context is refused in every other. Default: empty.
    #[must_use]
    pub fn context(mut self, context: impl AsRef<str>) -> Self {
        self.seal.0.bind(context.as_ref());
        self
    }

    /// The longest token, in bytes. Default: 2800, which one cookie holds and every common proxy lets pass.
    ///
    /// A session that does not fit is refused with [`TooLarge`](crate::SessionErrorKind::TooLarge). A longer token comes in
    /// several cookies, of which browsers hold up to nine with about 3.9 KB each; proxies and clients that are no browsers hold less
    /// (see the page on deployment).
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.seal.0.set_longest(bytes);
        self
    }

    /// What epochs and nonces are drawn from. Default: the system's generator.
    #[must_use]
    pub fn random(mut self, random: impl Random) -> Self {
        self.seal.0.set_random(Arc::new(random));
        self
    }
}

/// How an [`EncryptedCookieStore`] seals.
#[derive(Debug, Clone)]
pub struct Encrypted(Sealer);

impl Seal for Encrypted {
    const NAME: &'static str = "encrypted-cookie";
    const FORM: TokenForm = TokenForm::Encrypted;

    fn recognises(&self, token: &[u8]) -> bool {
        self.0.envelope().recognises(token)
    }

    fn key_of(&self, token: &[u8]) -> Option<KeyId> {
        self.0.envelope().key_of(token)
    }

    fn seal(&self, record: &Record) -> Result<Token, StoreError> {
        self.0.seal(SEALED_OVERHEAD + record.variable_len(), |bytes| record.encode_sealed(bytes))
    }

    fn open(&self, token: &[u8], _: Timestamp) -> Result<(Record, bool), Unopened> {
        let (record, by_active) = self.0.open(token, |opened| Record::decode(opened))?;
        // Genuine, so it is a newer version's if it cannot be read.
        Ok((record.map_err(|_| Unopened::Unreadable)?, !by_active))
    }

    fn max_data(&self) -> usize {
        self.0.envelope().max_data()
    }
}
