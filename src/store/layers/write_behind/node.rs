//! What a layer and the tasks that save its changes share: [`Node`], a store and the sessions of it that are in memory.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use tokio::sync::Semaphore;
use tracing::warn;

use super::{
    entry::{Entry, Rules},
    lanes::Calls,
    options::WriteBehindOptions,
    sessions::Sessions,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::Record,
    store::{Absence, Loaded, ReferenceToken, SessionStore, authenticate},
    time::Timestamp,
};

/// How many sessions are saved at the same time.
pub(super) const CONCURRENCY: usize = 32;

/// A store, and the sessions of it that are in this node's memory.
#[derive(Debug)]
pub(super) struct Node<S> {
    pub(super) store: S,
    pub(super) options: WriteBehindOptions,
    pub(super) sessions: Sessions,
    pub(super) calls: Calls,
    /// Permits to save.
    pub(super) saving: Semaphore,
    max_data: usize,
    /// How many tasks save changes.
    savers: AtomicUsize,
    /// The number of the last one.
    last_saver: AtomicU64,
    /// How many sessions have lost changes.
    lost: AtomicU64,
    /// Whether changes have waited for too long, so that further ones do not wait.
    is_late: AtomicBool,
    /// Whether the store does not answer, so that sessions count for longer, if the options say so.
    is_down: AtomicBool,
    is_draining: AtomicBool,
}

impl<S: SessionStore> Node<S> {
    pub(super) fn new(store: S, options: WriteBehindOptions) -> Self {
        Self {
            max_data: store.guarantees().max_data.unwrap_or(usize::MAX),
            sessions: Sessions::new(&options),
            store,
            options,
            calls: Calls::new(),
            saving: Semaphore::new(CONCURRENCY),
            savers: AtomicUsize::new(0),
            last_saver: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            is_late: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let WriteBehindOptions { at_most, within, bridge, .. } = self.options;
        let bridged = if self.is_down.load(SeqCst) { bridge } else { Duration::ZERO };
        Rules {
            within: within.saturating_add(bridged),
            delay: at_most / 2,
            limit: at_most.saturating_add(bridge),
            margin: at_most.saturating_mul(2).saturating_add(bridge),
            max_data: self.max_data,
        }
    }

    /// What a token opens, if that is known here. That it opens nothing is for the store to say.
    pub(super) fn open(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        let within = self.rules().within;
        let record = self.sessions.with(&token.id(), |entry| {
            entry.is_used = true;
            entry.is_fresh(now, within).then(|| entry.record.clone())
        });
        let loaded = authenticate(&record.flatten()?, token, now);
        matches!(loaded, Loaded::Live { .. }).then_some(loaded)
    }

    /// The session as it is here, if that counts.
    pub(super) fn record(&self, id: &SessionId, now: Timestamp) -> Option<Record> {
        let within = self.rules().within;
        let record = |entry: &mut Entry| entry.is_fresh(now, within).then(|| entry.record.clone());
        self.sessions.with(id, record).flatten()
    }

    /// Whether changes may wait at present.
    pub(super) fn lets_changes_wait(&self) -> bool {
        let may_wait = !self.options.at_most.is_zero() && !self.is_draining.load(SeqCst);
        may_wait && !self.is_late.load(SeqCst)
    }

    /// Whether those of one more session may.
    pub(super) fn has_room(&self) -> bool {
        self.savers.load(SeqCst) < self.options.unsaved
    }

    pub(super) fn saver_begins(&self) -> u64 {
        self.savers.fetch_add(1, SeqCst);
        self.last_saver.fetch_add(1, SeqCst) + 1
    }

    pub(super) fn saver_ends(&self) {
        self.savers.fetch_sub(1, SeqCst);
    }

    /// Keeps what the store has, as this node found it in answer to a call that was sent at `now`.
    pub(super) fn adopt(&self, stored: &Record, now: Timestamp) {
        let saver = self.forget(&stored.id(), Some(stored)).unwrap_or_default();
        let mut entry = Entry::stored(stored.clone().settled(), false, now);
        entry.saver = saver;
        self.sessions.put(entry);
    }

    /// Forgets a session, of which the store has `stored`, or nothing. The answer is its saver.
    pub(super) fn forget(&self, id: &SessionId, stored: Option<&Record>) -> Option<u64> {
        let entry = self.sessions.remove(id)?;
        if entry.would_lose(stored) {
            self.lost.fetch_add(1, SeqCst);
            warn!(session = %id, "changes of a session are lost: another node has it by now, or it has ended");
        }
        Some(entry.saver)
    }

    /// Forgets a session if the store has none of that name any more.
    pub(super) fn forget_if_gone(&self, id: &SessionId, absence: Absence) {
        if matches!(absence, Absence::Unknown | Absence::Expired | Absence::Ended { .. } | Absence::Migrated)
        {
            self.forget(id, None);
        }
    }

    /// Takes note of how a call to the store has ended.
    pub(super) fn observe<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.is_down.store(answer.as_ref().is_err_and(StoreError::is_outage), SeqCst);
        answer
    }

    pub(super) fn set_late(&self, is_late: bool) {
        if self.is_late.swap(is_late, SeqCst) != is_late && is_late {
            warn!("changes of sessions wait for the session store for too long; further ones do not wait");
        }
    }

    pub(super) fn set_draining(&self) {
        self.is_draining.store(true, SeqCst);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(SeqCst)
    }

    pub(super) fn note_lost(&self) {
        self.lost.fetch_add(1, SeqCst);
    }
}

/// Whether a write that ended with this error may have been done.
pub(super) fn may_be_done(error: &StoreError) -> bool {
    error.is_transient() || error.kind() == StoreErrorKind::OutcomeUnknown
}
