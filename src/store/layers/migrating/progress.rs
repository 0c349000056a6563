//! How far a migration has come, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a [`MigratingStore`](super::MigratingStore) and its clones have done since it was created.
///
/// The numbers are those of one server. When no server reads from the old store any more, the migration can be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Loads that found their session in the new store, or by a token of it.
    pub read_from_new: u64,
    /// Loads that found their session in the old store, or by a token of it.
    pub read_from_old: u64,
    /// Sessions that moved.
    pub moved: u64,
    /// Writes that should have moved their session and left it where it was, because the new store had no room for it or has not
    /// yet swept what an earlier move left there.
    pub stayed: u64,
    /// Logouts that both stores have confirmed.
    pub ended_on_both: u64,
}

/// The counters behind a [`Progress`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    read_from_new: AtomicU64,
    read_from_old: AtomicU64,
    moved: AtomicU64,
    stayed: AtomicU64,
    ended_on_both: AtomicU64,
}

/// An event that is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    ReadFromNew,
    ReadFromOld,
    Moved,
    Stayed,
    EndedOnBoth,
}

impl Tally {
    pub(super) fn count(&self, event: Event) {
        let number = match event {
            Event::ReadFromNew => &self.read_from_new,
            Event::ReadFromOld => &self.read_from_old,
            Event::Moved => &self.moved,
            Event::Stayed => &self.stayed,
            Event::EndedOnBoth => &self.ended_on_both,
        };
        number.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn progress(&self) -> Progress {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Progress {
            read_from_new: read(&self.read_from_new),
            read_from_old: read(&self.read_from_old),
            moved: read(&self.moved),
            stayed: read(&self.stayed),
            ended_on_both: read(&self.ended_on_both),
        }
    }
}
