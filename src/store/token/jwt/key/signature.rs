//! The bytes of a signature.

use super::base64url;

/// The longest signature that a key here makes, in bytes. Those of RSA, which are only verified, are longer.
const MAX_LEN: usize = 64;

/// The bytes of a signature.
pub(crate) enum Signature {
    Short { bytes: [u8; MAX_LEN], len: usize },
    Long(Vec<u8>),
}

impl Signature {
    pub(super) fn new(signature: &[u8]) -> Self {
        let len = signature.len().min(MAX_LEN);
        let mut bytes = [0; MAX_LEN];
        bytes[..len].copy_from_slice(&signature[..len]);
        Self::Short { bytes, len }
    }

    /// Decodes the signature of a token; `None` unless its text is canonical and has this length.
    pub(crate) fn decode(text: &[u8], len: usize) -> Option<Self> {
        if len > MAX_LEN {
            let mut bytes = vec![0; len];
            return base64url::fill(&mut bytes, text).map(|()| Self::Long(bytes));
        }
        let mut bytes = [0; MAX_LEN];
        base64url::fill(&mut bytes[..len], text)?;
        Some(Self::Short { bytes, len })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, len } => &bytes[..*len],
            Self::Long(bytes) => bytes,
        }
    }
}
