//! The keys of a ring, ready for use: each with the header that selects it and with what its seals are bound to.

use std::fmt;

use super::envelope::{Format, Header};
use crate::keyring::{KeyRing, SecretKey};

/// A ring's keys, one of each format for each secret key.
#[derive(Clone)]
pub(crate) struct SealKeys<K> {
    active: SealKey<K>,
    accepted: Vec<SealKey<K>>,
}

/// What is derived from a secret key for one format.
#[derive(Clone)]
pub(crate) struct SealKey<K> {
    pub(crate) header: Header,
    /// Authenticated with every record, though no token carries it.
    pub(crate) bound_to: Vec<u8>,
    pub(crate) key: K,
}

impl<K> SealKeys<K> {
    /// The keys of `ring`, without a context; the first format is the active one.
    pub(crate) fn new(ring: &KeyRing, formats: &[Format], derive: impl Fn(&SecretKey, Format) -> K) -> Self {
        let one = |secret: &SecretKey, format| {
            let header = Header { format, key: secret.id() };
            SealKey { header, bound_to: bound_to(header, ""), key: derive(secret, format) }
        };
        let mut all = ring.keys().flat_map(|secret| formats.iter().map(move |format| (secret, *format)));
        let (secret, format) = all.next().expect("a ring has an active key, and a store a format");
        Self {
            active: one(secret, format),
            accepted: all.map(|(secret, format)| one(secret, format)).collect(),
        }
    }

    /// What new tokens are sealed with.
    pub(crate) fn active(&self) -> &SealKey<K> {
        &self.active
    }

    /// What a token of this header was sealed with; `None` if that is no key of the ring.
    pub(crate) fn find(&self, header: Header) -> Option<&SealKey<K>> {
        std::iter::once(&self.active).chain(&self.accepted).find(|key| key.header == header)
    }

    /// Makes the active secret key's key of another format the active one.
    pub(crate) fn activate(&mut self, format: Format) {
        let header = Header { format, ..self.active.header };
        if let Some(other) = self.accepted.iter_mut().find(|key| key.header == header) {
            std::mem::swap(&mut self.active, other);
        }
    }

    /// Binds seals to a context.
    pub(crate) fn bind(&mut self, context: &str) {
        for key in std::iter::once(&mut self.active).chain(&mut self.accepted) {
            key.bound_to = bound_to(key.header, context);
        }
    }
}

/// What a seal is bound to: the header, and the context that the store was given, prefixed with its length so that a record can
/// follow.
///
/// The name of the cookie is not part of it, because the same token may be presented as a bearer token. Two managers that share
/// keys but not sessions give their stores two contexts.
fn bound_to(header: Header, context: &str) -> Vec<u8> {
    let mut bytes = b"cloakroom session v1\0".to_vec();
    header.write(&mut bytes);
    bytes.extend_from_slice(&(context.len() as u64).to_le_bytes());
    bytes.extend_from_slice(context.as_bytes());
    bytes
}

impl<K> fmt::Debug for SealKeys<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = std::iter::once(&self.active).chain(&self.accepted).map(|key| key.header);
        f.debug_list().entries(headers).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [Format; 2] = [Format::Aes256Gcm, Format::ChaCha20Poly1305];

    #[test]
    fn every_key_has_one_of_each_format_and_either_format_can_be_active() {
        let (one, two) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let ring = KeyRing::new(one.clone()).accepting(two.clone());
        let mut keys = SealKeys::new(&ring, &FORMATS, |secret, format| (secret.id(), format));
        for active in FORMATS.iter().rev() {
            keys.activate(*active);
            assert_eq!(keys.active().header, Header { format: *active, key: one.id() });
            for (format, key) in FORMATS.iter().flat_map(|format| [(*format, one.id()), (*format, two.id())])
            {
                let found = keys.find(Header { format, key }).unwrap();
                assert_eq!(found.key, (key, format));
            }
        }
        assert!(keys.find(Header { format: Format::HmacSha256, key: one.id() }).is_none());
    }

    #[test]
    fn what_seals_are_bound_to_differs_in_header_and_context_and_is_no_prefix_of_another() {
        let header = |format, key| Header { format, key: SecretKey::from_bytes(key).unwrap().id() };
        let (one, two): (Vec<u8>, Vec<u8>) = ((0..32).collect(), (1..33).collect());
        let all = [
            bound_to(header(Format::Aes256Gcm, &one), ""),
            bound_to(header(Format::ChaCha20Poly1305, &one), ""),
            bound_to(header(Format::Aes256Gcm, &two), ""),
            bound_to(header(Format::Aes256Gcm, &one), "a"),
            bound_to(header(Format::Aes256Gcm, &one), "ab"),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all.iter().enumerate().all(|(m, other)| n == m || !other.starts_with(one)));
        }
    }
}
