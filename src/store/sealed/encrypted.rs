//! Sessions in an encrypted cookie: the default of the stores that keep nothing on the server.
//!
//! ```text
//! body := epoch (16 bytes) | nonce (12 bytes) | ciphertext | tag (16 bytes)
//! ```
//!
//! # Keys
//! A nonce of 96 random bits may not be drawn too often under one key, and deriving a key for every token would cost more
//! than sealing it. So each store draws a random **epoch** of 128 bits when it starts, derives one key for it, and
//! draws another epoch after [`SEALS_PER_EPOCH`] tokens. Whoever reads a token derives the key of its epoch, and keeps it
//! only if the token was genuine. SECURITY.md has the bound and its proof.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use ring::aead::{self, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::{
    DEFAULT_MAX_TOKEN, Seal, TokenStore,
    envelope::{self, Format, HEADER, Header},
    too_large,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    keyring::{Derivation, KeyId, KeyRing},
    random::{NoRandomness, Random, SystemRandom},
    record::{Record, SEALED_OVERHEAD},
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

/// The algorithm of an [`EncryptedCookieStore`]. Tokens of either are accepted, each under keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cipher {
    /// AES-256 in Galois/Counter Mode (NIST SP 800-38D): fastest where the processor helps. The default.
    #[default]
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439): fastest where it does not.
    ChaCha20Poly1305,
}

impl Cipher {
    const fn format(self) -> Format {
        match self {
            Self::Aes256Gcm => Format::Aes256Gcm,
            Self::ChaCha20Poly1305 => Format::ChaCha20Poly1305,
        }
    }
}

const FORMATS: [Format; 2] = [Format::Aes256Gcm, Format::ChaCha20Poly1305];

fn algorithm(format: Format) -> &'static aead::Algorithm {
    match format {
        Format::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        _ => &AES_256_GCM,
    }
}

/// After so many tokens a store draws another epoch: long before random nonces under one key could meet.
const SEALS_PER_EPOCH: u64 = 1 << 24;

/// How many derived keys of other epochs a store keeps.
const CACHED_EPOCHS: usize = 256;

const EPOCH_LEN: usize = 16;
const TAG_LEN: usize = 16;

/// What a token has beside the record.
const OVERHEAD: usize = HEADER + EPOCH_LEN + NONCE_LEN + TAG_LEN;

impl EncryptedCookieStore {
    /// A store whose tokens are sealed under the ring's active key and opened under any of its keys.
    #[must_use]
    pub fn new(keys: &KeyRing) -> Self {
        Self { seal: Encrypted::new(keys) }
    }

    /// The algorithm of new tokens. Default: AES-256-GCM.
    #[must_use]
    pub fn cipher(mut self, cipher: Cipher) -> Self {
        self.seal.format = cipher.format();
        self.seal.own = Arc::default();
        self
    }

    /// What the tokens are for: a token of one context is refused in every other. Default: empty.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        let context = context.into();
        self.seal.rings = Arc::new(self.seal.rings.iter().map(|ring| ring.in_context(&context)).collect());
        self
    }

    /// The longest token, in bytes. Default: 7 KiB, which two cookies hold.
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.seal.max_token = bytes;
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
#[derive(Clone)]
pub struct Encrypted {
    /// The active key first.
    rings: Arc<Vec<Ring>>,
    format: Format,
    max_token: usize,
    random: Arc<dyn Random>,
    /// The epoch under which this store seals at present.
    own: Arc<RwLock<Option<Arc<Own>>>>,
    derived: Arc<Mutex<VecDeque<Derived>>>,
}

/// One secret key of the ring, prepared.
#[derive(Clone)]
struct Ring {
    id: KeyId,
    derivation: Derivation,
    /// What the seals of each format are bound to.
    associated: [Vec<u8>; 2],
}

impl Ring {
    fn new(id: KeyId, derivation: Derivation, context: &str) -> Self {
        let associated = FORMATS.map(|format| envelope::associated_data(Header { format, key: id }, context));
        Self { id, derivation, associated }
    }

    fn in_context(&self, context: &str) -> Self {
        Self::new(self.id, self.derivation.clone(), context)
    }

    fn associated(&self, format: Format) -> &[u8] {
        let [aes, chacha] = &self.associated;
        if format == Format::ChaCha20Poly1305 { chacha } else { aes }
    }

    fn derive(&self, format: Format, epoch: Epoch) -> Option<Arc<LessSafeKey>> {
        let key = self.derivation.derive(&[format.purpose(), &epoch])?;
        Some(Arc::new(LessSafeKey::new(UnboundKey::new(algorithm(format), &*key).ok()?)))
    }
}

type Epoch = [u8; EPOCH_LEN];

struct Own {
    epoch: Epoch,
    key: Arc<LessSafeKey>,
    seals: AtomicU64,
}

/// The key of another store's epoch, derived before.
struct Derived {
    header: Header,
    epoch: Epoch,
    key: Arc<LessSafeKey>,
}

impl Encrypted {
    fn new(keys: &KeyRing) -> Self {
        let rings = keys.keys().map(|key| Ring::new(key.id(), key.derivation(), "")).collect();
        Self {
            rings: Arc::new(rings),
            format: Format::Aes256Gcm,
            max_token: DEFAULT_MAX_TOKEN,
            random: Arc::new(SystemRandom::new()),
            own: Arc::default(),
            derived: Arc::default(),
        }
    }

    fn active(&self) -> &Ring {
        &self.rings[0]
    }

    /// The epoch to seal under, a new one if the last is used up.
    fn own(&self) -> Result<Arc<Own>, StoreError> {
        let current = self.own.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(own) = current.filter(|own| own.seals.fetch_add(1, Ordering::Relaxed) < SEALS_PER_EPOCH) {
            return Ok(own);
        }
        let mut epoch = Epoch::default();
        self.random.fill(&mut epoch).map_err(no_randomness)?;
        let key = self.active().derive(self.format, epoch).ok_or_else(cannot_seal)?;
        let own = Arc::new(Own { epoch, key, seals: AtomicU64::new(1) });
        // Two that come here at once each begin an epoch, and one of them is used once.
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&own));
        Ok(own)
    }

    /// The key of an epoch that was derived before.
    fn known(&self, header: Header, epoch: &Epoch) -> Option<Arc<LessSafeKey>> {
        if header == (Header { format: self.format, key: self.active().id }) {
            let own = self.own.read().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(own) = own.filter(|own| own.epoch == *epoch) {
                return Some(Arc::clone(&own.key));
            }
        }
        let derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        let known = derived.iter().find(|known| known.epoch == *epoch && known.header == header);
        known.map(|known| Arc::clone(&known.key))
    }

    /// Keeps a derived key; only for epochs of genuine tokens, so that nobody can fill the cache with others.
    fn keep(&self, header: Header, epoch: Epoch, key: Arc<LessSafeKey>) {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if derived.len() == CACHED_EPOCHS {
            derived.pop_back();
        }
        derived.push_front(Derived { header, epoch, key });
    }
}

impl Seal for Encrypted {
    const NAME: &'static str = "encrypted cookie";
    const FORM: TokenForm = TokenForm::Encrypted;

    fn recognises(&self, token: &[u8]) -> bool {
        token.len() >= envelope::encoded_len(OVERHEAD) && envelope::is_of(token, &FORMATS, self.max_token)
    }

    fn seal(&self, record: &Record) -> Result<Token, StoreError> {
        let own = self.own()?;
        let header = Header { format: self.format, key: self.active().id };
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(no_randomness)?;

        let mut bytes = Vec::with_capacity(OVERHEAD + SEALED_OVERHEAD + record.variable_len());
        header.write(&mut bytes);
        bytes.extend_from_slice(&own.epoch);
        bytes.extend_from_slice(&nonce);
        let start = bytes.len();
        record.encode_sealed(&mut bytes);
        let aad = Aad::from(self.active().associated(self.format));
        let tag = own
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes[start..])
            .map_err(|_| cannot_seal())?;
        bytes.extend_from_slice(tag.as_ref());

        let letters = envelope::encoded_len(bytes.len());
        if letters > self.max_token {
            return Err(too_large(letters, self.max_token));
        }
        envelope::encode(&bytes).ok_or_else(cannot_seal)
    }

    fn open(&self, token: &[u8], _: Timestamp) -> Result<(Record, bool), Absence> {
        let mut bytes = envelope::decode(token, self.max_token).ok_or(Absence::Malformed)?;
        let header = Header::read(&bytes)
            .filter(|header| FORMATS.contains(&header.format))
            .ok_or(Absence::Malformed)?;
        let ring = self.rings.iter().find(|ring| ring.id == header.key).ok_or(Absence::UnknownKey)?;
        let (epoch, rest) = bytes[HEADER..].split_first_chunk_mut::<EPOCH_LEN>().ok_or(Absence::Malformed)?;
        let (nonce, body) = rest.split_first_chunk_mut::<NONCE_LEN>().ok_or(Absence::Malformed)?;

        let known = self.known(header, epoch);
        let is_new = known.is_none();
        let key = known.or_else(|| ring.derive(header.format, *epoch)).ok_or(Absence::Malformed)?;
        let aad = Aad::from(ring.associated(header.format));
        let opened = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, body)
            .map_err(|_| Absence::Forged)?;
        // Sealed by us, so it is a newer version's if it cannot be read.
        let record = Record::decode(opened).map_err(|_| Absence::Malformed)?;
        if is_new {
            self.keep(header, *epoch, key);
        }
        let outdated = header != Header { format: self.format, key: self.active().id };
        Ok((record, outdated))
    }

    fn max_data(&self) -> usize {
        envelope::decoded_len(self.max_token)
            .saturating_sub(OVERHEAD + SEALED_OVERHEAD + crate::record::MAX_SUBJECT_LEN)
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.rings.iter().map(|ring| ring.id).collect();
        f.debug_struct("Encrypted").field("format", &self.format).field("keys", &keys).finish_non_exhaustive()
    }
}

fn no_randomness(error: NoRandomness) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a token cannot be sealed without randomness")
        .with_source(error)
}

fn cannot_seal() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the session cannot be sealed")
}
