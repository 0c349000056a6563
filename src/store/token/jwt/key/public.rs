//! A public key, which has one algorithm, and its thumbprint (RFC 7638).

use ring::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey},
};
use serde::Serialize;

use super::{algorithm::Algorithm, base64url, error::InvalidJwtKey};

/// The bytes of an Ed25519 key.
const ED25519_LEN: usize = 32;

/// The bytes of a coordinate of a P-256 point.
pub(super) const COORDINATE_LEN: usize = 32;

/// The bytes of an uncompressed P-256 point: 4, then both coordinates.
const P256_LEN: usize = 1 + 2 * COORDINATE_LEN;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Ed25519([u8; ED25519_LEN]),
    P256([u8; P256_LEN]),
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
        let point = bytes.try_into().ok().filter(|point: &[u8; P256_LEN]| point[0] == 4);
        point.map(Self::P256).ok_or(InvalidJwtKey::Public {
            algorithm: "ES256",
            expected: "an uncompressed P-256 point has 65 bytes, the first of them 4",
        })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        }
        .is_ok()
    }

    /// The SHA-256 of the members that a JSON Web Key needs.
    pub(super) fn thumbprint(&self) -> String {
        let members = serde_json::to_vec(&self.members()).expect("strings can be written as JSON");
        base64url::encode(digest::digest(&digest::SHA256, &members).as_ref())
    }

    pub(super) fn members(&self) -> Members {
        match self {
            Self::Ed25519(key) => Members { crv: "Ed25519", kty: "OKP", x: base64url::encode(key), y: None },
            Self::P256(point) => {
                let (x, y) = point[1..].split_at(COORDINATE_LEN);
                let y = Some(base64url::encode(y));
                Members { crv: "P-256", kty: "EC", x: base64url::encode(x), y }
            }
        }
    }
}

/// The members that a JSON Web Key needs, in the order in which a thumbprint has them (RFC 7638, section 3).
#[derive(Debug, Serialize)]
pub(super) struct Members {
    crv: &'static str,
    kty: &'static str,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}
