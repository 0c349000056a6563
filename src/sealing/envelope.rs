//! The form of sealed tokens: bytes in base64url without padding (RFC 4648, section 5).
//!
//! ```text
//! token  := base64url( header | body )
//! header := format (1 byte) | key ID (8 bytes)
//! ```
//!
//! The format says how the body is sealed. It selects a derived key, never how one key is used: each format has keys of
//! its own, and the header is bound into the seal.

use super::{DEFAULT_MAX_TOKEN, base64url, too_large};
#[cfg(feature = "cookie-store")]
use crate::record::{MAX_SUBJECT_LEN, SEALED_OVERHEAD};
use crate::{
    error::{StoreError, StoreErrorKind},
    keyring::KeyId,
    store::Token,
};

/// How a body is sealed. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Format {
    Aes256Gcm = 1,
    ChaCha20Poly1305 = 2,
    HmacSha256 = 3,
    HybridAes256Gcm = 4,
    HybridChaCha20Poly1305 = 5,
}

impl Format {
    fn of(byte: u8) -> Option<Self> {
        [
            Self::Aes256Gcm,
            Self::ChaCha20Poly1305,
            Self::HmacSha256,
            Self::HybridAes256Gcm,
            Self::HybridChaCha20Poly1305,
        ]
        .into_iter()
        .find(|format| *format as u8 == byte)
    }

    /// The name under which keys are derived for it.
    pub(crate) const fn purpose(self) -> &'static [u8] {
        match self {
            Self::Aes256Gcm => b"cookie AES-256-GCM",
            Self::ChaCha20Poly1305 => b"cookie ChaCha20-Poly1305",
            Self::HmacSha256 => b"cookie HMAC-SHA256",
            Self::HybridAes256Gcm => b"hybrid AES-256-GCM",
            Self::HybridChaCha20Poly1305 => b"hybrid ChaCha20-Poly1305",
        }
    }
}

/// The bytes of the header.
pub(crate) const HEADER: usize = 1 + KeyId::LEN;

/// The header of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) format: Format,
    pub(crate) key: KeyId,
}

impl Header {
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.push(self.format as u8);
        out.extend_from_slice(self.key.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let ([format, key @ ..], _) = bytes.split_first_chunk::<HEADER>()?;
        Some(Self { format: Format::of(*format)?, key: KeyId::from_bytes(*key) })
    }
}

/// What the tokens of one store look like.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    formats: &'static [Format],
    /// The bytes of a token beside its record.
    overhead: usize,
    /// The letters of the longest token.
    pub(crate) longest: usize,
}

impl Envelope {
    /// `seal_len` is the number of bytes that a seal adds to a record.
    pub(crate) const fn new(formats: &'static [Format], seal_len: usize) -> Self {
        Self { formats, overhead: HEADER + seal_len, longest: DEFAULT_MAX_TOKEN }
    }

    /// Whether a token has the letters, the length and the header of one of the formats.
    pub(crate) fn recognises(&self, token: &[u8]) -> bool {
        self.has_length(token)
            && base64url::is_base64url(token)
            && base64url::decode_start(token).is_some_and(|start| self.header(&start).is_some())
    }

    #[cfg(feature = "cookie-store")]
    /// The key that a token names.
    pub(crate) fn key_of(&self, token: &[u8]) -> Option<KeyId> {
        base64url::decode_start(token).and_then(|start| self.header(&start)).map(|header| header.key)
    }

    /// The header of a token and all its bytes; `None` unless it is canonical base64url, neither too long nor too short,
    /// and of one of the formats.
    pub(crate) fn open(&self, token: &[u8]) -> Option<(Header, Vec<u8>)> {
        if !self.has_length(token) {
            return None;
        }
        let bytes = base64url::decode(token)?;
        Some((self.header(&bytes)?, bytes))
    }

    /// The first bytes of a token, with room for a content of so many bytes.
    pub(crate) fn begin(&self, header: Header, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.overhead + len);
        header.write(&mut bytes);
        bytes
    }

    /// The token of these bytes, unless it is too long.
    pub(crate) fn close(&self, bytes: &[u8]) -> Result<Token, StoreError> {
        let letters = encoded_len(bytes.len());
        if letters > self.longest {
            return Err(too_large(letters, self.longest));
        }
        let mut text = String::with_capacity(letters);
        base64url::push(bytes, &mut text);
        Token::new(text).ok_or_else(cannot_seal)
    }

    /// Whether a token with a content of so many bytes is not too long.
    #[cfg(feature = "hybrid")]
    pub(crate) const fn fits(&self, len: usize) -> bool {
        self.overhead + len <= decoded_len(self.longest)
    }

    #[cfg(feature = "cookie-store")]
    /// The largest session data that fit even beside the longest subject.
    pub(crate) const fn max_data(&self) -> usize {
        decoded_len(self.longest).saturating_sub(self.overhead + SEALED_OVERHEAD + MAX_SUBJECT_LEN)
    }

    fn has_length(&self, token: &[u8]) -> bool {
        // No bytes have one letter more than a multiple of four.
        token.len() % 4 != 1 && (encoded_len(self.overhead)..=self.longest).contains(&token.len())
    }

    fn header(&self, bytes: &[u8]) -> Option<Header> {
        Header::read(bytes).filter(|header| self.formats.contains(&header.format))
    }
}

pub(crate) fn cannot_seal() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the session cannot be sealed")
}

/// How many letters so many bytes have.
const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// How many bytes so many letters have.
const fn decoded_len(letters: usize) -> usize {
    letters / 4 * 3 + letters % 4 * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8]) -> String {
        let mut text = String::new();
        base64url::push(bytes, &mut text);
        text
    }

    fn envelope() -> Envelope {
        Envelope::new(&[Format::HmacSha256], 3)
    }

    #[test]
    fn lengths_agree_with_the_encoder() {
        for bytes in 0..100 {
            let letters = encode(&vec![0; bytes]).len();
            assert_eq!(encoded_len(bytes), letters);
            assert_eq!(decoded_len(letters), bytes);
        }
        assert_eq!(decoded_len(usize::MAX), usize::MAX / 4 * 3 + 2);
    }

    #[test]
    fn only_canonical_letters_are_read() {
        let token = encode(&[3, 1, 2, 3, 4, 5, 6, 7, 8, 255, 254, 253, 252]);
        assert_eq!(token, "AwECAwQFBgcI__79_A");
        assert!(envelope().open(token.as_bytes()).is_some());
        for bad in [
            "AwECAwQFBgcI__79_A==", // padded
            "AwECAwQFBgcI__79_B",   // an unused bit is set
            "AwECAwQFBgcI//79/A",   // the other alphabet
            "AwECAwQFBgcI__79_",    // a letter short
            "AwECAwQFBgcI__79_AA\n",
            " AwECAwQFBgcI__79_A",
            "AwECAwQF",           // no whole header
            "AQECAwQFBgcI__79_A", // another format
            "BwECAwQFBgcI__79_A", // no format
            "",
        ] {
            assert!(envelope().open(bad.as_bytes()).is_none(), "{bad:?}");
        }
        let short = Envelope { longest: token.len() - 1, ..envelope() };
        assert!(short.open(token.as_bytes()).is_none());
    }

    #[test]
    fn whatever_opens_is_recognised_and_lengths_that_cannot_be_are_not() {
        let token = encode(&[3; 12]);
        assert!(envelope().recognises(token.as_bytes()));
        assert!(envelope().open(token.as_bytes()).is_some());
        assert!(!envelope().recognises(&token.as_bytes()[..15]), "shorter than any token");
        assert!(!envelope().recognises(format!("{token}A").as_bytes()), "no bytes have so many letters");
        assert!(!envelope().recognises(format!("{token}A=").as_bytes()));
        assert!(!Envelope { longest: 15, ..envelope() }.recognises(token.as_bytes()));
    }

    #[test]
    fn no_limit_is_too_large_or_too_small_to_reckon_with() {
        assert_eq!(Envelope { longest: 0, ..envelope() }.max_data(), 0);
        assert!(Envelope { longest: usize::MAX, ..envelope() }.max_data() > usize::MAX / 2);
    }
}
