//! What tokens are verified with: one key has one algorithm and one name (`kid`), and never another.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey},
};

use super::{OWN_TYPE, base64url, json::Writer, jwk::Jwk, pem};
use crate::keyring::InvalidKey;

/// What a key signs with. A token's header may only repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    EdDsa,
    Es256,
}

impl Algorithm {
    /// The name in headers (RFC 7518, section 3.1; RFC 8037, section 3.1). Its case counts.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    pub(super) const fn signature_len(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::EdDsa | Self::Es256 => 64,
        }
    }
}

/// Why something is no key for tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwtKey {
    /// It is no private key of this kind in PKCS #8.
    #[error("this is no PKCS #8 private key for {algorithm}; `openssl genpkey -algorithm {hint}` makes one")]
    Pkcs8 {
        /// The algorithm it was read for.
        algorithm: &'static str,
        /// What OpenSSL calls it.
        hint: &'static str,
    },
    /// It is no public key of this kind.
    #[error("this is no public key for {algorithm}: {expected}")]
    Public {
        /// The algorithm it was read for.
        algorithm: &'static str,
        /// What a key consists of.
        expected: &'static str,
    },
    /// It is no PEM text of a supported key.
    #[error("this is no PEM text of {expected}, for Ed25519 or P-256")]
    Pem {
        /// What should stand there.
        expected: &'static str,
    },
    /// It is no supported JSON Web Key.
    #[error("this is no JSON Web Key that can be used here: {reason}")]
    Jwk {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is no secret key.
    #[error(transparent)]
    Secret(#[from] InvalidKey),
}

/// The bytes of an Ed25519 public key.
pub(super) const ED25519_LEN: usize = 32;

/// The bytes of a P-256 public key: 4, then both coordinates.
pub(super) const P256_LEN: usize = 65;

/// The longest name of a key, in bytes.
pub(super) const MAX_KID_LEN: usize = 255;

/// What a token is verified with: a public key, or a shared secret.
///
/// A key that was made from a [`SigningKey`](super::SigningKey) for HS256 is the secret itself.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Arc<str>,
    /// The header of tokens under this key, as they carry it.
    header: Arc<str>,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Hs256(Arc<hmac::Key>),
    Ed25519([u8; ED25519_LEN]),
    Es256([u8; P256_LEN]),
}

impl VerifyingKey {
    /// An Ed25519 public key from its 32 bytes. Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless there are 32 bytes.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, InvalidJwtKey> {
        let key = bytes.try_into().map_err(|_| InvalidJwtKey::Public {
            algorithm: "EdDSA",
            expected: "an Ed25519 key has 32 bytes",
        })?;
        Ok(Self::of_public(Verifier::Ed25519(key)))
    }

    /// A P-256 public key from its 65 bytes: 4, then both coordinates. Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless there are 65 bytes and the first is 4. A point that is not on the curve verifies nothing.
    pub fn es256(bytes: &[u8]) -> Result<Self, InvalidJwtKey> {
        let key = bytes.try_into().ok().filter(|key: &[u8; P256_LEN]| key[0] == 4);
        let key = key.ok_or(InvalidJwtKey::Public {
            algorithm: "ES256",
            expected: "an uncompressed P-256 point has 65 bytes, the first of them 4",
        })?;
        Ok(Self::of_public(Verifier::Es256(key)))
    }

    /// A public key from a PEM text, `-----BEGIN PUBLIC KEY-----`. Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless it is an Ed25519 or P-256 key.
    pub fn from_pem(text: &str) -> Result<Self, InvalidJwtKey> {
        let refused = InvalidJwtKey::Pem { expected: "a public key (PUBLIC KEY)" };
        match pem::public_key(text) {
            Some(pem::Public::Ed25519(key)) => Self::ed25519(&key),
            Some(pem::Public::P256(key)) => Self::es256(&key),
            None => Err(refused),
        }
    }

    /// A public key from a JSON Web Key (RFC 7517). Its name is the key's `kid`, or else its thumbprint.
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless it is a public Ed25519 or P-256 key whose `alg`, `use` and `key_ops`, where they are
    /// given, allow it to verify.
    pub fn from_jwk(text: &str) -> Result<Self, InvalidJwtKey> {
        Jwk::parse(text)?.verifying_key()
    }

    /// The same key under another name, that of the `kid` of its tokens.
    ///
    /// # Panics
    /// If the name is empty or longer than 255 bytes.
    #[must_use]
    pub fn named(self, kid: &str) -> Self {
        assert!((1..=MAX_KID_LEN).contains(&kid.len()), "the name of a key has 1 to 255 bytes");
        Self::new(kid, self.verifier)
    }

    /// The key's name: the `kid` of its tokens.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn hs256(kid: &str, secret: &[u8]) -> Self {
        Self::new(kid, Verifier::Hs256(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret))))
    }

    fn of_public(verifier: Verifier) -> Self {
        let kid = Jwk::of(verifier.public()).map(|jwk| jwk.thumbprint()).unwrap_or_default();
        Self::new(&kid, verifier)
    }

    fn new(kid: &str, verifier: Verifier) -> Self {
        let header = encoded_header(verifier.algorithm(), kid);
        Self { kid: kid.into(), header: header.into(), verifier }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.verifier.algorithm()
    }

    /// The header of tokens under this key, as they carry it.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// The key that may be published.
    pub(super) fn public(&self) -> Option<Public<'_>> {
        self.verifier.public()
    }

    /// Whether both are one key, whatever their names.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.verifier, &other.verifier) {
            (Verifier::Hs256(one), Verifier::Hs256(other)) => {
                hmac::verify(one, b"", hmac::sign(other, b"").as_ref()).is_ok()
            }
            (one, other) => one.public().is_some() && one.public() == other.public(),
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Hs256(key) => hmac::verify(key, message, signature),
            Verifier::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Verifier::Es256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature)
            }
        }
        .is_ok()
    }
}

/// A public key of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Public<'a> {
    Ed25519(&'a [u8; ED25519_LEN]),
    P256(&'a [u8; P256_LEN]),
}

impl Verifier {
    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::Es256(_) => Algorithm::Es256,
        }
    }

    const fn public(&self) -> Option<Public<'_>> {
        match self {
            Self::Hs256(_) => None,
            Self::Ed25519(key) => Some(Public::Ed25519(key)),
            Self::Es256(key) => Some(Public::P256(key)),
        }
    }
}

fn encoded_header(algorithm: Algorithm, kid: &str) -> String {
    let mut header = Writer::default();
    header.open();
    header.text("typ", OWN_TYPE);
    header.text("alg", algorithm.name());
    header.text("kid", kid);
    header.close();
    URL_SAFE_NO_PAD.encode(header.finish())
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm().name())
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The bytes of a signature.
pub(super) struct Signature {
    bytes: [u8; 64],
    len: usize,
}

impl Signature {
    pub(super) fn new(signature: &[u8]) -> Self {
        let len = signature.len().min(64);
        let mut bytes = [0; 64];
        bytes[..len].copy_from_slice(&signature[..len]);
        Self { bytes, len }
    }

    /// A signature of an algorithm from its text; `None` unless it is canonical and of the right length.
    pub(super) fn decode(text: &[u8], algorithm: Algorithm) -> Option<Self> {
        let (mut bytes, len) = ([0; 64], algorithm.signature_len());
        base64url::fill(&mut bytes[..len], text)?;
        Some(Self { bytes, len })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
