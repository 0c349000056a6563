//! Why something is not a key for tokens.

use crate::keyring::InvalidKey;

/// Why something is not a key for tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwtKey {
    /// It is not a private key of this kind in PKCS #8.
    #[error("this is no PKCS #8 private key for {algorithm}; `openssl genpkey -algorithm {hint}` makes one")]
    Pkcs8 {
        /// The algorithm it was read for.
        algorithm: &'static str,
        /// What OpenSSL calls it.
        hint: &'static str,
    },
    /// It is not a public key of this kind.
    #[error("this is no public key for {algorithm}: {expected}")]
    Public {
        /// The algorithm it was read for.
        algorithm: &'static str,
        /// What a key consists of.
        expected: &'static str,
    },
    /// It is not a PEM text of a supported key.
    #[error("this is no PEM text of {expected}")]
    Pem {
        /// What the text should contain.
        expected: &'static str,
    },
    /// It is not a supported JSON Web Key.
    #[error("this is no JSON Web Key that can be used here: {reason}")]
    Jwk {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is not a secret key.
    #[error(transparent)]
    Secret(#[from] InvalidKey),
}
