//! The form of the tokens of the two cookie stores: bytes in base64url without padding (RFC 4648, section 5).
//!
//! ```text
//! token  := base64url( header | body )
//! header := format (1 byte) | key ID (8 bytes)
//! ```
//!
//! The format says how the body is sealed. It selects a derived key, never how one key is used: each format has keys of
//! its own, and the header is bound into the seal.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{keyring::KeyId, store::Token};

/// How a body is sealed. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Format {
    Aes256Gcm = 1,
    ChaCha20Poly1305 = 2,
    HmacSha256 = 3,
}

impl Format {
    fn of(byte: u8) -> Option<Self> {
        [Self::Aes256Gcm, Self::ChaCha20Poly1305, Self::HmacSha256]
            .into_iter()
            .find(|format| *format as u8 == byte)
    }

    /// The name under which keys are derived for it.
    pub(super) const fn purpose(self) -> &'static [u8] {
        match self {
            Self::Aes256Gcm => b"cookie AES-256-GCM",
            Self::ChaCha20Poly1305 => b"cookie ChaCha20-Poly1305",
            Self::HmacSha256 => b"cookie HMAC-SHA256",
        }
    }
}

/// The bytes of the header.
pub(super) const HEADER: usize = 1 + KeyId::LEN;

/// The header of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: Format,
    pub(super) key: KeyId,
}

impl Header {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.push(self.format as u8);
        out.extend_from_slice(self.key.as_bytes());
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let ([format, key @ ..], _) = bytes.split_first_chunk::<HEADER>()?;
        Some(Self { format: Format::of(*format)?, key: KeyId::from_bytes(*key) })
    }
}

/// The bytes of a token; `None` unless it is canonical base64url of at most `longest` letters.
pub(super) fn decode(token: &[u8], longest: usize) -> Option<Vec<u8>> {
    if token.len() > longest {
        return None;
    }
    URL_SAFE_NO_PAD.decode(token).ok()
}

/// Whether a token has the letters and the header of one of these formats.
pub(super) fn is_of(token: &[u8], formats: &[Format], longest: usize) -> bool {
    // Sixteen letters are twelve bytes: the header is among them.
    let Some(start) = token.get(..16) else { return false };
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut bytes = [0; 12];
    token.len() <= longest
        && token.iter().all(letter)
        && URL_SAFE_NO_PAD.decode_slice(start, &mut bytes).is_ok()
        && Header::read(&bytes).is_some_and(|header| formats.contains(&header.format))
}

/// The token of these bytes.
pub(super) fn encode(bytes: &[u8]) -> Option<Token> {
    Token::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// How many letters so many bytes have.
pub(super) const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// How many bytes so many letters have.
pub(super) const fn decoded_len(letters: usize) -> usize {
    letters * 3 / 4
}

/// What a seal is bound to besides its body: the header, and the purpose that the store was given.
pub(super) fn associated_data(header: Header, context: &str) -> Vec<u8> {
    let mut data = b"cloakroom session v1\0".to_vec();
    header.write(&mut data);
    data.extend_from_slice(context.as_bytes());
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_agree_with_the_encoder() {
        for bytes in 0..100 {
            let letters = URL_SAFE_NO_PAD.encode(vec![0; bytes]).len();
            assert_eq!(encoded_len(bytes), letters);
            assert_eq!(decoded_len(letters), bytes);
        }
    }

    #[test]
    fn only_canonical_letters_are_read() {
        assert!(decode(b"AAAA", 100).is_some());
        for bad in [&b"AAA="[..], b"AAB", b"A+AA", b"A/AA", b"A AA", b"AAAAA", b"\xff\xff\xff\xff"] {
            assert!(decode(bad, 100).is_none(), "{bad:?}");
        }
        assert!(decode(b"AAAA", 3).is_none());
    }
}
