//! The least that a lookup and a save can take: bytes in a bare map.
//!
//! Nothing is parsed, no secret is compared, no clock is read, nothing ever expires.

#![allow(dead_code, reason = "each bench uses the part it needs")]

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use foldhash::fast::RandomState;

use crate::{payload::Payload, visitors::Id};

/// Bytes by ID.
pub(crate) struct Map {
    bytes: HashMap<Id, Arc<[u8]>, RandomState>,
    /// Where the one number stands.
    number: Range<usize>,
}

impl Map {
    pub(crate) fn new(ids: &[Id], payload: Payload) -> Self {
        let (text, number) = payload.text();
        // In another order than that of the visits: else each visit finds the next one's bytes in the cache.
        let mut ids = ids.to_vec();
        ids.sort_unstable_by_key(|id| u128::from_le_bytes(*id));
        Self { bytes: ids.iter().map(|id| (*id, Arc::from(&*text))).collect(), number }
    }

    /// The bytes under an ID.
    pub(crate) fn get(&self, id: &Id) -> Arc<[u8]> {
        Arc::clone(&self.bytes[id])
    }

    /// Whether there is anything under an ID.
    pub(crate) fn has(&self, id: &Id) -> bool {
        self.bytes.contains_key(id)
    }

    /// The one number in them, read by code that knows its offset.
    pub(crate) fn number(&self, bytes: &[u8]) -> u32 {
        serde_json::from_slice(&bytes[self.number.clone()]).expect("the number is JSON")
    }

    fn put(&mut self, id: Id, bytes: Arc<[u8]>) {
        self.bytes.insert(id, bytes);
    }

    /// A copy of the bytes with the number counted on, and that number.
    fn counted(&self, mut bytes: Arc<[u8]>) -> (Arc<[u8]>, u32) {
        let number = self.number(&bytes) + 1;
        let next = serde_json::to_vec(&number).expect("a number is JSON");
        // The map holds them too, so this copies.
        Arc::make_mut(&mut bytes)[self.number.clone()].copy_from_slice(&next);
        (bytes, number)
    }
}

/// Bytes by ID, for several threads.
pub(crate) struct SharedMap(Mutex<Map>);

impl SharedMap {
    pub(crate) fn new(ids: &[Id], payload: Payload) -> Self {
        Self(Mutex::new(Map::new(ids, payload)))
    }

    /// Copy on write under one lock.
    pub(crate) fn count_at_once(&self, id: &Id) -> u32 {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, number) = map.counted(map.get(id));
        map.put(*id, next);
        number
    }

    /// Puts the bytes of one ID under another.
    pub(crate) fn swap(&self, old: &Id, new: Id) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = map.bytes.remove(old) {
            // Each has its own.
            map.put(new, Arc::from(&*bytes));
        }
    }

    /// The same as a request does it: it loads, a handler runs, it saves.
    pub(crate) fn load_count_save(&self, id: &Id) -> u32 {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = lock().get(id);
        let (next, number) = lock().counted(loaded);
        lock().put(*id, next);
        number
    }
}
