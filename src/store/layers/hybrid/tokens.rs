//! The tokens of a hybrid store.
//!
//! ```text
//! content := as of i64 | secret (16 bytes) | record
//! ```
//!
//! They are sealed in formats of their own, so no cookie of another store passes for one, nor the other way round.

use zeroize::Zeroize as _;

use crate::{
    keyring::KeyRing,
    record::{InvalidRecord, Record},
    sealing::{Sealer, envelope::Format},
    secret::Secret,
    store::{Absence, Cipher, ReferenceToken, Token},
    time::Timestamp,
};

const FORMATS: &[Format] = &[Format::HybridAes256Gcm, Format::HybridChaCha20Poly1305];

/// The bytes of a content before its record.
const HEAD: usize = 8 + Secret::LEN;

/// Makes the tokens and reads them.
#[derive(Debug, Clone)]
pub(super) struct Tokens(Sealer);

/// What a genuine token contains.
#[derive(Debug)]
pub(super) struct Content {
    /// When the store was asked for the record, by the clock of the server that asked.
    pub(super) as_of: Timestamp,
    /// The record with its secret.
    pub(super) record: Record,
    /// What opens the record in the store.
    pub(super) reference: ReferenceToken,
}

impl Tokens {
    pub(super) fn new(keys: &KeyRing) -> Self {
        Self(Sealer::new(keys, FORMATS))
    }

    pub(super) fn set_cipher(&mut self, cipher: Cipher) {
        self.0.activate(cipher.of_hybrid_tokens());
    }

    pub(super) fn set_context(&mut self, context: &str) {
        self.0.bind(context);
    }

    pub(super) fn limit_to(&mut self, bytes: usize) {
        self.0.set_longest(bytes);
    }

    /// Whether these bytes have the form of a sealed token.
    pub(super) fn recognises(&self, token: &[u8]) -> bool {
        self.0.envelope().recognises(token)
    }

    /// Whether a record fits into a token.
    pub(super) fn fits(&self, record: &Record) -> bool {
        self.0.envelope().fits(HEAD + record.encoded_len())
    }

    /// The token for the client that knows the secret of `record`, if this process knows it, too. A record that does not fit, or
    /// cannot be sealed without randomness, stays in the store alone, and its client holds a reference.
    pub(super) fn mint(&self, record: &Record, as_of: Timestamp) -> Option<Token> {
        let secret = record.known_secret()?;
        let encoded = if self.fits(record) { Some(record.encode()) } else { None };
        let sealed = encoded.and_then(|encoded| {
            let write = |bytes: &mut Vec<u8>| {
                bytes.extend_from_slice(&as_of.as_millis().to_le_bytes());
                bytes.extend_from_slice(secret.expose());
                bytes.extend_from_slice(&encoded);
            };
            self.0.seal(HEAD + encoded.len(), write).ok()
        });
        Some(sealed.unwrap_or_else(|| ReferenceToken::new(record.id(), secret.clone()).to_token()))
    }

    /// What a token contains. Nothing of it is read unless it is genuine.
    ///
    /// # Errors
    /// Why it opens nothing. That the record of a genuine token is of a format that this version does not read.
    pub(super) fn open(&self, token: &[u8]) -> Result<Result<Content, InvalidRecord>, Absence> {
        self.0.open(token, read).map(|(content, _)| content)
    }
}

fn read(content: &mut [u8]) -> Result<Content, InvalidRecord> {
    let Some((as_of, rest)) = content.split_first_chunk_mut() else { return Err(InvalidRecord::Damaged) };
    let Some((bytes, record)) = rest.split_first_chunk_mut() else { return Err(InvalidRecord::Damaged) };
    let secret = Secret::from_bytes(*bytes);
    bytes.zeroize();
    let record = Record::decode(record)?.carried_with(&secret);
    Ok(Content {
        as_of: Timestamp::from_millis(i64::from_le_bytes(*as_of)),
        reference: ReferenceToken::new(record.id(), secret),
        record,
    })
}
