//! The bytes of a signature.

use super::{algorithm::Algorithm, base64url};

/// The longest signature of any algorithm, in bytes.
const MAX_LEN: usize = 64;

/// The bytes of a signature.
pub(crate) struct Signature {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Signature {
    pub(super) fn new(signature: &[u8]) -> Self {
        let len = signature.len().min(MAX_LEN);
        let mut bytes = [0; MAX_LEN];
        bytes[..len].copy_from_slice(&signature[..len]);
        Self { bytes, len }
    }

    /// Decodes the signature of a token; `None` unless its text is canonical and has the right length.
    pub(crate) fn decode(text: &[u8], algorithm: Algorithm) -> Option<Self> {
        let (mut bytes, len) = ([0; MAX_LEN], algorithm.signature_len());
        base64url::fill(&mut bytes[..len], text)?;
        Some(Self { bytes, len })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
