//! Records that were read a moment ago, kept true by what Redis tells of changed keys.
//!
//! The server remembers which keys a connection has read and tells it when one is changed. That takes a moment, and a
//! connection may be dead without anybody having noticed, so what stands here is no proof of what stands there. What can
//! be proved is this: the server answers in order. When it has answered a call that was sent at `t`, it has told before
//! of every change up to `t`. So an entry counts only while the last answered call was sent no longer than `within` ago,
//! and a session that was ended elsewhere opens here for `within` at most. No timer and no pings are needed: when the
//! link was silent for too long, the next read asks the server and thereby renews the proof. Moments are those of the calls,
//! by this server's clock.
//!
//! A read that is under way may come back after the change that outdates it was told of. It therefore leaves a ticket
//! before it is sent; whatever is told of the key, or of the connection, takes the ticket away, and a read without its
//! ticket leaves nothing here.

use std::{
    collections::HashMap,
    fmt, mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use foldhash::fast::RandomState;
use std::hash::BuildHasher as _;

use redis::{PushInfo, PushKind, Value};

use super::keys::Keys;
use crate::{
    id::SessionId,
    record::Record,
    store::{Loaded, ReferenceToken, authenticate},
    time::Timestamp,
};

/// How the local cache of a [`RedisStore`](super::RedisStore) behaves.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::store::{LocalCache, RedisStore, Revocation, SessionStore as _};
///
/// let store = RedisStore::from_url("redis://127.0.0.1")?
///     .local_cache(LocalCache { within: Duration::from_secs(2), sessions: 10_000 });
/// assert_eq!(store.guarantees().revocation, Revocation::Within(Duration::from_secs(2)));
/// # Ok::<(), cloakroom::store::InvalidRedisUrl>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCache {
    /// For how long, at most, a session that was ended or changed by another server is still seen as it was; one
    /// second by default.
    pub within: Duration,
    /// How many sessions are kept, at most; 10 000 by default. Below two none is.
    pub sessions: usize,
}

impl Default for LocalCache {
    fn default() -> Self {
        Self { within: Duration::from_secs(1), sessions: 10_000 }
    }
}

/// Enough that the threads of a server seldom meet at one; a cache of a few sessions has fewer.
const MOST_SHARDS: usize = 16;

/// No connection has this number.
const NONE: u64 = 0;

/// No call was answered yet.
const NEVER: i64 = i64::MIN;

/// The cache of one store.
pub(super) struct Cache {
    keys: Keys,
    within: Duration,
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    tickets: AtomicU64,
    /// The connection whose word counts.
    connection: AtomicU64,
    /// Not after the last answered call was sent, in milliseconds; `NEVER` if there is none.
    heard: AtomicI64,
}

/// Its number, and the session that is being read.
#[derive(Debug)]
pub(super) struct Ticket(u64, SessionId);

#[derive(Debug)]
enum Entry {
    /// It is being read.
    Awaited(u64),
    Here(Record),
}

/// Two generations of entries: when the young are half of what may be kept, they become the old, and the old go. Whoever
/// is read meanwhile is young again.
#[derive(Debug)]
struct Shard {
    young: HashMap<SessionId, Entry, RandomState>,
    old: HashMap<SessionId, Entry, RandomState>,
    half: usize,
}

impl Cache {
    pub(super) fn new(keys: Keys, options: LocalCache) -> Self {
        let shards = (options.sessions / 2).clamp(1, MOST_SHARDS);
        let half = options.sessions / shards / 2;
        Self {
            keys,
            within: options.within,
            shards: (0..shards).map(|_| Mutex::new(Shard::new(half))).collect(),
            hasher: RandomState::default(),
            tickets: AtomicU64::new(0),
            connection: AtomicU64::new(NONE),
            heard: AtomicI64::new(NEVER),
        }
    }

    /// What a token opens, if that can be said without asking.
    ///
    /// That it opens nothing cannot: its secret may be newer than what is known, or the session used since.
    pub(super) fn open(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        if !self.is_fresh(now) {
            return None;
        }
        let record = self.shard(&token.id()).get(&token.id())?;
        Some(authenticate(&record, token, now)).filter(|loaded| matches!(loaded, Loaded::Live { .. }))
    }

    /// Announces that a session is about to be read.
    pub(super) fn await_read(&self, id: SessionId) -> Ticket {
        let number = self.tickets.fetch_add(1, Ordering::Relaxed);
        self.shard(&id).put(id, Entry::Awaited(number));
        Ticket(number, id)
    }

    /// Keeps what was read, unless it was outdated meanwhile.
    ///
    /// The record is kept with the secret that opened it, so that opening it again takes a comparison and no hash.
    pub(super) fn keep(&self, ticket: &Ticket, token: &ReferenceToken, record: &Record) {
        let mut shard = self.shard(&ticket.1);
        if shard.awaits(ticket) {
            shard.put(ticket.1, Entry::Here(record.opened_by(token.secret())));
        }
    }

    /// Forgets a session, and that it is being read.
    pub(super) fn forget(&self, id: &SessionId) {
        self.shard(id).remove(id);
    }

    /// Forgets everything; from now on the word of this connection counts.
    pub(super) fn follow(&self, connection: u64) {
        self.connection.store(connection, Ordering::SeqCst);
        self.clear();
    }

    /// Forgets everything: nobody tells of changes any more.
    pub(super) fn stop_following(&self) {
        self.follow(NONE);
    }

    /// A call has been answered that was sent over this connection, not before that moment.
    pub(super) fn heard(&self, connection: u64, sent: Timestamp) {
        // A call that tells no time proves nothing, and takes nothing away.
        if sent.as_millis() != NEVER && self.connection.load(Ordering::SeqCst) == connection {
            self.heard.store(sent.as_millis(), Ordering::SeqCst);
        }
    }

    /// The server tells something over this connection.
    pub(super) fn told(&self, connection: u64, push: &PushInfo) {
        if push.kind != PushKind::Invalidate || self.connection.load(Ordering::SeqCst) != connection {
            return;
        }
        match push.data.first() {
            Some(Value::Array(keys)) => {
                for key in keys {
                    if let Value::BulkString(key) = key
                        && let Some(id) = self.keys.id(key)
                    {
                        self.forget(&id);
                    }
                }
            }
            // Without keys it is about all of them.
            _ => self.clear(),
        }
    }

    fn clear(&self) {
        self.heard.store(NEVER, Ordering::SeqCst);
        for shard in &*self.shards {
            let shard = &mut *lock(shard);
            *shard = Shard::new(shard.half);
        }
    }

    /// A clock that was set back proves nothing.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let heard = self.heard.load(Ordering::SeqCst);
        let heard_at = Timestamp::from_millis(heard);
        heard != NEVER && heard_at <= now && now.since(heard_at) <= self.within
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    fn shard(&self, id: &SessionId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[self.hasher.hash_one(id) as usize % self.shards.len()])
    }
}

/// Nothing that is done with a shard panics halfway, so one who panicked elsewhere has left it whole.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn new(half: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), half }
    }

    fn get(&mut self, id: &SessionId) -> Option<Record> {
        if let Some(Entry::Here(record)) = self.young.get(id) {
            return Some(record.clone());
        }
        let entry = self.old.remove(id)?;
        let found = if let Entry::Here(record) = &entry { Some(record.clone()) } else { None };
        self.put(*id, entry);
        found
    }

    fn put(&mut self, id: SessionId, entry: Entry) {
        if self.half == 0 {
            return;
        }
        if self.young.len() >= self.half && !self.young.contains_key(&id) {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&id);
        self.young.insert(id, entry);
    }

    fn awaits(&self, ticket: &Ticket) -> bool {
        let entry = self.young.get(&ticket.1).or_else(|| self.old.get(&ticket.1));
        matches!(entry, Some(Entry::Awaited(number)) if *number == ticket.0)
    }

    fn remove(&mut self, id: &SessionId) {
        self.young.remove(id);
        self.old.remove(id);
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("within", &self.within).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::WriteId, record::Lifetime, secret::Secret};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn record(secret: Secret) -> Record {
        let lifetime = Lifetime { idle: Duration::from_secs(60), absolute: Duration::from_secs(3600) };
        Record::new(SessionId::from_bytes([1; 16]), secret, WriteId::from_u64(1), lifetime, NOW)
    }

    /// Another server may have given it to the client a moment ago, or have written down that the session was used.
    #[test]
    fn what_is_known_opens_a_session_but_never_denies_one() {
        let cache = Cache::new(Keys::new("shop:"), LocalCache::default());
        let (known, newer) = [2, 3].map(|byte| record(Secret::from_bytes([byte; 16]))).into();
        let token = |record: &Record| {
            let token = ReferenceToken::issue(record, None).unwrap();
            ReferenceToken::parse(token.expose().as_bytes()).unwrap()
        };
        cache.follow(1);
        cache.heard(1, NOW);
        let ticket = cache.await_read(known.id());
        cache.keep(&ticket, &token(&known), &known);
        assert!(matches!(cache.open(&token(&known), NOW), Some(Loaded::Live { .. })));
        assert!(cache.open(&token(&newer), NOW).is_none(), "the secret may be newer than what is known");
        let later = NOW + Duration::from_secs(60);
        cache.heard(1, later);
        assert!(cache.open(&token(&known), later).is_none(), "somebody else may have touched it");
    }
}
