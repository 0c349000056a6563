//! Sessions in a signed cookie, which its client **can read**.
//!
//! ```text
//! body := record | tag (32 bytes, HMAC-SHA256)
//! ```

use std::{fmt, sync::Arc};

use ring::hmac;

use super::{
    DEFAULT_MAX_TOKEN, Seal, TokenStore,
    envelope::{self, Format, HEADER, Header},
    too_large,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    keyring::{KeyId, KeyRing, SecretKey},
    record::{Record, SEALED_OVERHEAD},
    store::{Absence, Token, TokenForm},
    time::Timestamp,
};

/// Sessions in a signed cookie: **the client can read everything in its session**, though it can change nothing.
///
/// Choose it when clients are meant to read their session; otherwise the [`EncryptedCookieStore`](super::EncryptedCookieStore)
/// is as simple and keeps secrets. It shares what [such a store cannot do](TokenStore#what-such-a-store-cannot-do).
///
/// ```
/// use cloakroom::{SessionManager, keyring::{KeyRing, SecretKey}, store::SignedCookieStore};
///
/// let keys = KeyRing::new(SecretKey::generate()?); // in production: KeyRing::from_env("SESSION_KEYS")?
/// let sessions = SessionManager::new(SignedCookieStore::new(&keys));
/// # Ok::<(), cloakroom::random::NoRandomness>(())
/// ```
pub type SignedCookieStore = TokenStore<Signed>;

const TAG_LEN: usize = 32;

/// What a token has beside the record.
const OVERHEAD: usize = HEADER + TAG_LEN;

impl SignedCookieStore {
    /// A store whose tokens are signed with the ring's active key and accepted under any of its keys.
    #[must_use]
    pub fn new(keys: &KeyRing) -> Self {
        let rings = keys.keys().map(Ring::new).collect();
        Self { seal: Signed { rings: Arc::new(rings), context: "".into(), max_token: DEFAULT_MAX_TOKEN } }
    }

    /// What the tokens are for: a token of one context is refused in every other. Default: empty.
    #[must_use]
    pub fn context(mut self, context: impl Into<Arc<str>>) -> Self {
        self.seal.context = context.into();
        self
    }

    /// The longest token, in bytes. Default: 7 KiB, which two cookies hold.
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.seal.max_token = bytes;
        self
    }
}

/// How a [`SignedCookieStore`] signs.
#[derive(Clone)]
pub struct Signed {
    /// The active key first.
    rings: Arc<Vec<Ring>>,
    context: Arc<str>,
    max_token: usize,
}

/// One secret key of the ring, prepared.
struct Ring {
    id: KeyId,
    key: hmac::Key,
}

impl Ring {
    fn new(key: &SecretKey) -> Self {
        let derived = key.derivation().derive(&[Format::HmacSha256.purpose()]);
        let derived = derived.expect("32 bytes are far below what HKDF can give");
        Self { id: key.id(), key: hmac::Key::new(hmac::HMAC_SHA256, &*derived) }
    }

    const fn header(&self) -> Header {
        Header { format: Format::HmacSha256, key: self.id }
    }
}

impl Signed {
    /// What the tag is computed over: what it is bound to, then the record.
    fn signed_bytes(&self, header: Header, record: &[u8]) -> hmac::Tag {
        let ring = self.rings.iter().find(|ring| ring.id == header.key).unwrap_or(&self.rings[0]);
        let mut context = hmac::Context::with_key(&ring.key);
        let associated = envelope::associated_data(header, &self.context);
        context.update(&(associated.len() as u64).to_le_bytes());
        context.update(&associated);
        context.update(record);
        context.sign()
    }
}

impl Seal for Signed {
    const NAME: &'static str = "signed cookie";
    const FORM: TokenForm = TokenForm::Readable;

    fn recognises(&self, token: &[u8]) -> bool {
        token.len() >= envelope::encoded_len(OVERHEAD)
            && envelope::is_of(token, &[Format::HmacSha256], self.max_token)
    }

    fn seal(&self, record: &Record) -> Result<Token, StoreError> {
        let header = self.rings[0].header();
        let mut bytes = Vec::with_capacity(OVERHEAD + SEALED_OVERHEAD + record.variable_len());
        header.write(&mut bytes);
        record.encode_sealed(&mut bytes);
        let tag = self.signed_bytes(header, &bytes[HEADER..]);
        bytes.extend_from_slice(tag.as_ref());
        let letters = envelope::encoded_len(bytes.len());
        if letters > self.max_token {
            return Err(too_large(letters, self.max_token));
        }
        envelope::encode(&bytes)
            .ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "the session cannot be signed"))
    }

    fn open(&self, token: &[u8], _: Timestamp) -> Result<(Record, bool), Absence> {
        let bytes = envelope::decode(token, self.max_token).ok_or(Absence::Malformed)?;
        let header = Header::read(&bytes)
            .filter(|header| header.format == Format::HmacSha256)
            .ok_or(Absence::Malformed)?;
        if self.rings.iter().all(|ring| ring.id != header.key) {
            return Err(Absence::UnknownKey);
        }
        let (record, tag) = bytes[HEADER..].split_last_chunk::<TAG_LEN>().ok_or(Absence::Malformed)?;
        if !is_same(self.signed_bytes(header, record).as_ref(), tag) {
            return Err(Absence::Forged);
        }
        let record = Record::decode(record).map_err(|_| Absence::Malformed)?;
        Ok((record, header != self.rings[0].header()))
    }

    fn max_data(&self) -> usize {
        envelope::decoded_len(self.max_token)
            .saturating_sub(OVERHEAD + SEALED_OVERHEAD + crate::record::MAX_SUBJECT_LEN)
    }
}

/// Compares in constant time.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(one, other).into()
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.rings.iter().map(|ring| ring.id).collect();
        f.debug_struct("Signed").field("keys", &keys).finish_non_exhaustive()
    }
}
