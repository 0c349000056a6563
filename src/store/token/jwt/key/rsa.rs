//! RSA public keys, which only verify.

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};

use super::{algorithm::Algorithm, error::InvalidJwtKey};

/// How many bits a modulus may have (RFC 7518, section 3.3, for the least).
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The longest exponent, in bytes. Nearly all keys have 65537.
const MAX_EXPONENT_LEN: usize = 4;

/// An RSA public key for one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RsaKey {
    pub(super) algorithm: Algorithm,
    /// Without zeros in front, as the exponent.
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
}

impl RsaKey {
    /// The key of these two numbers, the most significant byte first.
    pub(super) fn new(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<Self, InvalidJwtKey> {
        let [modulus, exponent] = [modulus, exponent].map(without_zeros);
        let leading = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        if !MODULUS_BITS.contains(&(8 * modulus.len() - leading)) || !is_odd(modulus) {
            return Err(refused(algorithm));
        }
        if exponent.len() > MAX_EXPONENT_LEN || exponent == [1] || !is_odd(exponent) {
            return Err(refused(algorithm));
        }
        Ok(Self { algorithm, modulus: modulus.into(), exponent: exponent.into() })
    }

    pub(super) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(super) fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: &*self.modulus, e: &*self.exponent };
        parameters(self.algorithm).is_some_and(|rules| key.verify(rules, message, signature).is_ok())
    }
}

fn parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        Algorithm::Hs256 | Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384 => None,
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

const fn refused(algorithm: Algorithm) -> InvalidJwtKey {
    InvalidJwtKey::Public {
        algorithm: algorithm.name(),
        expected: "an odd modulus of 2048 to 8192 bits, and an odd exponent of 3 or more in at most 4 bytes",
    }
}
