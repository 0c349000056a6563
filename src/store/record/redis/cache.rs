//! Records that were read recently, invalidated by the changes that Redis announces.
//!
//! The server remembers which keys a connection has read and tells it when one of them changes. That takes a moment, and a
//! connection may be dead without a sign of it, so an entry here is no proof of what Redis stores. What can be proved is
//! this: the server answers in order. When it has answered a call that was sent at `t`, it has announced every change up to
//! `t` before. So an entry counts only while the last answered call was sent no longer than `within` ago, and a session that
//! was ended elsewhere opens here for `within` at most. No timer and no pings are needed: when the connection was silent for
//! too long, the next read goes to the server and thereby renews the proof. Times are those of the calls, by this node's
//! clock.
//!
//! The reply to a read may arrive after the announcement of a change that outdates it. A read is therefore announced before
//! it is sent. Whatever invalidates the key or the connection removes the announcement, and the result of a read that is not
//! announced any more is not kept.

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
/// let store = RedisStore::builder("redis://127.0.0.1")?
///     .local_cache(LocalCache { within: Duration::from_secs(2), ..LocalCache::default() })
///     .build();
/// assert_eq!(store.guarantees().revocation, Revocation::Within(Duration::from_secs(2)));
/// # Ok::<(), cloakroom::store::InvalidRedisUrl>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCache {
    /// For how long, at most, a session that another node has ended or changed is still seen as it was. Default: one
    /// second.
    pub within: Duration,
    /// How many sessions are kept, at most. Below two, none is. Default: 10 000.
    pub sessions: usize,
    /// How much they take, at most, in bytes: that of data and subject, plus 384 for each session. A session that takes more than
    /// a thirty-second of them is not kept. Default: 64 MiB, so a session of 2 MiB is the largest.
    pub bytes: usize,
}

impl Default for LocalCache {
    fn default() -> Self {
        Self { within: Duration::from_secs(1), sessions: 10_000, bytes: 64 << 20 }
    }
}

/// Enough that threads seldom wait for each other; a cache of a few sessions has fewer.
const MAX_SHARDS: usize = 16;

/// No connection has this number.
const NONE: u64 = 0;

/// No call was answered yet.
const NEVER: i64 = i64::MIN;

/// The cache of one store.
pub(super) struct Cache {
    keys: Keys,
    within: Duration,
    shards: Box<[Mutex<CacheShard>]>,
    hasher: RandomState,
    reads: AtomicU64,
    /// The connection whose announcements count.
    connection: AtomicU64,
    /// When the last answered call was sent, or earlier, in milliseconds; `NEVER` if there is none.
    confirmed: AtomicI64,
}

/// A read that is under way: its number and its session. When it is dropped it is over.
#[derive(Debug)]
pub(super) struct PendingRead<'a> {
    cache: &'a Cache,
    number: u64,
    id: SessionId,
}

impl Drop for PendingRead<'_> {
    fn drop(&mut self) {
        self.cache.shard(&self.id).end_read(self);
    }
}

/// What is kept, and what is being read.
///
/// The numbers of reads are kept apart, so that reads of sessions that do not exist displace nothing.
#[derive(Debug)]
struct CacheShard {
    young: Generation,
    old: Generation,
    reads: HashMap<SessionId, u64, RandomState>,
    half: Half,
}

/// Records that were kept in the same period. When the young ones are half of what may be kept, they become the old ones, and
/// those are dropped. A record that is read meanwhile becomes young again.
#[derive(Debug, Default)]
struct Generation {
    records: HashMap<SessionId, Record, RandomState>,
    bytes: usize,
}

/// Half of what may be kept.
#[derive(Debug, Clone, Copy)]
struct Half {
    sessions: usize,
    bytes: usize,
}

/// What a session counts beside its data and its subject's name, in bytes.
const FIXED_LEN: usize = 384;

fn size(record: &Record) -> usize {
    FIXED_LEN.saturating_add(record.variable_len())
}

impl Cache {
    pub(super) fn new(keys: Keys, options: LocalCache) -> Self {
        let shards = (options.sessions / 2).clamp(1, MAX_SHARDS);
        let half = Half { sessions: options.sessions / shards / 2, bytes: options.bytes / shards / 2 };
        Self {
            keys,
            within: options.within,
            shards: (0..shards).map(|_| Mutex::new(CacheShard::new(half))).collect(),
            hasher: RandomState::default(),
            reads: AtomicU64::new(0),
            connection: AtomicU64::new(NONE),
            confirmed: AtomicI64::new(NEVER),
        }
    }

    /// For how long the cache may lag behind.
    pub(super) fn within(&self) -> Duration {
        self.within
    }

    /// What a token opens, if that is known without asking Redis.
    ///
    /// That it opens nothing is never known: its secret may be newer than the cached record, or the session used since.
    pub(super) fn open(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        if !self.is_fresh(now) {
            return None;
        }
        let record = self.shard(&token.id()).get(&token.id())?;
        Some(authenticate(&record, token, now)).filter(|loaded| matches!(loaded, Loaded::Live { .. }))
    }

    /// Announces a read that is about to be sent.
    pub(super) fn begin_read(&self, id: SessionId) -> PendingRead<'_> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        self.shard(&id).reads.insert(id, number);
        PendingRead { cache: self, number, id }
    }

    /// Keeps what was read, unless it was outdated meanwhile.
    ///
    /// The record is kept with the secret that opened it, so that opening it again takes a comparison and no hash.
    pub(super) fn finish_read(&self, read: &PendingRead<'_>, token: &ReferenceToken, record: &Record) {
        let mut shard = self.shard(&read.id);
        if shard.end_read(read) {
            shard.put(record.opened_by(token.secret()));
        }
    }

    /// Forgets a session, and that it is being read.
    pub(super) fn forget(&self, id: &SessionId) {
        self.shard(id).remove(id);
    }

    /// Forgets everything; from now on the announcements of this connection count.
    pub(super) fn follow(&self, connection: u64) {
        self.connection.store(connection, Ordering::SeqCst);
        self.clear();
    }

    /// Forgets everything: changes are not announced any more.
    pub(super) fn stop_following(&self) {
        self.follow(NONE);
    }

    /// Notes that a call was answered which was sent on this connection at `sent` or later.
    pub(super) fn confirm(&self, connection: u64, sent: Timestamp) {
        // A call without a time proves nothing.
        if sent.as_millis() != NEVER && self.connection.load(Ordering::SeqCst) == connection {
            self.confirmed.store(sent.as_millis(), Ordering::SeqCst);
        }
    }

    /// Forgets what the server announces as changed on this connection.
    pub(super) fn invalidate(&self, connection: u64, push: &PushInfo) {
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
            // An announcement without keys concerns all of them.
            _ => self.clear(),
        }
    }

    fn clear(&self) {
        self.confirmed.store(NEVER, Ordering::SeqCst);
        for shard in &*self.shards {
            let shard = &mut *lock(shard);
            *shard = CacheShard::new(shard.half);
        }
    }

    /// Whether entries count at this moment. A clock that was set back proves nothing.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let confirmed = self.confirmed.load(Ordering::SeqCst);
        let confirmed_at = Timestamp::from_millis(confirmed);
        confirmed != NEVER && confirmed_at <= now && now.since(confirmed_at) <= self.within
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are enough")]
    fn shard(&self, id: &SessionId) -> MutexGuard<'_, CacheShard> {
        lock(&self.shards[self.hasher.hash_one(id) as usize % self.shards.len()])
    }
}

/// Nothing that is done under the lock panics halfway, so a poisoned lock guards a whole shard.
fn lock(shard: &Mutex<CacheShard>) -> MutexGuard<'_, CacheShard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CacheShard {
    fn new(half: Half) -> Self {
        Self { young: Generation::default(), old: Generation::default(), reads: HashMap::default(), half }
    }

    fn get(&mut self, id: &SessionId) -> Option<Record> {
        if let Some(record) = self.young.records.get(id) {
            return Some(record.clone());
        }
        let record = self.old.remove(id)?;
        self.put(record.clone());
        Some(record)
    }

    fn put(&mut self, record: Record) {
        let (id, size) = (record.id(), size(&record));
        self.remove_record(&id);
        if self.half.sessions == 0 || size > self.half.bytes {
            return;
        }
        if self.young.records.len() >= self.half.sessions || self.young.bytes + size > self.half.bytes {
            self.old = mem::take(&mut self.young);
        }
        self.young.bytes += size;
        self.young.records.insert(id, record);
    }

    /// Notes that a read is over; whether nothing has outdated it meanwhile.
    fn end_read(&mut self, read: &PendingRead<'_>) -> bool {
        let is_current = self.reads.get(&read.id) == Some(&read.number);
        if is_current {
            self.reads.remove(&read.id);
        }
        is_current
    }

    fn remove(&mut self, id: &SessionId) {
        self.reads.remove(id);
        self.remove_record(id);
    }

    fn remove_record(&mut self, id: &SessionId) {
        self.young.remove(id);
        self.old.remove(id);
    }
}

impl Generation {
    fn remove(&mut self, id: &SessionId) -> Option<Record> {
        let record = self.records.remove(id)?;
        self.bytes -= size(&record);
        Some(record)
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

    /// Whoever guesses at sessions, and whatever one session holds, the others stay.
    #[test]
    fn junk_displaces_nothing_and_large_sessions_no_more_than_their_bytes() {
        let options = LocalCache { sessions: 320, bytes: 16 * 40_000, ..LocalCache::default() };
        let cache = Cache::new(Keys::new("shop:"), options);
        cache.follow(1);
        cache.confirm(1, NOW);
        let session = |number: u32, len: usize| {
            let id = SessionId::from_bytes(
                [[0; 12].as_slice(), &number.to_le_bytes()].concat().try_into().unwrap(),
            );
            let lifetime = Lifetime { idle: Duration::from_secs(60), absolute: Duration::from_secs(3600) };
            let new = Record::new(id, Secret::from_bytes([2; 16]), WriteId::from_u64(1), lifetime, NOW);
            let record =
                new.into_draft().data(crate::record::Data::default().with("k", &vec![b'1'; len]).unwrap());
            let record = record.finish();
            let token = ReferenceToken::issue(&record, None).unwrap();
            (ReferenceToken::parse(token.expose().as_bytes()).unwrap(), record)
        };
        let keep = |(token, record): &(ReferenceToken, Record)| {
            let read = cache.begin_read(record.id());
            cache.finish_read(&read, token, record);
        };
        let good: Vec<_> = (0..50).map(|number| session(number, 10)).collect();
        good.iter().for_each(keep);
        let hits = || good.iter().filter(|(token, _)| cache.open(token, NOW).is_some()).count();
        assert_eq!(hits(), 50);
        for number in 1_000..11_000 {
            drop(cache.begin_read(session(number, 0).1.id()));
        }
        assert_eq!(hits(), 50, "reads of unknown sessions displace nothing");
        (100..200).map(|number| session(number, 40_000)).for_each(|large| keep(&large));
        assert_eq!(hits(), 50, "what is larger than its part is not kept");
        (200..900).map(|number| session(number, 10_000)).for_each(|large| keep(&large));
        let kept = cache.shards.iter().map(|shard| {
            let shard = lock(shard);
            assert!(shard.reads.is_empty());
            let records = shard.young.records.values().chain(shard.old.records.values());
            assert_eq!(records.map(size).sum::<usize>(), shard.young.bytes + shard.old.bytes);
            shard.young.bytes + shard.old.bytes
        });
        let kept: usize = kept.sum();
        assert!((200_000..=options.bytes).contains(&kept), "{kept}");
    }

    /// Another node may have issued the token a moment ago, or have stored that the session was used.
    #[test]
    fn a_cached_record_opens_a_session_but_never_denies_one() {
        let cache = Cache::new(Keys::new("shop:"), LocalCache::default());
        let (known, newer) = [2, 3].map(|byte| record(Secret::from_bytes([byte; 16]))).into();
        let token = |record: &Record| {
            let token = ReferenceToken::issue(record, None).unwrap();
            ReferenceToken::parse(token.expose().as_bytes()).unwrap()
        };
        cache.follow(1);
        cache.confirm(1, NOW);
        let read = cache.begin_read(known.id());
        cache.finish_read(&read, &token(&known), &known);
        assert!(matches!(cache.open(&token(&known), NOW), Some(Loaded::Live { .. })));
        assert!(cache.open(&token(&newer), NOW).is_none(), "the secret may be newer than the record");
        let later = NOW + Duration::from_secs(60);
        cache.confirm(1, later);
        assert!(cache.open(&token(&known), later).is_none(), "another node may have touched it");
    }
}
