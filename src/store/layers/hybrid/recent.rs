//! What this node knows of sessions that changed a short time ago, so that it does not believe older tokens of them.
//!
//! Without it the bound holds all the same. With it a client that stays on one node never sees a change, a login or a logout undone:
//! [`Recent`] remembers the version that a session has at least, for as long as an older token could be believed. The memory
//! is bounded. What is forgotten early raises a floor: no token from before that moment is believed any more, whosever it is.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::window::Window;
use crate::{id::SessionId, record::Record, time::Timestamp};

/// Enough that requests of different sessions seldom wait for each other.
const SHARDS: usize = 16;

/// How many changes are remembered in each shard: together about 5 MB.
const MOST_CHANGES: usize = 4096;

/// The sessions that have changed a short time ago.
#[derive(Debug)]
pub(super) struct Recent {
    shards: [Mutex<Shard>; SHARDS],
    most: usize,
}

#[derive(Debug)]
struct Shard {
    changes: HashMap<SessionId, Change>,
    /// The oldest first.
    order: VecDeque<(Timestamp, SessionId)>,
    /// No token is believed from this moment or before.
    floor: Timestamp,
}

/// A session was written at that time.
#[derive(Debug, Clone, Copy)]
struct Change {
    at: Timestamp,
    /// The version that it has at least.
    counter: u64,
}

impl Default for Shard {
    fn default() -> Self {
        Self { changes: HashMap::new(), order: VecDeque::new(), floor: Timestamp::MIN }
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::of(MOST_CHANGES)
    }
}

impl Recent {
    fn of(most: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), most }
    }

    /// Notes that a session has this version at least; the greatest is that of an ended one.
    pub(super) fn note(&self, id: &SessionId, counter: u64, window: Window, now: Timestamp) {
        let mut shard = self.shard(id);
        shard.forget(self.most, window, now);
        let known = shard.changes.get(id).map_or(0, |change| change.counter);
        shard.changes.insert(*id, Change { at: now, counter: counter.max(known) });
        shard.order.push_back((now, *id));
    }

    /// Whether a token from that moment may still have the latest state, as far as this node knows.
    pub(super) fn allows(&self, record: &Record, as_of: Timestamp) -> bool {
        let shard = self.shard(&record.id());
        as_of > shard.floor
            && shard.changes.get(&record.id()).is_none_or(|change| record.version().counter >= change.counter)
    }

    fn shard(&self, id: &SessionId) -> MutexGuard<'_, Shard> {
        // IDs are random, and nothing that is done under the lock panics halfway.
        let at = usize::from(id.as_bytes()[0]) % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Forgets what no token from before could contradict any more, and whatever there is no room for.
    fn forget(&mut self, most: usize, window: Window, now: Timestamp) {
        while let Some(&(at, id)) = self.order.front() {
            let is_over = now.since(at) > window.length + Duration::from_millis(1);
            if !is_over && self.order.len() < most {
                break;
            }
            self.order.pop_front();
            if self.changes.get(&id).is_some_and(|change| change.at <= at) {
                self.changes.remove(&id);
                if !is_over {
                    // A token of a server whose clock is ahead may claim to be from later.
                    self.floor = self.floor.max(at + window.leeway);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::WriteId, record::Lifetime, secret::Secret};

    const WINDOW: Window = Window { length: Duration::from_secs(60), leeway: Duration::from_secs(5) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1000 * second)
    }

    /// The first state of a session; all are in one shard.
    fn record(number: u8) -> Record {
        let mut id = [0; 16];
        id[1] = number;
        let lifetime = Lifetime { idle: Duration::MAX, absolute: Duration::MAX };
        let (id, secret) = (SessionId::from_bytes(id), Secret::from_bytes([1; 16]));
        Record::new(id, secret, WriteId::from_u64(1), lifetime, at(0))
    }

    #[test]
    fn an_older_state_is_not_believed_and_the_latest_is() {
        let recent = Recent::default();
        let (old, other) = (record(1), record(2));
        let next = old.successor(WriteId::from_u64(2)).finish();
        recent.note(&old.id(), next.version().counter, WINDOW, at(1));
        assert!(!recent.allows(&old, at(1)));
        assert!(recent.allows(&next, at(1)) && recent.allows(&other, at(1)));
        recent.note(&old.id(), 1, WINDOW, at(2));
        assert!(!recent.allows(&old, at(2)), "a lower version that is noted later takes nothing back");
        recent.note(&old.id(), u64::MAX, WINDOW, at(3));
        assert!(!recent.allows(&next, at(3)), "an ended one has none");
    }

    #[test]
    fn what_no_token_could_contradict_is_forgotten() {
        let recent = Recent::default();
        recent.note(&record(1).id(), u64::MAX, WINDOW, at(0));
        recent.note(&record(2).id(), u64::MAX, WINDOW, at(60));
        assert!(!recent.allows(&record(1), at(0)), "at the end of the window");
        recent.note(&record(2).id(), u64::MAX, WINDOW, at(61));
        assert!(recent.allows(&record(1), at(0)));
        let shard = recent.shard(&record(1).id());
        assert_eq!((shard.changes.len(), shard.order.len(), shard.floor), (1, 2, Timestamp::MIN));
    }

    #[test]
    fn where_there_is_no_room_no_older_token_is_believed_at_all() {
        let recent = Recent::of(3);
        for number in 0..4 {
            recent.note(&record(number).id(), u64::MAX, WINDOW, at(number.into()));
        }
        assert_eq!(recent.shard(&record(0).id()).changes.len(), 3);
        assert!(!recent.allows(&record(0), at(0)), "forgotten");
        assert!(!recent.allows(&record(9), at(5)), "the floor, with the leeway");
        assert!(recent.allows(&record(9), at(6)));
    }
}
