//! A public key, which has one algorithm, and its thumbprint (RFC 7638).

use ring::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, UnparsedPublicKey},
};
use serde::Serialize;

use super::{algorithm::Algorithm, base64url, error::InvalidJwtKey, rsa::RsaKey};

/// The bytes of an Ed25519 key.
const ED25519_LEN: usize = 32;

/// The bytes of a coordinate of a P-256 point.
pub(super) const P256_COORDINATE: usize = 32;

/// The bytes of a coordinate of a P-384 point.
pub(super) const P384_COORDINATE: usize = 48;

/// The bytes of an uncompressed P-256 point: 4, then both coordinates.
const P256_LEN: usize = 1 + 2 * P256_COORDINATE;

/// The bytes of an uncompressed P-384 point.
const P384_LEN: usize = 1 + 2 * P384_COORDINATE;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Ed25519([u8; ED25519_LEN]),
    P256([u8; P256_LEN]),
    P384(Box<[u8; P384_LEN]>),
    Rsa(RsaKey),
}

impl PublicKey {
    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, InvalidJwtKey> {
        bytes.try_into().map(Self::Ed25519).map_err(|_| InvalidJwtKey::Public {
            algorithm: "EdDSA",
            expected: "an Ed25519 key has 32 bytes",
        })
    }

    /// The point is not checked to be on the curve. One that is not verifies nothing.
    pub(super) fn p256(bytes: &[u8]) -> Result<Self, InvalidJwtKey> {
        uncompressed(bytes).map(Self::P256).ok_or(InvalidJwtKey::Public {
            algorithm: "ES256",
            expected: "an uncompressed P-256 point has 65 bytes, the first of them 4",
        })
    }

    /// As for P-256.
    pub(super) fn p384(bytes: &[u8]) -> Result<Self, InvalidJwtKey> {
        uncompressed(bytes).map(Box::new).map(Self::P384).ok_or(InvalidJwtKey::Public {
            algorithm: "ES384",
            expected: "an uncompressed P-384 point has 97 bytes, the first of them 4",
        })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
            Self::P384(_) => Algorithm::Es384,
            Self::Rsa(key) => key.algorithm,
        }
    }

    /// The number of bytes in a signature.
    pub(super) fn signature_len(&self) -> usize {
        match self {
            Self::Ed25519(_) | Self::P256(_) => 64,
            Self::P384(_) => 2 * P384_COORDINATE,
            Self::Rsa(key) => key.modulus().len(),
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Self::P384(point) => {
                let point = &point[..];
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature).is_ok()
            }
            Self::Rsa(key) => key.verifies(message, signature),
        }
    }

    /// The SHA-256 of the members that a JSON Web Key needs.
    pub(super) fn thumbprint(&self) -> String {
        let members = serde_json::to_vec(&self.members()).expect("strings can be written as JSON");
        base64url::encode(digest::digest(&digest::SHA256, &members).as_ref())
    }

    pub(super) fn members(&self) -> Members {
        match self {
            Self::Ed25519(key) => {
                Members { crv: Some("Ed25519"), x: Some(base64url::encode(key)), ..Members::of("OKP") }
            }
            Self::P256(point) => of_point("P-256", &point[1..]),
            Self::P384(point) => of_point("P-384", &point[1..]),
            Self::Rsa(key) => Members {
                e: Some(base64url::encode(key.exponent())),
                n: Some(base64url::encode(key.modulus())),
                ..Members::of("RSA")
            },
        }
    }
}

/// The bytes of an uncompressed point.
fn uncompressed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok().filter(|point: &[u8; N]| point[0] == 4)
}

fn of_point(crv: &'static str, coordinates: &[u8]) -> Members {
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let [x, y] = [x, y].map(|coordinate| Some(base64url::encode(coordinate)));
    Members { crv: Some(crv), x, y, ..Members::of("EC") }
}

/// The members that a JSON Web Key needs, in the order in which a thumbprint has them (RFC 7638, section 3).
#[derive(Debug, Serialize)]
pub(super) struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl Members {
    const fn of(kty: &'static str) -> Self {
        Self { crv: None, e: None, kty, n: None, x: None, y: None }
    }
}
