//! Sessions that were read lately, for as long as they count: [`Cache`].

use std::{
    fmt,
    hash::BuildHasher as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;

use super::{
    flight::{Flight, Read, Reads},
    options::CachedOptions,
    shard::{Entry, Half, PendingRead, Shard},
};
use crate::{
    id::SessionId,
    store::{ChangeListener, FreshnessProof, Loaded, ReferenceToken, Upkeep, authenticate},
    time::Timestamp,
};

/// Enough that threads seldom wait for each other; a cache of a few sessions has fewer.
const MAX_SHARDS: usize = 16;

/// No connection has this number.
const NONE: u64 = 0;

/// The sessions that one process knows.
pub(super) struct Cache {
    options: CachedOptions,
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    reads: AtomicU64,
    /// The connection whose announcements count.
    connection: AtomicU64,
    /// That all changes were announced which had taken effect by then.
    confirmed: FreshnessProof,
}

impl Cache {
    pub(super) fn new(options: CachedOptions) -> Self {
        let shards = (options.sessions / 2).clamp(1, MAX_SHARDS);
        let half = Half { sessions: options.sessions / shards / 2, bytes: options.bytes / shards / 2 };
        Self {
            options,
            shards: (0..shards).map(|_| Mutex::new(Shard::new(half))).collect(),
            hasher: RandomState::default(),
            reads: AtomicU64::new(0),
            connection: AtomicU64::new(NONE),
            confirmed: FreshnessProof::none(),
        }
    }

    pub(super) fn options(&self) -> &CachedOptions {
        &self.options
    }

    /// What a token opens, if that is known and young enough.
    ///
    /// That it opens nothing is never known: its secret may be newer than the record, or the session used since.
    pub(super) fn open(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        self.open_if(token, now, |entry| self.counts(entry, now))
    }

    /// What a token opens while the store cannot be asked.
    pub(super) fn open_in_outage(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        let ceiling = self.options.stale_if_error?;
        self.open_if(token, now, |entry| {
            let is_young = FreshnessProof::is_young(entry.asked_at, now, ceiling);
            is_young || (!entry.is_doubtful && self.confirmed.holds(now, ceiling))
        })
    }

    fn open_if(
        &self,
        token: &ReferenceToken,
        now: Timestamp,
        counts: impl Fn(&Entry) -> bool,
    ) -> Option<Loaded> {
        let id = token.id();
        let mut shard = self.shard(&id);
        let entry = shard.get(&id).filter(|entry| counts(entry))?;
        Some(authenticate(&entry.record, token, now)).filter(|loaded| matches!(loaded, Loaded::Live { .. }))
    }

    fn counts(&self, entry: &Entry, now: Timestamp) -> bool {
        let within = self.options.within;
        let is_young = FreshnessProof::is_young(entry.asked_at, now, within);
        !entry.is_doubtful && (is_young || self.confirmed.holds(now, within))
    }

    /// Joins a read with this token that is under way and young enough, or begins one.
    pub(super) fn join_read(self: &Arc<Self>, token: &ReferenceToken, now: Timestamp) -> Arc<Flight> {
        let mut shard = self.shard(&token.id());
        let pending = shard.pending(token);
        let pending =
            pending.filter(|pending| FreshnessProof::is_young(pending.read.sent, now, self.options.within));
        // Only what is returned is held, because a flight that is dropped needs this lock.
        match pending.and_then(|pending| pending.flight.upgrade()) {
            Some(flight) => flight,
            None => self.begin(&mut shard, token, now, true),
        }
    }

    /// Begins a read that no other may join: one that asks for now must not wait for one that asks for less.
    pub(super) fn begin_read(self: &Arc<Self>, token: &ReferenceToken, now: Timestamp) -> Arc<Flight> {
        self.begin(&mut self.shard(&token.id()), token, now, false)
    }

    fn begin(
        self: &Arc<Self>,
        shard: &mut Shard,
        token: &ReferenceToken,
        now: Timestamp,
        is_shared: bool,
    ) -> Arc<Flight> {
        let read = Read { id: token.id(), number: self.reads.fetch_add(1, Ordering::Relaxed), sent: now };
        let flight = Arc::new(Flight::new(Arc::clone(self) as Arc<dyn Reads>, read));
        let pending = if is_shared { Arc::downgrade(&flight) } else { Weak::new() };
        let secret = token.secret().clone();
        shard.begin_read(PendingRead { read, secret, flight: pending });
        flight
    }

    /// Notes a write of this process, which is over when what is returned is dropped.
    pub(super) fn begin_write(&self, id: SessionId) -> OwnWrite<'_> {
        self.doubt(&id);
        OwnWrite { cache: self, id, is_doubtful: false }
    }

    /// Forgets a session, and that it is being read.
    pub(super) fn forget(&self, id: &SessionId) {
        self.shard(id).remove(id);
    }

    /// As [`forget`](Self::forget), unless it may still be read while the store cannot be asked.
    fn doubt(&self, id: &SessionId) {
        match self.options.stale_if_error {
            Some(_) => self.shard(id).doubt(id),
            None => self.forget(id),
        }
    }

    fn doubt_all(&self) {
        let confirmed = self.confirmed.sent();
        self.confirmed.withdraw();
        for shard in &*self.shards {
            match self.options.stale_if_error {
                Some(_) => lock(shard).doubt_all(confirmed),
                None => lock(shard).clear(),
            }
        }
    }

    /// How much the sessions take that are kept.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).bytes()).sum()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are enough")]
    fn shard(&self, id: &SessionId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[self.hasher.hash_one(id) as usize % self.shards.len()])
    }
}

/// Nothing that is done under the lock panics halfway, so a poisoned lock guards a whole shard.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reads for Cache {
    /// The record is kept with the secret that opened it, so that opening it again takes a comparison and no hash. What asks to
    /// be written is not kept, so that it asks again.
    fn finish(&self, read: Read, token: &ReferenceToken, found: &Loaded, now: Timestamp) {
        let opened = match found {
            Loaded::Live { record, upkeep: Upkeep::None } if !record.in_grace(now) => {
                // As it is opened later: a layer below may have opened it by something else than its secret.
                match authenticate(record, token, now) {
                    Loaded::Live { .. } => Some(record.opened_by(token.secret())),
                    Loaded::Absent(_) => None,
                }
            }
            _ => None,
        };
        let mut shard = self.shard(&read.id);
        if shard.end_read(read)
            && let Some(record) = opened
        {
            shard.put(Entry { record, asked_at: read.sent, is_doubtful: false });
        }
    }

    fn end(&self, read: Read) {
        self.shard(&read.id).end_read(read);
    }
}

impl ChangeListener for Cache {
    fn follow(&self, connection: Option<u64>) {
        let connection = connection.unwrap_or(NONE);
        let before = self.connection.swap(connection, Ordering::SeqCst);
        // What counts only by its age is not outdated by the loss of a connection on which nothing was announced.
        if (before, connection) != (NONE, NONE) {
            self.doubt_all();
        }
    }

    fn confirm(&self, connection: u64, sent: Timestamp) {
        if self.connection.load(Ordering::SeqCst) == connection {
            self.confirmed.renew(sent);
        }
    }

    fn changed(&self, connection: u64, session: Option<&SessionId>) {
        if self.connection.load(Ordering::SeqCst) != connection {
            return;
        }
        match session {
            Some(id) => self.forget(id),
            None => self.doubt_all(),
        }
    }
}

/// A write of this process. When it is over, reads that were sent meanwhile are outdated, too.
#[derive(Debug)]
pub(super) struct OwnWrite<'a> {
    cache: &'a Cache,
    id: SessionId,
    is_doubtful: bool,
}

impl OwnWrite<'_> {
    /// The store could not be asked: what was known before the write may still be read as long as it cannot.
    pub(super) fn has_failed(&mut self) {
        self.is_doubtful = true;
    }
}

impl Drop for OwnWrite<'_> {
    fn drop(&mut self) {
        if self.is_doubtful {
            self.cache.doubt(&self.id);
        } else {
            self.cache.forget(&self.id);
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("options", &self.options).finish_non_exhaustive()
    }
}
