//! Which stored values a request has looked at, so that a blind write over one that changed is noticed.
//!
//! [`Reads`] are those of what was loaded, [`Seen`] those of a session that has changed since.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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

    /// The keys that were looked up in `data`.
    pub(crate) fn keys(&self, data: &Data) -> Vec<Box<str>> {
        let mut keys = self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let entries = data.iter().map(|(key, _)| key).filter(|key| self.contains(data, key));
        keys.extend(entries.map(Box::from));
        keys
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

/// The keys that were read in a session that has changed, and what has become of their values.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<Box<str>, Sight>);

/// What a handler knows of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It has seen the value that a write would replace.
    Current,
    /// A save brought another value than the one that it has seen.
    Outdated,
}

impl Seen {
    /// Notes a look at `key`.
    pub(crate) fn add(&mut self, key: &str) {
        match self.0.get_mut(key) {
            Some(sight) => *sight = Sight::Current,
            None => drop(self.0.insert(key.into(), Sight::Current)),
        }
    }

    /// Notes an earlier look at `key`.
    pub(crate) fn add_earlier(&mut self, key: Box<str>) {
        self.0.entry(key).or_insert(Sight::Current);
    }

    pub(crate) fn get(&self, key: &str) -> Option<Sight> {
        self.0.get(key).copied()
    }

    /// Notes that a save put `new` in place of what was shown before.
    pub(crate) fn compare(&mut self, shown: &Data, new: &Data) {
        for (key, sight) in &mut self.0 {
            if shown.get(key) != new.get(key) {
                *sight = Sight::Outdated;
            }
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
