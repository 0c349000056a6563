//! What tokens are signed with.

use std::{fmt, sync::Arc};

use ring::{
    hmac,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};

use super::{
    error::InvalidJwtKey,
    jwk::{self, Jwk, Material},
    pem,
    public::PublicKey,
    signature::Signature,
    verifying::VerifyingKey,
};
use crate::{
    keyring::SecretKey,
    random::{NoRandomness, SystemRandom},
};

/// What tokens are signed with. Redacted in `Debug`.
///
/// | algorithm | who can verify | made by |
/// | --- | --- | --- |
/// | HS256 | everybody who could also sign: the secret is shared | [`hs256`](Self::hs256), or [`JwtStore::from_ring`](crate::store::JwtStore::from_ring) |
/// | EdDSA (Ed25519) | everybody who has the public key | [`ed25519_from_pkcs8`](Self::ed25519_from_pkcs8), [`from_pem`](Self::from_pem) |
/// | ES256 (P-256) | everybody who has the public key | [`es256_from_pkcs8`](Self::es256_from_pkcs8), [`from_pem`](Self::from_pem) |
///
/// ```
/// use cloakroom::store::SigningKey;
///
/// // openssl genpkey -algorithm ed25519
/// let key = SigningKey::from_pem("-----BEGIN PRIVATE KEY-----
/// MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
/// -----END PRIVATE KEY-----")?;
/// assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), cloakroom::store::InvalidJwtKey>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    public: VerifyingKey,
    signer: Signer,
}

#[derive(Clone)]
enum Signer {
    Hs256(Arc<hmac::Key>),
    Ed25519(Arc<Ed25519KeyPair>),
    Es256(Arc<EcdsaKeyPair>),
}

impl SigningKey {
    /// A secret that is used as it is, to share tokens with programs that know it. Its name is the key's ID.
    ///
    /// Use such a secret for nothing else: neither in a [`KeyRing`](crate::keyring::KeyRing) nor for other kinds of tokens.
    #[must_use]
    pub fn hs256(secret: &SecretKey) -> Self {
        Self::of_secret(&secret.id().to_string(), secret.expose())
    }

    pub(crate) fn of_secret(kid: &str, secret: &[u8]) -> Self {
        let public = VerifyingKey::hs256(kid, secret);
        Self { signer: Signer::Hs256(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret))), public }
    }

    /// An Ed25519 key from PKCS #8, of version 1 or 2 (RFC 8410). Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`InvalidJwtKey`] if it is no such key.
    pub fn ed25519_from_pkcs8(der: &[u8]) -> Result<Self, InvalidJwtKey> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|_| InvalidJwtKey::Pkcs8 { algorithm: "EdDSA", hint: "ed25519" })?;
        Self::of_ed25519(pair)
    }

    fn of_ed25519(pair: Ed25519KeyPair) -> Result<Self, InvalidJwtKey> {
        let public = VerifyingKey::ed25519(pair.public_key().as_ref())?;
        Ok(Self { public, signer: Signer::Ed25519(Arc::new(pair)) })
    }

    /// A P-256 key from PKCS #8 (RFC 5958). Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`InvalidJwtKey`] if it is no such key, or lacks the public key.
    pub fn es256_from_pkcs8(der: &[u8]) -> Result<Self, InvalidJwtKey> {
        let random = SystemRandom::new();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, random.for_ring()).map_err(
                |_| InvalidJwtKey::Pkcs8 { algorithm: "ES256", hint: "EC -pkeyopt ec_paramgen_curve:P-256" },
            )?;
        Self::of_p256(pair)
    }

    fn of_p256(pair: EcdsaKeyPair) -> Result<Self, InvalidJwtKey> {
        let public = VerifyingKey::es256(pair.public_key().as_ref())?;
        Ok(Self { public, signer: Signer::Es256(Arc::new(pair)) })
    }

    /// A key from a PEM text, `-----BEGIN PRIVATE KEY-----`. The text determines the algorithm.
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless it is an Ed25519 or P-256 key.
    pub fn from_pem(text: &str) -> Result<Self, InvalidJwtKey> {
        let der = pem::private_key(text)?;
        let key = Self::ed25519_from_pkcs8(&der).or_else(|_| Self::es256_from_pkcs8(&der));
        key.map_err(|_| pem::not_private())
    }

    /// A key from a private JSON Web Key (RFC 7517). Its name is the key's `kid`, or by default its ID or thumbprint.
    ///
    /// # Errors
    /// [`InvalidJwtKey`] unless it is a secret, Ed25519 or P-256 key whose `alg`, `use` and `key_ops`, where they are
    /// given, allow it to sign.
    pub fn from_jwk(text: &str) -> Result<Self, InvalidJwtKey> {
        let Jwk { kid, material } = Jwk::parse(text)?;
        let key = match material {
            Material::Secret(secret) => Self::hs256(&secret),
            Material::Private(public, private) => Self::of_parts(&public, &private)?,
            Material::Public(_) => {
                return Err(jwk::refused("it has no private part; a VerifyingKey can be made of it"));
            }
        };
        Ok(match kid {
            Some(kid) => key.named(&kid),
            None => key,
        })
    }

    fn of_parts(public: &PublicKey, private: &[u8]) -> Result<Self, InvalidJwtKey> {
        let mismatch = |_| jwk::refused("its private and its public part do not belong together");
        match public {
            PublicKey::Ed25519(public) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(private, public);
                Self::of_ed25519(pair.map_err(mismatch)?)
            }
            PublicKey::P256(public) => {
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    private,
                    public,
                    SystemRandom::new().for_ring(),
                );
                Self::of_p256(pair.map_err(mismatch)?)
            }
            PublicKey::P384(_) | PublicKey::Rsa(_) => {
                Err(jwk::refused("keys of this type only verify here; leave out its private members"))
            }
        }
    }

    /// A new Ed25519 key, which is lost when the process ends.
    ///
    /// # Errors
    /// [`NoRandomness`] if the system's generator fails.
    pub fn generate_ed25519() -> Result<Self, NoRandomness> {
        let der = Ed25519KeyPair::generate_pkcs8(SystemRandom::new().for_ring()).map_err(|_| NoRandomness)?;
        Self::ed25519_from_pkcs8(der.as_ref()).map_err(|_| NoRandomness)
    }

    /// A new P-256 key, which is lost when the process ends.
    ///
    /// # Errors
    /// [`NoRandomness`] if the system's generator fails.
    pub fn generate_es256() -> Result<Self, NoRandomness> {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random.for_ring())
            .map_err(|_| NoRandomness)?;
        Self::es256_from_pkcs8(der.as_ref()).map_err(|_| NoRandomness)
    }

    /// The same key under another name, that of the `kid` of its tokens.
    ///
    /// # Panics
    /// If the name is empty or longer than 255 bytes.
    #[must_use]
    pub fn named(self, kid: &str) -> Self {
        Self { public: self.public.named(kid), signer: self.signer }
    }

    /// The key's name: the `kid` of its tokens.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// What verifies this key's tokens. For HS256 that is the secret itself.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// `None` if the source of randomness failed, which only ES256 needs.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Signature> {
        Some(match &self.signer {
            Signer::Hs256(key) => Signature::new(hmac::sign(key, message).as_ref()),
            Signer::Ed25519(pair) => Signature::new(pair.sign(message).as_ref()),
            Signer::Es256(pair) => {
                Signature::new(pair.sign(SystemRandom::new().for_ring(), message).ok()?.as_ref())
            }
        })
    }
}

impl From<SigningKey> for VerifyingKey {
    fn from(key: SigningKey) -> Self {
        key.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.public.algorithm().name())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}
