//! The queues in which slots wait to be inspected.
//!
//! Every slot of the map has exactly one ticket, its ID. A ticket may lag behind its slot: a session that has logged in
//! since keeps its place among the fresh ones until it is inspected there, and is queued where it belongs then.
//!
//! Each creation and each end inspects a few tickets: expired slots are removed, the others queue up again. The same queues
//! give the order of eviction. So there is no timer and no heap, expired slots are a constant share at most, and no jump of
//! the clock can empty the store at once.

use std::collections::VecDeque;

use super::budget::Class;
use crate::id::SessionId;

/// What kind of slot waits in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// Anonymous sessions whose token never came back.
    Fresh,
    /// Other anonymous sessions.
    Anonymous,
    /// Logged-in sessions.
    LoggedIn,
    /// Tombstones.
    Ended,
}

impl Queue {
    pub(super) const ALL: [Self; 4] = [Self::Fresh, Self::Anonymous, Self::LoggedIn, Self::Ended];

    /// Where a session of this class belongs whose token was never presented.
    pub(super) fn of_new(class: Class) -> Self {
        match class {
            Class::Anonymous => Self::Fresh,
            Class::LoggedIn => Self::LoggedIn,
        }
    }
}

/// One ticket for every slot, and the number of tombstones among them.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    queues: [VecDeque<SessionId>; 4],
    tombstones: usize,
}

impl Tickets {
    pub(super) fn put(&mut self, queue: Queue, ticket: SessionId) {
        self.queues[queue as usize].push_back(ticket);
    }

    pub(super) fn take(&mut self, queue: Queue) -> Option<SessionId> {
        self.queues[queue as usize].pop_front()
    }

    pub(super) fn len(&self, queue: Queue) -> usize {
        self.queues[queue as usize].len()
    }

    pub(super) fn tombstones(&self) -> usize {
        self.tombstones
    }

    pub(super) fn count_tombstone(&mut self) {
        self.tombstones += 1;
    }

    pub(super) fn uncount_tombstone(&mut self) {
        self.tombstones = self.tombstones.saturating_sub(1);
    }

    /// Every ticket, in no order.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &SessionId> {
        self.queues.iter().flatten()
    }
}
