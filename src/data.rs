//! A session's values: one buffer of length-prefixed entries, each a JSON text that is decoded only when its key is
//! asked for.
//!
//! ```text
//! entry := key length (1 byte) | value length (4 bytes, little endian) | key (UTF-8) | value (JSON)
//! ```
//!
//! Entries keep the order in which their keys were first written. Finding one of ten keys takes a few nanoseconds and
//! no allocation, so nothing is indexed. A buffer from outside goes through [`Data::from_bytes`] first.

use std::{collections::HashSet, fmt, sync::Arc};

use crate::key::MAX_KEY_LEN;

/// The values of a session. Immutable and cheap to clone; a change makes a new buffer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Data(Option<Arc<[u8]>>);

/// The bytes before an entry's key.
const HEADER: usize = 5;

impl Data {
    /// Reads a buffer that [`as_bytes`](Self::as_bytes) gave out before.
    ///
    /// # Errors
    /// [`InvalidData`] unless the entries fill the buffer exactly, their keys are UTF-8 and no key occurs twice. The
    /// values are not decoded here.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidData> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut keys = Keys::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (entry, after) = split(rest).ok_or(InvalidData(()))?;
            if !is_text(entry.key) || !keys.insert(entry.key) {
                return Err(InvalidData(()));
            }
            rest = after;
        }
        Ok(Self(Some(bytes.into())))
    }

    /// The values of these entries, each a key and its JSON text; `None` if a key or a value is too long to be stored.
    ///
    /// The caller makes sure that no key comes twice.
    #[cfg(feature = "sealed")]
    #[must_use]
    pub fn from_entries<'a>(entries: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Option<Self> {
        let len = entries.clone().map(|(key, value)| HEADER + key.len() + value.len()).sum();
        if len == 0 {
            return Some(Self::default());
        }
        let mut buffer = zeroed(len);
        let mut rest = Arc::make_mut(&mut buffer);
        for (key, value) in entries {
            for piece in [&header(key, value.as_bytes())?, key.as_bytes(), value.as_bytes()] {
                rest = write(rest, piece);
            }
        }
        Some(Self(Some(buffer)))
    }

    /// The whole buffer.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The number of bytes in the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there is no value at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The JSON text under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.find(key).map(|(_, value)| value)
    }

    /// The JSON text under `key`, and which entry it is.
    pub(crate) fn find(&self, key: &str) -> Option<(usize, &[u8])> {
        self.entries()
            .enumerate()
            .find(|(_, entry)| entry.key == key.as_bytes())
            .map(|(at, entry)| (at, entry.value))
    }

    /// Every key with its JSON text, in the order in which the keys were first written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries().map(|entry| (std::str::from_utf8(entry.key).unwrap_or_default(), entry.value))
    }

    /// The same values with `key` set to the JSON text `value`; `None` if either is too long to be written down.
    #[must_use]
    pub fn with(&self, key: &str, value: &[u8]) -> Option<Self> {
        let header = header(key, value)?;
        let (before, after) = self.around(key);
        Some(Self::joined(&[before, &header, key.as_bytes(), value, after]))
    }

    /// The same values without `key`.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let (before, after) = self.around(key);
        match (before.is_empty(), after.is_empty()) {
            (true, true) => Self::default(),
            _ if before.len() + after.len() == self.len() => self.clone(),
            _ => Self::joined(&[before, after]),
        }
    }

    /// The pieces, one behind the other, in one allocation.
    fn joined(pieces: &[&[u8]]) -> Self {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        let mut buffer = zeroed(len);
        pieces.iter().fold(Arc::make_mut(&mut buffer), |rest, piece| write(rest, piece));
        Self(Some(buffer))
    }

    /// What precedes and what follows the entry of `key`; all and nothing if there is none.
    fn around(&self, key: &str) -> (&[u8], &[u8]) {
        let bytes = self.as_bytes();
        let mut start = 0;
        for entry in self.entries() {
            if entry.key == key.as_bytes() {
                return (&bytes[..start], &bytes[start + entry.len()..]);
            }
            start += entry.len();
        }
        (bytes, &[])
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.as_bytes();
        std::iter::from_fn(move || {
            let (entry, after) = split(rest)?;
            rest = after;
            Some(entry)
        })
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} entries, {} bytes)", self.entries().count(), self.len())
    }
}

/// Whether a key is UTF-8. Nearly all are ASCII, which is seen at once.
fn is_text(key: &[u8]) -> bool {
    key.is_ascii() || std::str::from_utf8(key).is_ok()
}

/// A buffer to be written to through `Arc::make_mut`, which is a borrow and no copy while it is not shared.
fn zeroed(len: usize) -> Arc<[u8]> {
    std::iter::repeat_n(0, len).collect()
}

/// Writes a piece, and gives back what follows it.
fn write<'a>(bytes: &'a mut [u8], piece: &[u8]) -> &'a mut [u8] {
    let (place, rest) = bytes.split_at_mut(piece.len());
    place.copy_from_slice(piece);
    rest
}

/// So many keys are compared one by one, without an allocation: more are rare.
const FEW: usize = 16;

/// The keys of a buffer as far as it is read.
#[derive(Default)]
struct Keys<'a> {
    first: [&'a [u8]; FEW],
    len: usize,
    others: Option<HashSet<&'a [u8]>>,
}

impl<'a> Keys<'a> {
    /// Adds a key; `false` if it is there already.
    fn insert(&mut self, key: &'a [u8]) -> bool {
        if self.first[..self.len].contains(&key) {
            return false;
        }
        if self.len == FEW {
            return self.others.get_or_insert_default().insert(key);
        }
        self.first[self.len] = key;
        self.len += 1;
        true
    }
}

struct Entry<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

impl Entry<'_> {
    const fn len(&self) -> usize {
        HEADER + self.key.len() + self.value.len()
    }
}

/// The lengths before a key and its value; `None` if either is too long to be encoded.
fn header(key: &str, value: &[u8]) -> Option<[u8; HEADER]> {
    let key_len = u8::try_from(key.len()).ok()?;
    let [a, b, c, d] = u32::try_from(value.len()).ok()?.to_le_bytes();
    Some([key_len, a, b, c, d])
}

/// The first entry and what follows it; `None` if there is no whole entry.
fn split(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let ([key_len, value_len @ ..], rest) = bytes.split_first_chunk::<HEADER>()?;
    let (key, rest) = rest.split_at_checked(usize::from(*key_len))?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*value_len) as usize)?;
    Some((Entry { key, value }, rest))
}

/// A buffer is not a sequence of whole entries with distinct UTF-8 keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not session data of this format")]
pub struct InvalidData(());

const _: () = assert!(MAX_KEY_LEN == u8::MAX as usize, "a key's length is written in one byte");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use quickcheck::{Arbitrary, Gen};

    use super::*;
    use crate::testing::random::{check, word};

    #[derive(Debug, Clone)]
    enum Step {
        With(String, Vec<u8>),
        Without(String),
    }

    impl Arbitrary for Step {
        fn arbitrary(g: &mut Gen) -> Self {
            let key = word("abcde", 2, g);
            if bool::arbitrary(g) { Self::With(key, Vec::arbitrary(g)) } else { Self::Without(key) }
        }
    }

    #[test]
    fn data_behave_like_a_map() {
        fn holds(steps: Vec<Step>) {
            let (mut data, mut model) = (Data::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::With(key, value) => {
                        data = data.with(&key, &value).unwrap();
                        model.insert(key, value);
                    }
                    Step::Without(key) => {
                        data = data.without(&key);
                        model.remove(&key);
                    }
                }
                let seen: BTreeMap<_, _> = data.iter().map(|(k, v)| (k.to_owned(), v.to_vec())).collect();
                assert_eq!(seen, model);
                assert_eq!(data.is_empty(), model.is_empty());
                assert_eq!(Data::from_bytes(data.as_bytes()).unwrap(), data);
            }
        }
        check(holds as fn(Vec<Step>));
    }

    #[test]
    fn hostile_bytes_are_refused_or_read_exactly() {
        fn holds(bytes: Vec<u8>) {
            if let Ok(data) = Data::from_bytes(&bytes) {
                assert_eq!(data.as_bytes(), bytes);
            }
        }
        check(holds as fn(Vec<u8>));
    }

    #[test]
    fn a_truncated_or_doubled_entry_is_refused() {
        let data = Data::default().with("key", b"1").unwrap();
        for end in 1..data.len() {
            assert!(Data::from_bytes(&data.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(Data::from_bytes(&data.as_bytes().repeat(2)).is_err());
        let many = (0..3 * FEW).fold(Data::default(), |data, n| data.with(&format!("k{n}"), b"1").unwrap());
        assert!(Data::from_bytes(many.as_bytes()).is_ok());
        for (key, value) in many.iter() {
            let doubled = [many.as_bytes(), Data::default().with(key, value).unwrap().as_bytes()].concat();
            assert!(Data::from_bytes(&doubled).is_err(), "{key}");
        }
    }

    #[test]
    fn debug_shows_neither_keys_nor_values() {
        let data = Data::default().with("card", b"\"4111\"").unwrap();
        assert_eq!(format!("{data:?}"), "Data(1 entries, 15 bytes)");
    }
}
