//! The map: slots by ID, in shards that have a lock each.
//!
//! With many sessions a lookup mostly waits for memory. A general map holds the key beside each value; here an entry is two words,
//! and the ID is only in the record, which a lookup reads anyway. So more of the map fits in the cache. A few bits of the ID's hash
//! are stored beside the slot, so that neither a lookup that finds nothing nor a map that grows has to read a record.

use std::{
    hash::BuildHasher as _,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::slot::{Mark, Slot};
use crate::id::SessionId;

/// Enough that two of a large machine's cores seldom meet at one; a power of two.
const SHARDS: usize = 64;

/// Slots by ID. What is done with one is done under the lock of its shard, and takes no other lock.
#[derive(Debug)]
pub(super) struct Slots {
    /// Seeded at random, so that no client can choose IDs that collide.
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

/// On a cache line of its own, so that its neighbours' locks are not heard.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(RwLock<HashTable<Slot>>);

impl Default for Slots {
    fn default() -> Self {
        Self { hasher: RandomState::default(), shards: std::array::from_fn(|_| Shard::default()) }
    }
}

impl Slots {
    /// Looks at the slot under an ID.
    pub(super) fn read<T>(&self, id: &SessionId, look: impl FnOnce(&Slot) -> T) -> Option<T> {
        let (shard, mark) = self.place(id);
        shard.read().find(mark.spread(), |slot| slot.is(mark, id)).map(look)
    }

    /// Changes the slot under an ID.
    pub(super) fn change<T>(&self, id: &SessionId, change: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let (shard, mark) = self.place(id);
        shard.write().find_mut(mark.spread(), |slot| slot.is(mark, id)).map(change)
    }

    /// Puts a slot where its ID belongs; returns the one that it replaces.
    pub(super) fn insert(&self, id: &SessionId, slot: impl FnOnce(Mark) -> Slot) -> Option<Slot> {
        let (shard, mark) = self.place(id);
        let (slot, mut table) = (slot(mark), shard.write());
        match table.find_mut(mark.spread(), |slot| slot.is(mark, id)) {
            Some(old) => Some(std::mem::replace(old, slot)),
            None => {
                table.insert_unique(mark.spread(), slot, |slot| slot.mark().spread());
                None
            }
        }
    }

    /// Removes the slot under an ID if it is to go.
    pub(super) fn remove_if(&self, id: &SessionId, goes: impl FnOnce(&Slot) -> bool) -> Option<Slot> {
        let (shard, mark) = self.place(id);
        let mut table = shard.write();
        let found = table.find_entry(mark.spread(), |slot| slot.is(mark, id)).ok()?;
        goes(found.get()).then(|| found.remove().0)
    }

    /// What `look` takes from each slot, one shard after the other.
    pub(super) fn collect<T>(&self, look: impl Fn(&Slot) -> Option<T>) -> Vec<T> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(shard.read().iter().filter_map(&look));
        }
        all
    }

    /// Where an ID belongs: half of its hash says in which shard, the other half where there.
    fn place(&self, id: &SessionId) -> (&Shard, Mark) {
        let [shard, _, _, _, mark @ ..] = self.hasher.hash_one(id).to_le_bytes();
        (&self.shards[usize::from(shard) % SHARDS], Mark::from(mark))
    }
}

impl Shard {
    // Nothing that is done under the lock panics halfway, so one who panicked elsewhere has left the table whole.

    fn read(&self) -> RwLockReadGuard<'_, HashTable<Slot>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashTable<Slot>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
