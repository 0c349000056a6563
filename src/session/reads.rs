//! Which stored values a request has looked at, so that a blind write over one that changed is noticed.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::record::Data;

/// The keys that were read: a bit for each entry of the loaded data, a list for keys that were not there.
///
/// The bits keep a read free of locks; only the rare look at a missing key takes one.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    entries: AtomicU64,
    missing: Mutex<Vec<Box<str>>>,
}

/// The bit of an entry; entries beyond the 63rd share the last one, so they err towards "was read".
fn bit(entry: usize) -> u64 {
    1 << entry.min(63)
}

impl Reads {
    /// Looks `key` up in `data` and remembers that.
    pub(crate) fn get<'a>(&self, data: &'a Data, key: &str) -> Option<&'a [u8]> {
        let Some((entry, value)) = data.find(key) else {
            self.miss(key);
            return None;
        };
        if self.entries.load(Ordering::Relaxed) & bit(entry) == 0 {
            self.entries.fetch_or(bit(entry), Ordering::Relaxed);
        }
        Some(value)
    }

    fn miss(&self, key: &str) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if !missing.iter().any(|known| **known == *key) {
            missing.push(key.into());
        }
    }

    /// Whether `key` was looked up in `data`.
    pub(crate) fn contains(&self, data: &Data, key: &str) -> bool {
        match data.find(key) {
            Some((entry, _)) => self.entries.load(Ordering::Relaxed) & bit(entry) != 0,
            None => self
                .missing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(|known| **known == *key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_was_looked_at_was_read() {
        let data = Data::default().with("a", b"1").unwrap().with("b", b"2").unwrap();
        let reads = Reads::default();
        assert_eq!(reads.get(&data, "b"), Some(&b"2"[..]));
        assert_eq!(reads.get(&data, "x"), None);
        let read: Vec<bool> = ["a", "b", "x", "y"].iter().map(|key| reads.contains(&data, key)).collect();
        assert_eq!(read, [false, true, true, false]);
    }

    #[test]
    fn entries_beyond_the_63rd_err_towards_read() {
        let data = (0..70).fold(Data::default(), |data, n| data.with(&format!("k{n}"), b"0").unwrap());
        let reads = Reads::default();
        reads.get(&data, "k69");
        assert!(reads.contains(&data, "k65"));
        assert!(!reads.contains(&data, "k1"));
    }
}
