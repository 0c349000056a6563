//! A log of revocations in the memory of a process: [`MemoryRevocationLog`].

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::{
    error::StoreError,
    store::{RevocationLog, RevocationPage, Revoked, Scope, StoreContext, next_sequence},
    time::Timestamp,
};

/// How many entries an append removes at most whose time has passed.
const REMOVED_AT_ONCE: usize = 8;

/// A log of revocations in the memory of this process: for one server, and for tests.
///
/// A clone is another handle of the same log. A restart forgets it, so a session that was ended before is good again after it, if somebody has kept its
/// token. The [guarantees](crate::SessionStore::guarantees) of a store with this log say so.
#[derive(Debug, Clone, Default)]
pub struct MemoryRevocationLog(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    by_number: BTreeMap<u64, Revoked>,
    expiring: BinaryHeap<Reverse<(Timestamp, u64)>>,
}

impl MemoryRevocationLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, call: impl FnOnce(&mut Entries) -> T) -> T {
        // Nothing that is done under the lock leaves it half done.
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entries {
    fn append(&mut self, entry: &Revoked, now: Timestamp) -> u64 {
        self.remove_some(now);
        self.last = next_sequence(self.last, now);
        self.by_number.insert(self.last, *entry);
        self.expiring.push(Reverse((entry.keep_until, self.last)));
        self.last
    }

    fn remove_some(&mut self, now: Timestamp) {
        for _ in 0..REMOVED_AT_ONCE {
            match self.expiring.peek() {
                Some(Reverse((until, number))) if *until <= now => self.by_number.remove(number),
                _ => return,
            };
            self.expiring.pop();
        }
    }
}

#[async_trait]
impl RevocationLog for MemoryRevocationLog {
    fn scope(&self) -> Scope {
        Scope::Process
    }

    fn survives_restart(&self) -> bool {
        false
    }

    async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<u64, StoreError> {
        Ok(self.with(|entries| entries.append(entry, cx.now)))
    }

    async fn read(&self, after: u64, _: StoreContext) -> Result<RevocationPage, StoreError> {
        Ok(self.with(|entries| {
            let later = entries.by_number.range((Bound::Excluded(after), Bound::Unbounded));
            let entries_after = later.map(|(number, entry)| (*number, *entry)).collect();
            RevocationPage { entries: entries_after, read_to: entries.last, is_last: true }
        }))
    }
}
