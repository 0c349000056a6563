//! The sessions in memory: a map in shards, with a bound for each.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{entry::Entry, options::WriteBehindOptions};
use crate::{id::SessionId, record::Record};

/// Enough that threads seldom wait for each other; a map of a few sessions has fewer.
const MOST_SHARDS: usize = 64;

/// What a session counts beside its data and its subject's name, in bytes.
const FIXED_LEN: usize = 512;

/// How many sessions are looked at for one to drop.
const MOST_LOOKS: usize = 32;

fn size(record: &Record) -> usize {
    FIXED_LEN.saturating_add(record.variable_len())
}

/// The sessions in memory.
pub(super) struct Sessions(Box<[Mutex<Shard>]>);

#[derive(Debug)]
struct Shard {
    entries: HashMap<SessionId, Entry>,
    /// The order in which they are looked at when there is no room. It may name some that are gone.
    order: VecDeque<SessionId>,
    bytes: usize,
    most_sessions: usize,
    most_bytes: usize,
}

impl Sessions {
    pub(super) fn new(options: &WriteBehindOptions) -> Self {
        let shards = options.sessions.clamp(1, MOST_SHARDS);
        let (most_sessions, most_bytes) = (options.sessions / shards, options.bytes / shards);
        Self((0..shards).map(|_| Mutex::new(Shard::new(most_sessions, most_bytes))).collect())
    }

    /// Looks at a session, or changes it.
    pub(super) fn with<T>(&self, id: &SessionId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut shard = self.shard(id);
        let entry = shard.entries.get_mut(id)?;
        let before = size(&entry.record);
        let answer = change(entry);
        let after = size(&entry.record);
        shard.bytes = (shard.bytes + after).saturating_sub(before);
        Some(answer)
    }

    /// Keeps a session, if there is room. One that is there is replaced, whatever the room.
    pub(super) fn put(&self, entry: Entry) {
        let mut shard = self.shard(&entry.record.id());
        shard.put(entry);
    }

    /// Keeps a session, unless it is there.
    pub(super) fn put_new(&self, entry: Entry) {
        let mut shard = self.shard(&entry.record.id());
        if !shard.entries.contains_key(&entry.record.id()) {
            shard.put(entry);
        }
    }

    pub(super) fn remove(&self, id: &SessionId) -> Option<Entry> {
        self.shard(id).remove(id)
    }

    /// Those with changes that wait, or are on their way.
    pub(super) fn unsaved(&self) -> Vec<SessionId> {
        let mut unsaved = Vec::new();
        for shard in &*self.0 {
            let shard = lock(shard);
            let busy = shard.entries.iter().filter(|(_, entry)| entry.is_unsaved());
            unsaved.extend(busy.map(|(id, _)| *id));
        }
        unsaved
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|shard| lock(shard).entries.len()).sum()
    }

    fn shard(&self, id: &SessionId) -> MutexGuard<'_, Shard> {
        // IDs are random.
        lock(&self.0[usize::from(id.as_bytes()[1]) % self.0.len()])
    }
}

/// Nothing that is done under the lock panics halfway, so a poisoned lock guards a whole shard.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn new(most_sessions: usize, most_bytes: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), bytes: 0, most_sessions, most_bytes }
    }

    fn put(&mut self, entry: Entry) {
        let (id, size) = (entry.record.id(), size(&entry.record));
        if self.remove(&id).is_none() && !self.make_room(size) {
            return;
        }
        self.bytes += size;
        self.entries.insert(id, entry);
        self.order.push_back(id);
        if self.order.len() > 2 * self.entries.len() + MOST_LOOKS {
            self.order = self.entries.keys().copied().collect();
        }
    }

    fn remove(&mut self, id: &SessionId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.bytes = self.bytes.saturating_sub(size(&entry.record));
        Some(entry)
    }

    /// Drops sessions that the store has as they are, those first that were not used lately.
    fn make_room(&mut self, size: usize) -> bool {
        for _ in 0..MOST_LOOKS {
            if self.entries.len() < self.most_sessions && self.bytes.saturating_add(size) <= self.most_bytes {
                return true;
            }
            let Some(id) = self.order.pop_front() else { return false };
            match self.entries.get_mut(&id) {
                None => {}
                Some(entry) if entry.is_used || !entry.is_idle() => {
                    entry.is_used = false;
                    self.order.push_back(id);
                }
                Some(_) => drop(self.remove(&id)),
            }
        }
        false
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{id::WriteId, record::Lifetime, secret::Secret, time::Timestamp};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn entry(number: u8) -> Entry {
        let lifetime = Lifetime { idle: Duration::from_secs(60), absolute: Duration::from_secs(3600) };
        let id = SessionId::from_bytes([number; 16]);
        let record = Record::new(id, Secret::from_bytes([2; 16]), WriteId::from_u64(1), lifetime, NOW);
        Entry::stored(record.settled(), true, NOW)
    }

    #[test]
    fn the_sessions_are_bounded_and_those_in_use_stay() {
        let sessions = Sessions::new(&WriteBehindOptions { sessions: 1, ..WriteBehindOptions::default() });
        sessions.put(entry(1));
        sessions.put(entry(2));
        assert_eq!(sessions.with(&SessionId::from_bytes([1; 16]), |_| ()), None, "it gave way");
        sessions.with(&SessionId::from_bytes([2; 16]), Entry::begin_end).unwrap();
        sessions.put(entry(3));
        assert_eq!(sessions.len(), 1);
        assert!(sessions.with(&SessionId::from_bytes([2; 16]), |_| ()).is_some(), "it is being ended");
    }

    #[test]
    fn the_bytes_are_bounded_and_the_order_does_not_grow() {
        let options = WriteBehindOptions { sessions: 1000, bytes: 64 * 600, ..WriteBehindOptions::default() };
        let sessions = Sessions::new(&options);
        for _ in 0..200 {
            (0..=255).for_each(|number| sessions.put(entry(number)));
            (0..=255).for_each(|number| drop(sessions.remove(&SessionId::from_bytes([number; 16]))));
        }
        (0..=255).for_each(|number| sessions.put(entry(number)));
        assert_eq!(sessions.len(), 64);
        assert!(sessions.0.iter().all(|shard| shard.lock().unwrap().order.len() <= MOST_LOOKS + 3));
    }
}
