//! The index of sessions by subject.
//!
//! A write that makes a session one of a subject's holds that subject's page open while the slot is written, so that the
//! two change as one. An entry goes only when its session is seen to have gone, with the page held again. So a session
//! is never without its entry; an entry may for a moment be without its session, and readers check.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::id::SessionId;

/// Enough that two subjects seldom meet in one.
const VOLUMES: usize = 64;

/// The pages of some subjects, under one lock.
type Volume = HashMap<Arc<str>, Vec<SessionId>>;

/// The IDs of each subject's sessions.
///
/// Hashed by the standard library's keyed hash: subjects may choose their names, unlike session IDs.
#[derive(Debug)]
pub(super) struct Subjects {
    hasher: RandomState,
    volumes: [Mutex<Volume>; VOLUMES],
}

impl Default for Subjects {
    fn default() -> Self {
        Self { hasher: RandomState::new(), volumes: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Subjects {
    /// The page of a subject, locked until it is dropped.
    pub(super) fn open(&self, subject: Arc<str>) -> Page<'_> {
        Page { volume: self.volume(&subject), subject }
    }

    /// The IDs on a subject's page.
    pub(super) fn read(&self, subject: &str) -> Vec<SessionId> {
        self.volume(subject).get(subject).cloned().unwrap_or_default()
    }

    /// The number of IDs on a subject's page.
    pub(super) fn count(&self, subject: &str) -> usize {
        self.volume(subject).get(subject).map_or(0, Vec::len)
    }

    /// Strikes an ID off a subject's page, if it is `gone` while the page is held.
    pub(super) fn forget(&self, subject: &str, id: SessionId, gone: impl FnOnce() -> bool) {
        let mut volume = self.volume(subject);
        let Some(ids) = volume.get_mut(subject) else { return };
        if gone() {
            ids.retain(|entry| *entry != id);
        }
        if ids.is_empty() {
            volume.remove(subject);
        }
    }

    fn volume(&self, subject: &str) -> MutexGuard<'_, Volume> {
        let [at, ..] = self.hasher.hash_one(subject).to_le_bytes();
        // Nothing that is done under the lock panics halfway.
        self.volumes[usize::from(at) % VOLUMES].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let volumes = self.volumes.iter().map(|volume| volume.lock().unwrap());
        volumes.map(|volume| volume.values().map(Vec::len).sum::<usize>()).sum()
    }
}

/// The page of one subject, held open.
pub(super) struct Page<'a> {
    volume: MutexGuard<'a, Volume>,
    subject: Arc<str>,
}

impl Page<'_> {
    /// Enters an ID and closes the page.
    pub(super) fn enter(mut self, id: SessionId) {
        let ids = self.volume.entry(self.subject).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}
