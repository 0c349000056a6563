//! What tokens are verified with.

use std::{fmt, sync::Arc};

use ring::hmac;

use super::{
    algorithm::Algorithm,
    error::InvalidJwtKey,
    jwk::{self, Jwk, MAX_KID_LEN, Material},
    pem,
    public::PublicKey,
};

/// What a token is verified with: a public key, or a shared secret.
///
/// Keys of identity providers are public keys that only verify here. Each has one algorithm:
///
/// | key | algorithm of its tokens |
/// | --- | --- |
/// | Ed25519 | `EdDSA`, also called `Ed25519` (RFC 9864) |
/// | P-256, P-384 | `ES256`, `ES384` |
/// | RSA, 2048 to 8192 bits | what the `alg` of a JSON Web Key says: `RS256`, `RS384`, `RS512`, `PS256`, `PS384` or `PS512`; otherwise `RS256` |
///
/// There is no `ES512`, `ES256K`, `Ed448`, and no RSA key with fewer bits.
///
/// A key that was made from a [`SigningKey`](super::SigningKey) for HS256 is the secret itself.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Arc<str>,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Secret(Arc<hmac::Key>),
    Public(PublicKey),
}

impl VerifyingKey {
    /// An Ed25519 public key from its 32 bytes. Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless there are 32 bytes.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, InvalidJwtKey> {
        PublicKey::ed25519(bytes).map(Self::of_public)
    }

    /// A P-256 public key from its 65 bytes: 4, then both coordinates. Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless there are 65 bytes and the first is 4. A point that is not on the curve verifies nothing.
    pub fn es256(bytes: &[u8]) -> Result<Self, InvalidJwtKey> {
        PublicKey::p256(bytes).map(Self::of_public)
    }

    /// A public key from a PEM text, `-----BEGIN PUBLIC KEY-----`. Its name is its thumbprint (RFC 7638). An RSA key verifies
    /// RS256.
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless it is an Ed25519, P-256, P-384 or RSA key.
    pub fn from_pem(text: &str) -> Result<Self, InvalidJwtKey> {
        pem::public_key(text).map(Self::of_public)
    }

    /// A public key from a JSON Web Key (RFC 7517). Its name is the key's `kid`, or else its thumbprint.
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless it is a public Ed25519, P-256, P-384 or RSA key whose `alg`, `use` and `key_ops`, where they are
    /// given, allow it to verify.
    pub fn from_jwk(text: &str) -> Result<Self, InvalidJwtKey> {
        let Jwk { kid, material } = Jwk::parse(text)?;
        let key = match material {
            Material::Public(key) => Self::of_public(key),
            Material::Secret(_) => {
                return Err(jwk::refused("it is secret; a SigningKey can be made of it"));
            }
            Material::Private(..) => {
                return Err(jwk::refused("it is private; a SigningKey can be made of it"));
            }
        };
        Ok(match kid {
            Some(kid) => key.named(&kid),
            None => key,
        })
    }

    /// The public keys of a JSON Web Key Set (RFC 7517), as identity providers publish it. Those that cannot be used here, such as
    /// keys for encryption, are left out.
    ///
    /// ```
    /// use cloakroom::store::{JwtStore, VerifyingKey};
    ///
    /// fn sessions_of_provider(key_set: &str) -> Result<JwtStore, Box<dyn std::error::Error>> {
    ///     let keys = VerifyingKey::from_jwks(key_set)?; // fetched from the provider's jwks_uri
    ///     Ok(JwtStore::verify_only(keys).issuer("https://id.example").audience("shop").accepting_type("JWT"))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`InvalidJwtKey`] if it is no key set, or if none of its keys can be used here.
    pub fn from_jwks(text: &str) -> Result<Vec<Self>, InvalidJwtKey> {
        let keys: Vec<_> =
            jwk::split_set(text)?.into_iter().filter_map(|key| Self::from_jwk(key).ok()).collect();
        if keys.is_empty() {
            Err(jwk::refused("none of the keys in the set can be used here"))
        } else {
            Ok(keys)
        }
    }

    pub(crate) fn hs256(kid: &str, secret: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { kid: kid.into(), verifier: Verifier::Secret(Arc::new(key)) }
    }

    pub(super) fn of_public(key: PublicKey) -> Self {
        Self { kid: key.thumbprint().into(), verifier: Verifier::Public(key) }
    }

    /// The same key under another name, that of the `kid` of its tokens.
    ///
    /// # Panics
    /// If the name is empty or longer than 255 bytes.
    #[must_use]
    pub fn named(self, kid: &str) -> Self {
        assert!((1..=MAX_KID_LEN).contains(&kid.len()), "the name of a key has 1 to 255 bytes");
        Self { kid: kid.into(), ..self }
    }

    /// The key's name: the `kid` of its tokens.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) const fn algorithm(&self) -> Algorithm {
        match &self.verifier {
            Verifier::Secret(_) => Algorithm::Hs256,
            Verifier::Public(key) => key.algorithm(),
        }
    }

    /// The number of bytes in a signature.
    pub(crate) fn signature_len(&self) -> usize {
        match &self.verifier {
            Verifier::Secret(_) => 32,
            Verifier::Public(key) => key.signature_len(),
        }
    }

    /// Whether both are one key, whatever their names.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.verifier, &other.verifier) {
            (Verifier::Secret(one), Verifier::Secret(other)) => {
                hmac::verify(one, b"", hmac::sign(other, b"").as_ref()).is_ok()
            }
            (Verifier::Public(one), Verifier::Public(other)) => one == other,
            _ => false,
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Verifier::Public(key) => key.verifies(message, signature),
        }
    }
}

/// The public keys as a JSON Web Key Set. Secrets are left out.
pub(crate) fn jwks<'a>(keys: impl Iterator<Item = &'a VerifyingKey>) -> String {
    jwk::set(keys.filter_map(|key| match &key.verifier {
        Verifier::Secret(_) => None,
        Verifier::Public(public) => Some((key.kid(), public)),
    }))
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm().name())
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
