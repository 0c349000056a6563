//! Which stored values a handler has looked at, so that a blind write over one that has changed is noticed.

use crate::{key::MAX_KEY_LEN, record::Data};

/// The keys that were read, and what has become of their values.
///
/// A key of the data that the session is based on is a bit, so that an ordinary read allocates nothing.
#[derive(Debug, Default)]
pub(super) struct ReadSet {
    /// A bit for each entry of the data that was read.
    entries: u64,
    /// The keys that were read and that the data do not contain, up to [`MOST_NAMES`] of them.
    missing: Vec<Box<str>>,
    /// Whether there were more: then every key that the data do not contain counts as read.
    misses_many: bool,
    /// The keys whose values a save has changed since they were read. One that was read again is in the fields above, too.
    outdated: Vec<Box<str>>,
}

/// What a handler knows of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// It has not looked at it.
    Unseen,
    /// It has seen the value that a write would replace.
    Current,
    /// A save brought another value than the one that it has seen.
    Outdated,
}

/// How many names are kept of values that were looked for and not found. A handler may take them from its request.
const MOST_NAMES: usize = 64;

/// The bit of an entry. Entries beyond the 63rd share the last one: if in doubt, a value counts as read.
fn bit(entry: usize) -> u64 {
    1 << entry.min(63)
}

impl ReadSet {
    /// Notes a look at `key` in `data`.
    pub(super) fn add(&mut self, data: &Data, key: &str) {
        match data.find(key) {
            Some((entry, _)) => self.entries |= bit(entry),
            // No value has such a key.
            None if key.len() > MAX_KEY_LEN => {}
            None if self.missing.len() < MOST_NAMES => insert(&mut self.missing, key),
            None => self.misses_many = true,
        }
    }

    /// What the handler knows of the value of `key` in `data`.
    pub(super) fn sight(&self, data: &Data, key: &str) -> Sight {
        if self.has_read(data, key) {
            Sight::Current
        } else if contains(&self.outdated, key) {
            Sight::Outdated
        } else {
            Sight::Unseen
        }
    }

    fn has_read(&self, data: &Data, key: &str) -> bool {
        match data.find(key) {
            Some((entry, _)) => self.entries & bit(entry) != 0,
            None => self.misses_many || contains(&self.missing, key),
        }
    }

    /// Notes that a save has put `new` in place of `old`, and that the handler, who was shown `before`, is now shown `after`.
    pub(super) fn rebase(&mut self, [old, new]: [&Data; 2], [before, after]: [&Data; 2]) {
        let Self { entries, missing, misses_many, outdated } = std::mem::take(self);
        (self.misses_many, self.outdated) = (misses_many, outdated);
        let found = old.iter().enumerate().filter(|(entry, _)| entries & bit(*entry) != 0);
        for key in found.map(|(_, (key, _))| key).chain(missing.iter().map(|key| &**key)) {
            if before.get(key) == after.get(key) {
                self.add(new, key);
            } else {
                insert(&mut self.outdated, key);
            }
        }
    }
}

fn contains(keys: &[Box<str>], key: &str) -> bool {
    keys.iter().any(|known| **known == *key)
}

fn insert(keys: &mut Vec<Box<str>>, key: &str) {
    if !contains(keys, key) {
        keys.push(key.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(entries: &[(&str, &str)]) -> Data {
        let empty = Data::default();
        entries.iter().fold(empty, |data, (key, value)| data.with(key, value.as_bytes()).unwrap())
    }

    #[test]
    fn exactly_what_was_looked_at_was_read() {
        let data = data(&[("a", "1"), ("b", "2")]);
        let mut read = ReadSet::default();
        read.add(&data, "b");
        read.add(&data, "x");
        let sights = ["a", "b", "x", "y"].map(|key| read.sight(&data, key));
        assert_eq!(sights, [Sight::Unseen, Sight::Current, Sight::Current, Sight::Unseen]);
    }

    #[test]
    fn entries_beyond_the_63rd_err_towards_read() {
        let data = (0..70).fold(Data::default(), |data, n| data.with(&format!("k{n}"), b"0").unwrap());
        let mut read = ReadSet::default();
        read.add(&data, "k69");
        assert_eq!(read.sight(&data, "k65"), Sight::Current);
        assert_eq!(read.sight(&data, "k1"), Sight::Unseen);
    }

    #[test]
    fn of_many_names_that_were_looked_for_in_vain_few_are_kept() {
        let data = data(&[("a", "1")]);
        let mut read = ReadSet::default();
        read.add(&data, &"x".repeat(MAX_KEY_LEN + 1));
        (0..10_000).for_each(|n| read.add(&data, &format!("k{n}")));
        assert_eq!(read.missing.len(), MOST_NAMES);
        assert_eq!(read.sight(&data, "k9999"), Sight::Current);
        assert_eq!(read.sight(&data, "a"), Sight::Unseen);
    }

    #[test]
    fn a_changed_value_is_outdated_until_it_is_read_again() {
        let old = data(&[("a", "1"), ("b", "2")]);
        let new = data(&[("b", "2"), ("a", "3"), ("x", "4")]);
        let mut read = ReadSet::default();
        for key in ["a", "b", "x", "y"] {
            read.add(&old, key);
        }
        read.rebase([&old, &new], [&old, &new]);
        let sights = ["a", "b", "x", "y"].map(|key| read.sight(&new, key));
        assert_eq!(sights, [Sight::Outdated, Sight::Current, Sight::Outdated, Sight::Current]);
        read.add(&new, "a");
        assert_eq!(read.sight(&new, "a"), Sight::Current);
    }
}
