//! Encrypts bytes into a token, and opens it: [`Sealer`].
//!
//! ```text
//! body := epoch (16 bytes) | nonce (12 bytes) | ciphertext | tag (16 bytes)
//! ```

use std::{fmt, sync::Arc};

use super::{
    cipher::{NONCE_LEN, TAG_LEN},
    envelope::{Envelope, Format, HEADER, cannot_seal},
    epochs::{EPOCH_LEN, Epochs, no_randomness},
    keys::SealKeys,
};
use crate::{
    error::StoreError,
    keyring::{Derivation, KeyRing},
    random::{Random, SystemRandom},
    store::{Absence, Token},
};

/// Seals under the active key of a ring, and opens what was sealed under any of its keys. Clones share their keys.
#[derive(Clone)]
pub(crate) struct Sealer {
    keys: Arc<SealKeys<Derivation>>,
    envelope: Envelope,
    epochs: Arc<Epochs>,
    random: Arc<dyn Random>,
}

impl Sealer {
    /// A sealer for tokens of these formats, the first of which new ones have.
    pub(crate) fn new(ring: &KeyRing, formats: &'static [Format]) -> Self {
        Self {
            keys: Arc::new(SealKeys::new(ring, formats, |secret, _| secret.derivation())),
            envelope: Envelope::new(formats, EPOCH_LEN + NONCE_LEN + TAG_LEN),
            epochs: Arc::new(Epochs::new()),
            random: Arc::new(SystemRandom::new()),
        }
    }

    /// The format of new tokens.
    pub(crate) fn activate(&mut self, format: Format) {
        Arc::make_mut(&mut self.keys).activate(format);
        // Clones of another format keep theirs: two would take the present epoch from each other.
        self.epochs = Arc::new(Epochs::new());
    }

    /// What the tokens are for: one of another context is refused.
    pub(crate) fn bind(&mut self, context: &str) {
        Arc::make_mut(&mut self.keys).bind(context);
    }

    /// The longest token, in bytes.
    pub(crate) fn set_longest(&mut self, letters: usize) {
        self.envelope.longest = letters;
    }

    #[cfg(feature = "cookie-store")]
    /// What epochs and nonces are drawn from.
    pub(crate) fn set_random(&mut self, random: Arc<dyn Random>) {
        self.random = random;
    }

    /// The form of the tokens.
    pub(crate) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The token of what `write` appends, which has about `len` bytes.
    ///
    /// # Errors
    /// `TooLarge` if the token would be too long; that of the source of randomness.
    pub(crate) fn seal(&self, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Result<Token, StoreError> {
        let key = self.keys.active();
        let epoch = self.epochs.to_seal(key, &*self.random)?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(no_randomness)?;

        let mut bytes = self.envelope.begin(key.header, len);
        bytes.extend_from_slice(&epoch.id);
        bytes.extend_from_slice(&nonce);
        let start = bytes.len();
        write(&mut bytes);
        epoch.key.seal(nonce, &key.bound_to, &mut bytes, start).ok_or_else(cannot_seal)?;
        self.envelope.close(&bytes)
    }

    /// What `read` makes of the content of a genuine token, and whether it was sealed under the active key in the active format.
    ///
    /// # Errors
    /// Why it opens nothing.
    pub(crate) fn open<T>(
        &self,
        token: &[u8],
        read: impl FnOnce(&mut [u8]) -> T,
    ) -> Result<(T, bool), Absence> {
        let (header, mut bytes) = self.envelope.open(token).ok_or(Absence::Malformed)?;
        let key = self.keys.find(header).ok_or(Absence::UnknownKey)?;
        let (epoch, rest) = bytes[HEADER..].split_first_chunk_mut().ok_or(Absence::Malformed)?;
        let (nonce, sealed) = rest.split_first_chunk_mut().ok_or(Absence::Malformed)?;
        let opened = self.epochs.open(key, epoch, |cipher| cipher.open(*nonce, &key.bound_to, sealed));
        Ok((read(opened.ok_or(Absence::Forged)?), header == self.keys.active().header))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keys).finish_non_exhaustive()
    }
}
