//! How much sessions may take, and how much they do: two accounts, one for anonymous and one for logged-in sessions.
//!
//! Room is reserved before a record is put and given back after it is gone, by atomic operations that refuse what
//! would go beyond the limit. So no number of concurrent calls overdraws an account.

use std::{
    cmp::Ordering::{Equal, Greater, Less},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    error::{StoreError, StoreErrorKind},
    record::Record,
};

/// What a session counts beside its data and its subject's name, in bytes: the record's fixed part, its places in the
/// map and in a queue, and what allocators add.
const FIXED_LEN: usize = 384;

/// How much one class of sessions may take; whichever limit is reached first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The number of sessions.
    pub sessions: usize,
    /// Their size in bytes: that of data and subject, plus 384 for each session.
    pub bytes: usize,
}

impl Budget {
    /// What anonymous sessions may take by default: 100 000 sessions and 64 MiB.
    pub const ANONYMOUS: Self = Self { sessions: 100_000, bytes: 64 << 20 };
    /// What logged-in sessions may take by default: 1 000 000 sessions and 1 GiB.
    pub const LOGGED_IN: Self = Self { sessions: 1_000_000, bytes: 1 << 30 };
}

/// How much a [`MemoryStore`](super::MemoryStore) holds at one moment, counted as in its [`Budget`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The number of anonymous sessions, expired but unswept ones included.
    pub anonymous_sessions: usize,
    /// The bytes that anonymous sessions count.
    pub anonymous_bytes: usize,
    /// The number of logged-in sessions, expired but unswept ones included.
    pub logged_in_sessions: usize,
    /// The bytes that logged-in sessions count.
    pub logged_in_bytes: usize,
    /// The number of ended sessions whose IDs are kept from being used again. There are never more of them than both
    /// budgets allow sessions.
    pub tombstones: usize,
}

/// Which of the two accounts pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Anonymous,
    LoggedIn,
}

impl Class {
    pub(super) fn of(record: &Record) -> Self {
        if record.subject().is_some() { Self::LoggedIn } else { Self::Anonymous }
    }

    pub(super) fn full(self) -> StoreError {
        StoreError::new(
            StoreErrorKind::Full,
            match self {
                Self::Anonymous => {
                    "the memory store has no room for another anonymous session; \
                     raise its budget with MemoryStore::builder().anonymous"
                }
                Self::LoggedIn => {
                    "the memory store has no room for another logged-in session and never drops one for it; \
                     raise its budget with MemoryStore::builder().logged_in, or shorten the timeouts"
                }
            },
        )
    }
}

/// What a record costs, and whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    class: Class,
    bytes: usize,
}

impl Charge {
    pub(super) fn of(record: &Record) -> Self {
        Self { class: Class::of(record), bytes: FIXED_LEN.saturating_add(record.variable_len()) }
    }
}

/// Both accounts.
#[derive(Debug)]
pub(super) struct Budgets {
    pub(super) anonymous: Account,
    pub(super) logged_in: Account,
}

impl Default for Budgets {
    fn default() -> Self {
        Self::new(Budget::ANONYMOUS, Budget::LOGGED_IN)
    }
}

impl Budgets {
    pub(super) fn new(anonymous: Budget, logged_in: Budget) -> Self {
        Self { anonymous: Account::new(anonymous), logged_in: Account::new(logged_in) }
    }

    fn account(&self, class: Class) -> &Account {
        match class {
            Class::Anonymous => &self.anonymous,
            Class::LoggedIn => &self.logged_in,
        }
    }

    /// Refuses a record that would not fit if it were the only one.
    pub(super) fn check_size(&self, charge: Charge) -> Result<(), StoreError> {
        let limit = self.account(charge.class).bytes.limit();
        if charge.bytes <= limit {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::TooLarge { size: charge.bytes, limit },
            format!(
                "a session of {} bytes is larger than the memory store's whole budget of {limit}",
                charge.bytes
            ),
        ))
    }

    /// Reserves room for a record; `false` leaves everything as it was.
    pub(super) fn reserve(&self, charge: Charge) -> bool {
        self.account(charge.class).reserve(charge.bytes)
    }

    pub(super) fn release(&self, charge: Charge) {
        self.account(charge.class).release(charge.bytes);
    }

    /// Turns the reservation of one record into that of another; `false` leaves everything as it was.
    pub(super) fn exchange(&self, old: Charge, new: Charge) -> bool {
        if old.class == new.class {
            return self.account(new.class).resize(old.bytes, new.bytes);
        }
        let moved = self.reserve(new);
        if moved {
            self.release(old);
        }
        moved
    }

    /// How many tombstones are kept: as many as there may be sessions.
    pub(super) fn most_tombstones(&self) -> usize {
        self.anonymous.sessions.limit().saturating_add(self.logged_in.sessions.limit())
    }
}

/// The account of one class.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) sessions: Counter,
    pub(super) bytes: Counter,
}

impl Account {
    fn new(budget: Budget) -> Self {
        Self { sessions: Counter::new(budget.sessions), bytes: Counter::new(budget.bytes) }
    }

    #[cfg(test)]
    pub(super) fn limit_to(&self, budget: Budget) {
        self.sessions.limit.store(budget.sessions, Ordering::Relaxed);
        self.bytes.limit.store(budget.bytes, Ordering::Relaxed);
    }

    fn reserve(&self, bytes: usize) -> bool {
        if !self.sessions.add(1) {
            return false;
        }
        let reserved = self.bytes.add(bytes);
        if !reserved {
            self.sessions.subtract(1);
        }
        reserved
    }

    fn release(&self, bytes: usize) {
        self.bytes.subtract(bytes);
        self.sessions.subtract(1);
    }

    fn resize(&self, old: usize, new: usize) -> bool {
        match new.cmp(&old) {
            Greater => return self.bytes.add(new - old),
            Less => self.bytes.subtract(old - new),
            Equal => {}
        }
        true
    }
}

/// A number that never grows beyond its limit.
///
/// Relaxed operations are enough: no other memory is read on the strength of it.
#[derive(Debug)]
pub(super) struct Counter {
    used: AtomicUsize,
    limit: AtomicUsize,
}

impl Counter {
    fn new(limit: usize) -> Self {
        Self { used: AtomicUsize::new(0), limit: AtomicUsize::new(limit) }
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    fn add(&self, amount: usize) -> bool {
        let limit = self.limit();
        let within = |used: usize| used.checked_add(amount).filter(|sum| *sum <= limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    fn subtract(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_reservation_leaves_no_trace() {
        let account = Account::new(Budget { sessions: 2, bytes: 100 });
        assert!(account.reserve(60));
        assert!(!account.reserve(41), "bytes");
        assert!(account.reserve(40));
        assert!(!account.reserve(0), "sessions");
        assert!(!account.resize(40, 41));
        assert_eq!((account.sessions.used(), account.bytes.used()), (2, 100));
    }

    #[test]
    fn a_login_moves_its_reservation_or_keeps_it() {
        let budgets = Budgets::default();
        budgets.logged_in.limit_to(Budget { sessions: 1, bytes: 100 });
        let anonymous = Charge { class: Class::Anonymous, bytes: 50 };
        let logged_in = Charge { class: Class::LoggedIn, bytes: 60 };
        assert!(budgets.reserve(anonymous) && budgets.reserve(anonymous));
        assert!(budgets.exchange(anonymous, logged_in));
        assert!(!budgets.exchange(anonymous, logged_in));
        assert_eq!((budgets.anonymous.bytes.used(), budgets.logged_in.bytes.used()), (50, 60));
    }

    #[test]
    fn a_full_class_says_what_to_do() {
        assert_eq!(
            Class::LoggedIn.full().to_string(),
            "the memory store has no room for another logged-in session and never drops one for it; \
             raise its budget with MemoryStore::builder().logged_in, or shorten the timeouts"
        );
    }
}
