//! Inspecting tickets: how garbage goes without a background task.
//!
//! Whatever makes the map grow inspects the next few tickets of every queue. What has expired is removed; anything else is put at
//! the end of the queue where it now belongs. So a queue is gone through at least as fast as it grows, the garbage in
//! it stays in proportion to what is alive, and no jump of the clock sweeps more than a few sessions at once.

use super::{
    slot::Slot,
    state::SharedState,
    sweep_queue::{Queue, Tickets},
};
use crate::{id::SessionId, time::Timestamp};

/// How many tickets of each queue one write inspects: more than the one it may add, so that what a flood left behind
/// shrinks.
const PER_QUEUE: usize = 2;

/// What becomes of an inspected slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Keep,
    /// It goes, and the search goes on.
    Sweep,
    /// It goes, and is what was searched for.
    Take,
}

impl Fate {
    /// Garbage goes, and nothing else does.
    fn of(slot: &Slot, now: Timestamp) -> Self {
        if slot.is_over(now) { Self::Sweep } else { Self::Keep }
    }
}

impl SharedState {
    /// The share of sweeping that every write does which may make the map grow.
    pub(super) fn sweep(&self, tickets: &mut Tickets, now: Timestamp) {
        for queue in Queue::ALL {
            self.search(tickets, queue, PER_QUEUE, |slot| Fate::of(slot, now));
        }
    }

    /// Inspects the next tickets of a queue, each at most once, until one is taken; whether one was.
    pub(super) fn search(
        &self,
        tickets: &mut Tickets,
        queue: Queue,
        at_most: usize,
        fate: impl Fn(&Slot) -> Fate,
    ) -> bool {
        for _ in 0..at_most.min(tickets.len(queue)) {
            let Some(ticket) = tickets.take(queue) else { break };
            if self.inspect(tickets, ticket, &fate) == Fate::Take {
                return true;
            }
        }
        false
    }

    /// Decides the fate of the slot behind one ticket, under its shard's lock so that no visit comes in between.
    fn inspect(&self, tickets: &mut Tickets, ticket: SessionId, fate: impl Fn(&Slot) -> Fate) -> Fate {
        let mut seen = None;
        let removed = self.slots.remove_if(&ticket, |slot| {
            let fate = fate(slot);
            seen = Some((fate, slot.queue()));
            fate != Fate::Keep
        });
        if let Some(slot) = removed {
            self.settle(tickets, ticket, slot);
        }
        match seen {
            Some((Fate::Keep, queue)) => {
                tickets.put(queue, ticket);
                Fate::Keep
            }
            Some((fate, _)) => fate,
            None => Fate::Sweep,
        }
    }
}
