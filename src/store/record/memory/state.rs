//! The shared state of a memory store: beginning, reading and ending a session.

use std::{
    cmp::Reverse,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    budget::{Budget, Budgets, Charge, Class, Usage},
    slot::Slot,
    slots::Slots,
    subjects::Subjects,
    sweep_queue::{Queue, Tickets},
};
use crate::{
    error::StoreError,
    id::SessionId,
    record::Record,
    store::{Ended, Loaded, ReferenceToken, Stored, Swapped, Tombstone},
    time::Timestamp,
};

/// Everything that the handles of one store share.
#[derive(Debug, Default)]
pub(super) struct SharedState {
    pub(super) slots: Slots,
    pub(super) subjects: Subjects,
    pub(super) budgets: Budgets,
    tickets: Mutex<Tickets>,
}

impl SharedState {
    pub(super) fn new(anonymous: Budget, logged_in: Budget) -> Self {
        Self { budgets: Budgets::new(anonymous, logged_in), ..Self::default() }
    }

    /// What a presented token opens. Allocates nothing.
    pub(super) fn open(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        self.slots.read(&token.id(), |slot| slot.open(token, now))
    }

    pub(super) fn get(&self, id: &SessionId) -> Option<Stored> {
        self.slots.read(id, Slot::stored)
    }

    fn live(&self, id: &SessionId, now: Timestamp) -> Option<Record> {
        self.get(id)?.live(now).ok()
    }

    /// The IDs of all records. The shards are visited one after the other, so it is no snapshot.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.slots.collect(|slot| (!slot.is_tombstone()).then(|| slot.id()))
    }

    /// The live records of a subject, the newest first.
    pub(super) fn sessions_of(&self, subject: &str, now: Timestamp) -> Vec<Record> {
        let ids = self.subjects.read(subject);
        let mut records: Vec<_> = ids.iter().filter_map(|id| self.live(id, now)).collect();
        records.retain(|record| record.subject() == Some(subject));
        records.sort_by_key(|record| Reverse(record.created_at()));
        records
    }

    /// Stores a record where nothing is stored, or a tombstone whose time has passed.
    pub(super) fn create(&self, record: &Record, now: Timestamp) -> Result<Swapped, StoreError> {
        let charge = Charge::of(record);
        self.budgets.check_size(charge)?;
        let mut tickets = self.tickets();
        self.sweep(&mut tickets, now);
        let taken = |slot: &Slot| (!slot.is_tombstone() || !slot.is_over(now)).then(|| slot.stored());
        if let Some(stored) = self.slots.read(&record.id(), taken).flatten() {
            return Ok(Swapped::Found(Some(stored)));
        }
        while !self.budgets.reserve(charge) {
            if !self.make_room(&mut tickets, record, now) {
                return Err(Class::of(record).full());
            }
        }
        self.put(&mut tickets, record.clone().settled());
        Ok(Swapped::Done)
    }

    /// Puts a record where nothing is stored, or a tombstone whose time has passed and whose ticket it takes over.
    fn put(&self, tickets: &mut Tickets, record: Record) {
        let id = record.id();
        let page = record.shared_subject().map(|subject| self.subjects.open(subject));
        let queue = Queue::of_new(Class::of(&record));
        match self.slots.insert(&id, |mark| Slot::live(record, mark)) {
            Some(_) => tickets.uncount_tombstone(),
            None => tickets.put(queue, id),
        }
        if let Some(page) = page {
            page.enter(id);
        }
    }

    pub(super) fn end(&self, tombstone: Tombstone, now: Timestamp) -> Ended {
        let mut tickets = self.tickets();
        self.sweep(&mut tickets, now);
        let answer = self.bury(&mut tickets, tombstone, now);
        self.trim_tombstones(&mut tickets, now);
        answer
    }

    /// Puts a tombstone over whatever is stored under the ID, nothing included.
    fn bury(&self, tickets: &mut Tickets, tombstone: Tombstone, now: Timestamp) -> Ended {
        let id = tombstone.id;
        let buried = self.slots.change(&id, |slot| slot.bury(tombstone, now));
        match buried {
            None => {
                self.slots.insert(&id, |mark| Slot::ended(tombstone, mark));
                tickets.put(Queue::Ended, id);
                tickets.count_tombstone();
                Ended::Done
            }
            // The map was left before its accounts are settled: see the order of locks.
            Some((buried, answer)) => {
                tickets.count_tombstone();
                self.settle(tickets, id, buried);
                answer
            }
        }
    }

    /// Gives back what a slot that was taken out of the map has held.
    pub(super) fn settle(&self, tickets: &mut Tickets, id: SessionId, slot: Slot) {
        match slot {
            Slot::Ended { .. } => tickets.uncount_tombstone(),
            Slot::Live { record, .. } => {
                self.budgets.release(Charge::of(&record));
                if let Some(subject) = record.subject() {
                    self.forget(subject, id);
                }
            }
        }
    }

    /// Strikes a session off the page of a subject that it no longer belongs to.
    pub(super) fn forget(&self, subject: &str, id: SessionId) {
        let belongs = |slot: &Slot| match slot {
            Slot::Live { record, .. } => record.subject() == Some(subject),
            Slot::Ended { .. } => false,
        };
        self.subjects.forget(subject, id, || !self.slots.read(&id, belongs).unwrap_or(false));
    }

    pub(super) fn usage(&self) -> Usage {
        let tickets = self.tickets();
        let Budgets { anonymous, logged_in } = &self.budgets;
        Usage {
            anonymous_sessions: anonymous.sessions.used(),
            anonymous_bytes: anonymous.bytes.used(),
            logged_in_sessions: logged_in.sessions.used(),
            logged_in_bytes: logged_in.bytes.used(),
            tombstones: tickets.tombstones(),
        }
    }

    /// The right to add and remove slots.
    ///
    /// Nothing that is done with it panics halfway, so one who panicked elsewhere has left it whole.
    pub(super) fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
