//! The secret half of a reference token: redacted, zeroized, compared in constant time.

use std::fmt;

use ring::digest;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize as _;

/// 128 random bits that only the client of a session should know.
///
/// Never printed, wiped when dropped, compared in constant time.
#[derive(Clone)]
pub struct Secret([u8; Self::LEN]);

impl Secret {
    /// The number of bytes in a secret.
    pub const LEN: usize = 16;

    /// A secret from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes. They are a credential: what they are written to is for the client of the session alone.
    #[must_use]
    pub const fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The hash that may leave the process in place of the secret.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"cloakroom.secret.v1\0");
        context.update(&self.0);
        let mut hash = [0; SecretHash::LEN];
        hash.copy_from_slice(context.finish().as_ref());
        SecretHash(hash)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ConstantTimeEq for Secret {
    fn ct_eq(&self, other: &Self) -> Choice {
        // As one number: byte by byte would take 16 steps, each shielded from the compiler.
        u128::from_ne_bytes(self.0).ct_eq(&u128::from_ne_bytes(other.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The SHA-256 of a [`Secret`]: what a store outside the process keeps, so that its dump is no set of logins.
///
/// A secret has 128 random bits, so a plain hash without salt or stretching cannot be reversed by guessing.
#[derive(Clone)]
pub struct SecretHash([u8; Self::LEN]);

impl SecretHash {
    /// The number of bytes in a hash.
    pub const LEN: usize = 32;

    pub(crate) const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    fn halves(&self) -> [u128; 2] {
        let (halves, _) = self.0.as_chunks();
        [u128::from_ne_bytes(halves[0]), u128::from_ne_bytes(halves[1])]
    }
}

impl ConstantTimeEq for SecretHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        // As two numbers, for the same reason.
        self.halves().ct_eq(&other.halves())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_byte_of_a_secret() {
        let secret = Secret::from_bytes([0xab; 16]);
        assert_eq!(format!("{secret:?} {:?}", secret.hash()), "Secret(redacted) SecretHash(redacted)");
    }

    #[test]
    fn a_hash_belongs_to_one_secret() {
        let hash = Secret::from_bytes([1; 16]).hash();
        assert!(bool::from(hash.ct_eq(&Secret::from_bytes([1; 16]).hash())));
        assert!(!bool::from(hash.ct_eq(&Secret::from_bytes([2; 16]).hash())));
    }
}
