//! What a cache knows of some of its sessions: [`Shard`].
//!
//! The calls that are under way are kept apart from the records, so that reads of sessions that do not exist displace nothing.

use std::{collections::HashMap, mem, sync::Weak};

use foldhash::fast::RandomState;
use subtle::ConstantTimeEq as _;

use super::flight::{Flight, Read};
use crate::{id::SessionId, record::Record, secret::Secret, store::ReferenceToken, time::Timestamp};

/// Records, and reads that are under way.
#[derive(Debug)]
pub(super) struct Shard {
    young: Generation,
    old: Generation,
    pending: HashMap<SessionId, Vec<PendingRead>, RandomState>,
    half: Half,
}

/// What is known of a session.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Record,
    /// When the store was asked for it.
    pub(super) asked_at: Timestamp,
    /// Whether it may have changed since, so that it only counts while the store cannot be asked.
    pub(super) is_doubtful: bool,
}

/// A read that is under way.
#[derive(Debug)]
pub(super) struct PendingRead {
    pub(super) read: Read,
    pub(super) secret: Secret,
    pub(super) flight: Weak<Flight>,
}

/// Records that were kept in the same period. When the young ones are half of what may be kept, they become the old ones, and
/// those are dropped. A record that is read meanwhile becomes young again.
#[derive(Debug, Default)]
struct Generation {
    entries: HashMap<SessionId, Entry, RandomState>,
    bytes: usize,
}

/// Half of what may be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    pub(super) sessions: usize,
    pub(super) bytes: usize,
}

/// What a session counts beside its data and its subject's name, in bytes.
const FIXED_LEN: usize = 400;

fn size(record: &Record) -> usize {
    FIXED_LEN.saturating_add(record.variable_len())
}

impl Shard {
    pub(super) fn new(half: Half) -> Self {
        let (young, old) = (Generation::default(), Generation::default());
        Self { young, old, pending: HashMap::default(), half }
    }

    pub(super) fn get(&mut self, id: &SessionId) -> Option<&Entry> {
        if let Some(entry) = self.old.remove(id) {
            self.put(entry);
        }
        self.young.entries.get(id)
    }

    pub(super) fn put(&mut self, entry: Entry) {
        let (id, size) = (entry.record.id(), size(&entry.record));
        self.remove_entry(&id);
        if self.half.sessions == 0 || size > self.half.bytes {
            return;
        }
        if self.young.entries.len() >= self.half.sessions || self.young.bytes + size > self.half.bytes {
            self.old = mem::take(&mut self.young);
        }
        self.young.bytes += size;
        self.young.entries.insert(id, entry);
    }

    /// The last read that is under way with this token.
    pub(super) fn pending(&self, token: &ReferenceToken) -> Option<&PendingRead> {
        let reads = self.pending.get(&token.id())?;
        reads.iter().rev().find(|pending| pending.secret.ct_eq(token.secret()).into())
    }

    /// Notes that a read is under way.
    pub(super) fn begin_read(&mut self, pending: PendingRead) {
        self.pending.entry(pending.read.id).or_default().push(pending);
    }

    /// Notes that a read is over; whether nothing has outdated it meanwhile.
    pub(super) fn end_read(&mut self, read: Read) -> bool {
        let Some(reads) = self.pending.get_mut(&read.id) else { return false };
        let before = reads.len();
        reads.retain(|pending| pending.read.number != read.number);
        let was_pending = reads.len() < before;
        if reads.is_empty() {
            self.pending.remove(&read.id);
        }
        was_pending
    }

    /// Forgets a session, and that it is being read.
    pub(super) fn remove(&mut self, id: &SessionId) {
        self.pending.remove(id);
        self.remove_entry(id);
    }

    /// From now on a session counts only while the store cannot be asked. That it is being read is forgotten.
    pub(super) fn doubt(&mut self, id: &SessionId) {
        self.pending.remove(id);
        for generation in [&mut self.young, &mut self.old] {
            if let Some(entry) = generation.entries.get_mut(id) {
                entry.is_doubtful = true;
            }
        }
    }

    /// As [`remove`](Self::remove), for all sessions.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.half);
    }

    /// As [`doubt`](Self::doubt), for all sessions; those that did not count only by their own age were right at `confirmed`.
    pub(super) fn doubt_all(&mut self, confirmed: Option<Timestamp>) {
        self.pending.clear();
        for generation in [&mut self.young, &mut self.old] {
            for entry in generation.entries.values_mut().filter(|entry| !entry.is_doubtful) {
                entry.is_doubtful = true;
                entry.asked_at = confirmed.map_or(entry.asked_at, |confirmed| confirmed.max(entry.asked_at));
            }
        }
    }

    fn remove_entry(&mut self, id: &SessionId) {
        self.young.remove(id);
        self.old.remove(id);
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let entries = self.young.entries.values().chain(self.old.entries.values());
        let sum = self.young.bytes + self.old.bytes;
        assert_eq!(entries.map(|entry| size(&entry.record)).sum::<usize>(), sum);
        assert!(self.pending.is_empty());
        sum
    }
}

impl Generation {
    fn remove(&mut self, id: &SessionId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.bytes -= size(&entry.record);
        Some(entry)
    }
}
