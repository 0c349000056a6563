//! Changing a session that is stored: compare-and-swap and touch. Neither ever creates one.
//!
//! Both happen under the lock of one shard of the map. Only a change that outgrows a budget takes the tickets, and only
//! one of the subject opens a page of the index.

use std::mem;

use super::{
    budget::{Charge, Class},
    slot::Slot,
    state::SharedState,
};
use crate::{
    error::StoreError,
    record::{Record, Version},
    store::{Absence, Stored, Swapped, Touched},
    time::Timestamp,
};

/// Why a record was not swapped.
enum Unswapped {
    /// This is stored, which is not what was expected.
    Found(Option<Stored>),
    /// The subject changes, but the caller has not taken care of the index.
    OtherSubject,
    /// The budget of its class is used up.
    NoRoom,
}

/// Whether the index is taken care of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Index {
    /// It need not be, as long as the subject stays the same.
    Untouched,
    /// It is: the caller holds the new subject's page.
    Held,
}

impl SharedState {
    pub(super) fn replace(
        &self,
        next: &Record,
        expected: Version,
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.budgets.check_size(Charge::of(next))?;
        let swapped = match self.swap(next, expected, now) {
            Err(Unswapped::NoRoom) => self.swap_with_room(next, expected, now),
            answer => answer,
        };
        match swapped {
            Ok(()) => Ok(Swapped::Done),
            Err(Unswapped::Found(stored)) => Ok(Swapped::Found(stored)),
            Err(Unswapped::NoRoom | Unswapped::OtherSubject) => Err(Class::of(next).full()),
        }
    }

    /// Swaps a record that outgrows its budget, after making room.
    fn swap_with_room(&self, next: &Record, expected: Version, now: Timestamp) -> Result<(), Unswapped> {
        let mut tickets = self.tickets();
        self.sweep(&mut tickets, now);
        loop {
            match self.swap(next, expected, now) {
                Err(Unswapped::NoRoom) if self.make_room(&mut tickets, next, now) => {}
                answer => return answer,
            }
        }
    }

    fn swap(&self, next: &Record, expected: Version, now: Timestamp) -> Result<(), Unswapped> {
        match self.exchange(next, expected, now, Index::Untouched) {
            Err(Unswapped::OtherSubject) => self.change_subject(next, expected, now),
            answer => answer.map(drop),
        }
    }

    /// Swaps a record that changes the subject.
    fn change_subject(&self, next: &Record, expected: Version, now: Timestamp) -> Result<(), Unswapped> {
        let page = next.shared_subject().map(|subject| self.subjects.open(subject));
        let last = self.exchange(next, expected, now, Index::Held)?;
        if let Some(page) = page {
            page.enter(next.id());
        }
        if let Some(subject) = last.subject() {
            self.forget(subject, next.id());
        }
        Ok(())
    }

    /// The swap itself, under the lock of a shard. The last record comes back to be freed after the lock.
    fn exchange(
        &self,
        next: &Record,
        expected: Version,
        now: Timestamp,
        index: Index,
    ) -> Result<Record, Unswapped> {
        // Made before the lock is taken: a login's is a copy.
        let kept = next.clone().settled();
        let swapped = self.slots.change(&next.id(), |slot| match slot {
            Slot::Live { record: stored, .. } if !stored.is_expired(now) => {
                self.exchange_with(stored, kept, expected, index)
            }
            other => Err(Unswapped::Found(Some(other.stored()))),
        });
        swapped.unwrap_or(Err(Unswapped::Found(None)))
    }

    fn exchange_with(
        &self,
        stored: &mut Record,
        mut next: Record,
        expected: Version,
        index: Index,
    ) -> Result<Record, Unswapped> {
        if stored.version() != expected {
            return Err(Unswapped::Found(Some(Stored::Record(stored.clone()))));
        }
        if index == Index::Untouched && stored.subject() != next.subject() {
            return Err(Unswapped::OtherSubject);
        }
        if !self.budgets.exchange(Charge::of(stored), Charge::of(&next)) {
            return Err(Unswapped::NoRoom);
        }
        // The record may have been touched since it was loaded.
        next.touch(stored.last_active());
        Ok(mem::replace(stored, next))
    }

    /// Moves the last-activity time forward, unless there was a login or logout since `record` was loaded.
    pub(super) fn touch(&self, record: &Record, now: Timestamp) -> Touched {
        let touched = self.slots.change(&record.id(), |slot| match slot.live_mut(now) {
            Err(absence) => Touched::Gone(absence),
            Ok(stored) if stored.epoch() != record.epoch() => {
                Touched::Gone(Absence::Rotated { id: record.id(), at: now })
            }
            Ok(stored) => {
                stored.touch(record.last_active());
                Touched::Done(None)
            }
        });
        touched.unwrap_or(Touched::Gone(Absence::Unknown))
    }
}
