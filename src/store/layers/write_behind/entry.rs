//! One session in memory, and how it relates to what the store has.

use std::time::Duration;

use crate::{
    record::{Record, Version},
    store::Replaced,
    time::{Deadline, Timestamp},
};

/// How many versions whose fate is unknown are kept. One is sent with each attempt that fails.
const MOST_SENT: usize = 64;

/// A session in this node's memory.
#[derive(Debug)]
pub(super) struct Entry {
    /// As this node serves it.
    pub(super) record: Record,
    /// The version that the store has.
    base: Version,
    /// Whether this node wrote that version, so that no other node has changes that stand on it.
    is_owned: bool,
    /// When the session expires as the store knows it.
    stored_until: Timestamp,
    /// When the last call was sent that has shown the base to be what is stored.
    confirmed: Timestamp,
    /// Changes that the store has not got.
    unsaved: Option<Unsaved>,
    /// Those that are on their way to it.
    saving: Option<Unsaved>,
    /// States of this session that were sent, and may or may not be stored.
    sent: Vec<Version>,
    /// Whether a write that goes first, or an end, was sent and may or may not have been done.
    in_doubt: bool,
    /// Whether such a one is under way.
    is_busy: bool,
    /// Whether it was used since it was last about to be dropped.
    pub(super) is_used: bool,
    /// The task that saves its changes; zero if there is none.
    pub(super) saver: u64,
}

/// Changes that wait in memory.
#[derive(Debug, Clone, Copy)]
struct Unsaved {
    /// The time of the latest.
    last: Timestamp,
    /// When they are to be sent.
    due: Deadline,
    /// From then on no more are accepted.
    limit: Deadline,
}

/// What decides whether a change may wait in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// For how long a proof counts.
    pub(super) within: Duration,
    /// When a change is sent.
    pub(super) delay: Duration,
    /// How long the changes of a session may wait.
    pub(super) limit: Duration,
    /// The session must not expire in the store before that.
    pub(super) margin: Duration,
    /// The largest data that the store takes.
    pub(super) max_data: usize,
}

/// What is sent to the store: this state in place of the one that it has.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) record: Record,
    pub(super) base: Version,
    /// As of when: the store had the session then.
    pub(super) at: Timestamp,
    /// Until when it should have arrived.
    pub(super) limit: Deadline,
}

impl Pending {
    /// Whether only the time of the last activity is to be stored.
    pub(super) fn is_touch(&self) -> bool {
        self.record.version() == self.base
    }
}

impl Entry {
    /// What the store has, as of a call that was sent at `now`.
    pub(super) fn stored(record: Record, is_owned: bool, now: Timestamp) -> Self {
        Self {
            base: record.version(),
            stored_until: record.expires_at(),
            record,
            is_owned,
            confirmed: now,
            unsaved: None,
            saving: None,
            sent: Vec::new(),
            in_doubt: false,
            is_busy: false,
            is_used: false,
            saver: 0,
        }
    }

    /// Whether it counts without asking the store. A clock that was set back proves nothing.
    pub(super) fn is_fresh(&self, now: Timestamp, within: Duration) -> bool {
        self.confirmed <= now && now.since(self.confirmed) < within && !self.in_doubt
    }

    /// Whether it can be dropped without losing anything.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_unsaved() && !self.is_busy && self.saver == 0
    }

    /// Whether it has changes that the store has not got.
    pub(super) fn is_unsaved(&self) -> bool {
        self.unsaved.is_some() || self.saving.is_some()
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Whether its changes are lost if the store has `stored`, or nothing.
    pub(super) fn would_lose(&self, stored: Option<&Record>) -> bool {
        let version = self.record.version();
        self.is_unsaved()
            && version != self.base
            && !stored.is_some_and(|stored| stored.remembers(version.write))
    }
}

/// Changes.
impl Entry {
    /// The answer to a replacement that is known here: it was done before, or is not of the latest state.
    pub(super) fn known(&self, next: &Record, expected: Version, now: Timestamp) -> Option<Replaced> {
        match self.record.version() {
            _ if self.record.is_expired(now) || self.is_busy => None,
            version if version == expected => None,
            _ if self.record.remembers(next.version().write) => Some(Replaced::Done(None)),
            _ => Some(Replaced::Conflict(self.record.clone())),
        }
    }

    /// Whether `next`, which replaces the latest state, may wait in memory.
    pub(super) fn may_wait(&self, next: &Record, rules: &Rules, now: Timestamp) -> bool {
        let is_ordinary = !next.is_to_be_listed() && next.epoch() == self.record.epoch();
        let is_here = next.is_resident() && self.record.is_resident();
        is_ordinary
            && is_here
            && self.is_owned
            && next.data().len() <= rules.max_data
            && self.takes_changes(rules, now)
    }

    /// Whether a use at `now` may wait in memory. It is no change that another node could undo.
    pub(super) fn may_wait_for_touch(&self, touched: &Record, rules: &Rules, now: Timestamp) -> bool {
        touched.epoch() == self.record.epoch() && self.record.is_resident() && self.takes_changes(rules, now)
    }

    fn takes_changes(&self, rules: &Rules, now: Timestamp) -> bool {
        let is_late = [&self.unsaved, &self.saving].into_iter().flatten().any(|since| since.limit.is_over());
        self.is_fresh(now, rules.within)
            && !self.is_busy
            && !is_late
            && now + rules.margin < self.stored_until
            && !self.record.is_expired(now)
    }

    /// Replaces the latest state in memory.
    pub(super) fn change(&mut self, mut next: Record, rules: &Rules, now: Timestamp) {
        next.touch(self.record.last_active());
        self.record = next;
        self.is_used = true;
        self.note_unsaved(rules, now);
    }

    /// Notes a use in memory.
    pub(super) fn touch(&mut self, last_active: Timestamp, rules: &Rules, now: Timestamp) {
        if last_active > self.record.last_active() {
            self.record.touch(last_active);
            self.note_unsaved(rules, now);
        }
    }

    fn note_unsaved(&mut self, rules: &Rules, now: Timestamp) {
        match &mut self.unsaved {
            Some(unsaved) => unsaved.last = unsaved.last.max(now),
            None => {
                let [due, limit] = [rules.delay, rules.limit].map(Deadline::after);
                self.unsaved = Some(Unsaved { last: now, due, limit });
            }
        }
    }

    /// When its changes are to be sent; `None` if it has none.
    pub(super) fn due(&self) -> Option<Deadline> {
        self.unsaved.map(|unsaved| unsaved.due)
    }
}

/// Saving.
impl Entry {
    /// What is to be sent to the store, if anything. It is on its way until it is [saved](Self::saved) or [not](Self::not_saved).
    pub(super) fn begin_saving(&mut self) -> Option<Pending> {
        let unsaved = self.unsaved.take()?;
        self.saving = Some(unsaved);
        let (record, base) = (self.record.clone(), self.base);
        if record.version() != base && !self.sent.contains(&record.version()) {
            if self.sent.len() == MOST_SENT {
                self.sent.remove(0);
            }
            self.sent.push(record.version());
        }
        Some(Pending { record, base, at: unsaved.last, limit: unsaved.limit })
    }

    /// Notes that the store has what was sent.
    pub(super) fn saved(&mut self, pending: &Pending) {
        self.saving = None;
        self.stored_until = pending.record.expires_at();
        // That a session was used is stored whatever its version is.
        if !pending.is_touch() {
            self.base = pending.record.version();
            self.sent.clear();
            self.confirmed = self.confirmed.max(pending.at);
        }
    }

    /// Notes that what was sent may not have arrived: it is to be sent again, with what was changed meanwhile.
    pub(super) fn not_saved(&mut self) {
        if let Some(saving) = self.saving.take() {
            let last = self.unsaved.map_or(saving.last, |unsaved| unsaved.last.max(saving.last));
            self.unsaved = Some(Unsaved { last, ..saving });
        }
    }

    /// Whether what is here stands on `stored`, which the store has shown in answer to a call sent at `now`.
    pub(super) fn meets(&mut self, stored: &Record, now: Timestamp) -> bool {
        let version = stored.version();
        if version != self.base {
            if !self.sent.contains(&version) {
                return false;
            }
            // The reply to that write was lost. No other one that was sent can still be done.
            self.base = version;
            self.is_owned = true;
            self.sent.clear();
        }
        self.confirmed = now;
        self.record.touch(stored.last_active());
        self.stored_until = stored.expires_at();
        true
    }

    /// Whether what is here stands on `stored`, or is that.
    pub(super) fn stands_on(&self, stored: &Record) -> bool {
        let version = stored.version();
        version == self.base || version == self.record.version() || self.sent.contains(&version)
    }

    /// Notes that the store has this use of the session.
    pub(super) fn touched(&mut self, record: &Record) {
        self.record.touch(record.last_active());
        self.stored_until = self.stored_until.max(record.expires_at());
    }

    /// Notes that nothing that was sent before can still be done.
    pub(super) fn settle_doubt(&mut self) {
        self.in_doubt = false;
    }
}

/// Writes that go first.
impl Entry {
    /// What is sent in place of `next`: it carries all earlier changes. Until it has [ended](Self::end_first) nothing else changes.
    pub(super) fn begin_first(&mut self, next: &Record, now: Timestamp) -> Pending {
        self.is_busy = true;
        let mut record = next.clone();
        record.touch(self.record.last_active());
        // The store may not know yet that the session was used.
        let at = match self.unsaved {
            Some(unsaved) if self.stored_until <= now => unsaved.last,
            _ => now,
        };
        Pending { record, base: self.base, at, limit: Deadline::NONE }
    }

    /// Notes that the store has what was sent at `now`.
    pub(super) fn first_done(&mut self, pending: &Pending, now: Timestamp) {
        let (is_used, saver) = (self.is_used, self.saver);
        *self = Self { is_used, saver, ..Self::stored(pending.record.clone().settled(), true, now) };
    }

    pub(super) fn begin_end(&mut self) {
        self.is_busy = true;
    }

    /// Notes that a write that goes first is over.
    pub(super) fn end_first(&mut self, is_certain: bool) {
        self.is_busy = false;
        self.in_doubt |= !is_certain;
    }
}
