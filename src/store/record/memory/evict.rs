//! Making room when a budget is used up.
//!
//! Anonymous sessions give way to anonymous ones: first those whose token never came back, which is what a flood
//! consists of; then those not used since eviction last came by. Logged-in sessions give way to nothing. A session
//! that was evicted reads as unknown.

use super::{
    budget::Class,
    slot::Slot,
    state::SharedState,
    sweep::Fate,
    sweep_queue::{Queue, Tickets},
};
use crate::{id::SessionId, record::Record, time::Timestamp};

/// How many tickets of a queue one search for room inspects, so that no write is delayed for long.
const AT_MOST: usize = 128;

impl SharedState {
    /// Removes one session so that there is more room for `next`; whether there was one to remove.
    pub(super) fn make_room(&self, tickets: &mut Tickets, next: &Record, now: Timestamp) -> bool {
        match Class::of(next) {
            Class::Anonymous => self.evict_anonymous(tickets, next.id(), now),
            Class::LoggedIn => self.sweep_logged_in(tickets, now),
        }
    }

    /// Removes one anonymous session, but not the one that is being written.
    fn evict_anonymous(&self, tickets: &mut Tickets, written: SessionId, now: Timestamp) -> bool {
        let evict =
            |slot: &Slot, victim: bool| fate(slot, Class::Anonymous, victim && slot.id() != written, now);
        let never_back = |slot: &Slot| evict(slot, slot.queue() == Queue::Fresh);
        let no_second_chance = |slot: &Slot| evict(slot, !slot.spend_chance());
        let any = |slot: &Slot| evict(slot, true);

        self.search(tickets, Queue::Fresh, AT_MOST, never_back)
            || self.search(tickets, Queue::Anonymous, AT_MOST, no_second_chance)
            // So many were used lately that the first in line has to go, or its ticket lags behind.
            || [Queue::Anonymous, Queue::LoggedIn, Queue::Ended]
                .into_iter()
                .any(|queue| self.search(tickets, queue, AT_MOST, any))
    }

    /// Removes one logged-in session that has expired. Its ticket may lag behind in any queue.
    fn sweep_logged_in(&self, tickets: &mut Tickets, now: Timestamp) -> bool {
        let expired = |slot: &Slot| fate(slot, Class::LoggedIn, false, now);
        [Queue::LoggedIn, Queue::Fresh, Queue::Anonymous, Queue::Ended]
            .into_iter()
            .any(|queue| self.search(tickets, queue, AT_MOST, expired))
    }

    /// Drops tombstones beyond their number, those first that were inspected the longest ago.
    ///
    /// That is safe: `replace` and `touch` never create, so a late write finds nothing to bring back. Only a `create`
    /// that was sent before the session ended could, and it would have to be on its way while a third as many other
    /// sessions begin or end as both budgets allow.
    pub(super) fn trim_tombstones(&self, tickets: &mut Tickets, now: Timestamp) {
        let drop_one = |slot: &Slot| match slot.is_tombstone() {
            true => Fate::Take,
            false if slot.is_over(now) => Fate::Sweep,
            false => Fate::Keep,
        };
        while tickets.tombstones() > self.budgets.most_tombstones() {
            let order = [Queue::Ended, Queue::LoggedIn, Queue::Anonymous, Queue::Fresh];
            if !order.into_iter().any(|queue| self.search(tickets, queue, AT_MOST, drop_one)) {
                return;
            }
        }
    }
}

/// What to do with a slot while room for `class` is needed: expired ones of the class are as good as a victim.
fn fate(slot: &Slot, class: Class, victim: bool, now: Timestamp) -> Fate {
    match (slot.class() == Some(class), slot.is_over(now)) {
        (true, over) if over || victim => Fate::Take,
        (_, true) => Fate::Sweep,
        (_, false) => Fate::Keep,
    }
}
