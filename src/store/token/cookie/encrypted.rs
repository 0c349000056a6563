//! Sessions in an encrypted cookie: the default of the stores that keep nothing on the server.
//!
//! ```text
//! body := epoch (16 bytes) | nonce (12 bytes) | ciphertext | tag (16 bytes)
//! ```

use std::sync::Arc;

use super::{
    Seal, TokenStore, Unopened,
    cipher::{Cipher, NONCE_LEN, TAG_LEN},
    envelope::{Envelope, Format, HEADER, cannot_seal},
    epochs::{EPOCH_LEN, Epochs, no_randomness},
    keys::SealKeys,
};
use crate::{
    error::StoreError,
    id::KeyId,
    keyring::{Derivation, KeyRing},
    random::{Random, SystemRandom},
    record::Record,
    store::{Absence, Token, TokenForm},
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
        Self {
            seal: Encrypted {
                keys: Arc::new(SealKeys::new(keys, FORMATS, |secret, _| secret.derivation())),
                envelope: Envelope::new(FORMATS, EPOCH_LEN + NONCE_LEN + TAG_LEN),
                epochs: Arc::new(Epochs::new()),
                random: Arc::new(SystemRandom::new()),
            },
        }
    }

    /// The algorithm of new tokens. Default: AES-256-GCM.
    #[must_use]
    pub fn cipher(mut self, cipher: Cipher) -> Self {
        Arc::make_mut(&mut self.seal.keys).activate(cipher.format());
        // Clones of another cipher keep theirs: two would take the present epoch from each other.
        self.seal.epochs = Arc::new(Epochs::new());
        self
    }

    /// What the tokens are for: a token of one context is refused in every other. Default: empty.
    #[must_use]
    pub fn context(mut self, context: impl AsRef<str>) -> Self {
        Arc::make_mut(&mut self.seal.keys).bind(context.as_ref());
        self
    }

    /// The longest token, in bytes. Default: 2800, which one cookie holds and every common proxy lets pass.
    ///
    /// A session that does not fit is refused with [`TooLarge`](crate::SessionErrorKind::TooLarge). A longer token comes in
    /// several cookies, of which browsers hold up to nine with about 3.9 KB each; proxies and clients that are no browsers hold less
    /// (see the page on deployment).
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.seal.envelope.longest = bytes;
        self
    }

    /// What epochs and nonces are drawn from. Default: the system's generator.
    #[must_use]
    pub fn random(mut self, random: impl Random) -> Self {
        self.seal.random = Arc::new(random);
        self
    }
}

/// How an [`EncryptedCookieStore`] seals.
#[derive(Debug, Clone)]
pub struct Encrypted {
    keys: Arc<SealKeys<Derivation>>,
    envelope: Envelope,
    epochs: Arc<Epochs>,
    random: Arc<dyn Random>,
}

impl Seal for Encrypted {
    const NAME: &'static str = "encrypted-cookie";
    const FORM: TokenForm = TokenForm::Encrypted;

    fn recognises(&self, token: &[u8]) -> bool {
        self.envelope.recognises(token)
    }

    fn key_of(&self, token: &[u8]) -> Option<KeyId> {
        self.envelope.key_of(token)
    }

    fn seal(&self, record: &Record) -> Result<Token, StoreError> {
        let key = self.keys.active();
        let epoch = self.epochs.to_seal(key, &*self.random)?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(no_randomness)?;

        let mut bytes = self.envelope.begin(key.header, record);
        bytes.extend_from_slice(&epoch.id);
        bytes.extend_from_slice(&nonce);
        let start = bytes.len();
        record.encode_sealed(&mut bytes);
        epoch.key.seal(nonce, &key.bound_to, &mut bytes, start).ok_or_else(cannot_seal)?;
        self.envelope.close(&bytes)
    }

    fn open(&self, token: &[u8], _: Timestamp) -> Result<(Record, bool), Unopened> {
        let (header, mut bytes) = self.envelope.open(token).ok_or(Absence::Malformed)?;
        let key = self.keys.find(header).ok_or(Absence::UnknownKey)?;
        let (epoch, rest) = bytes[HEADER..].split_first_chunk_mut().ok_or(Absence::Malformed)?;
        let (nonce, sealed) = rest.split_first_chunk_mut().ok_or(Absence::Malformed)?;
        let opened = self.epochs.open(key, epoch, |cipher| cipher.open(*nonce, &key.bound_to, sealed));
        // Genuine, so it is a newer version's if it cannot be read.
        let record = Record::decode(opened.ok_or(Absence::Forged)?).map_err(|_| Unopened::Unreadable)?;
        Ok((record, header != self.keys.active().header))
    }

    fn max_data(&self) -> usize {
        self.envelope.max_data()
    }
}
