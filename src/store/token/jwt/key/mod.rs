//! The keys of tokens. A key has one algorithm and one name (`kid`), and never another.
//!
//! | module | holds |
//! | --- | --- |
//! | `algorithm` | the algorithms |
//! | `error` | [`InvalidJwtKey`] |
//! | `signature` | the bytes of a signature |
//! | `rsa` | RSA public keys |
//! | `public` | a public key and its thumbprint |
//! | `pem`, `jwk` | keys as texts |
//! | `verifying` | [`VerifyingKey`] |
//! | `signing` | [`SigningKey`] |
//!
//! Each module imports only modules above it in this table.

mod algorithm;
mod error;
mod jwk;
mod pem;
mod public;
mod rsa;
mod signature;
mod signing;
mod verifying;

pub use self::{error::InvalidJwtKey, signing::SigningKey, verifying::VerifyingKey};
pub(crate) use self::{signature::Signature, verifying::jwks};
use super::{base64url, json};
