//! Redis as a backend of a [`RecordStore`]: [`RedisBackend`].

use std::sync::Arc;

use super::{
    client::{Client, Request},
    database::{Database, millis},
    replicas::Replicas,
    reply::{self, Repeated, ReplyError},
    script::{BURY, SWAP, ScriptCall, TOUCH},
};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        ChangeListener, Ended, Guarantees, Index, RecordBackend, RecordStore, Revocation, Scope,
        SessionIndex, StoreContext, Stored, Swapped, TokenForm, Tombstone, Touched, Updates,
    },
    time::{Deadline, Timestamp},
};

/// The largest session data that is stored, in bytes.
const MAX_DATA: usize = 4 << 20;

/// Sessions in Redis (6.2 or newer) or Valkey.
///
/// A clone is another handle of the same store and shares its connection. The connection is made when it is first
/// needed and again whenever it was lost, so a node may start before its Redis; [`ping`](Self::ping) tells whether Redis
/// is available.
///
/// # The server
/// Its `maxmemory-policy` should be `noeviction`, or sessions end when memory runs out instead of new ones being refused.
/// Whether sessions survive its restart depends on its configuration: `appendonly yes`. A failover to a replica loses
/// what the replica has not received yet, logouts included, unless the store [waits for
/// replicas](super::RedisStoreBuilder::replicas).
///
/// A user of its own needs no more than this, where `cloakroom:` is the [prefix](super::RedisStoreBuilder::prefix):
/// `ACL SETUSER app on >password ~cloakroom:* +get +eval +evalsha +set +getrange +setrange +pexpire +pttl +del +zadd
/// +zcard +zscore +zrem +zrevrange +info +ping +hello +client|tracking`; with a database other than the first also `+select`,
/// with Sentinel `+role`, with replicas that are waited for `+wait`, with Cluster `+cluster|slots +asking`. From Redis 7.2 on the client introduces itself, which
/// `+client|setinfo` permits.
///
/// ```
/// use cloakroom::{SessionManager, store::RedisStore};
///
/// let store = RedisStore::from_url("redis://127.0.0.1:6379/0")?;
/// let sessions = SessionManager::new(store);
/// # Ok::<(), cloakroom::store::InvalidRedisUrl>(())
/// ```
pub type RedisStore = RecordStore<RedisBackend>;

/// The Redis deployment behind a [`RedisStore`].
#[derive(Debug, Clone)]
pub struct RedisBackend {
    pub(super) database: Database,
    pub(super) is_persistent: bool,
    /// The share of the memory, in percent, above which no anonymous session begins.
    pub(super) anonymous_share: u8,
    /// How logins and logouts are written that replicas have to confirm.
    pub(super) replicated: Option<Replicated>,
}

/// Writes that replicas confirm, on a connection of their own: to wait for replicas holds up all calls behind it.
#[derive(Debug, Clone)]
pub(super) struct Replicated {
    pub(super) client: Arc<Client>,
    pub(super) replicas: Replicas,
}

impl RedisStore {
    /// Checks that Redis is available.
    ///
    /// # Errors
    /// When it cannot be connected to, or does not answer before `deadline`.
    pub async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        let cx = StoreContext::new(Timestamp::MIN, deadline);
        self.backend().database.ping(cx).await
    }
}

impl RedisBackend {
    /// The share of the memory that may be used when this record is written, as the script takes it.
    fn share(&self, is_new: bool, next: &Record) -> String {
        let is_limited = is_new && next.subject().is_none() && self.anonymous_share < 100;
        if is_limited { self.anonymous_share.to_string() } else { String::new() }
    }

    /// Runs a script that writes; if it `must_last`, its effect is waited for on as many replicas as the application asks for.
    async fn write<T>(
        &self,
        script: ScriptCall<'_>,
        must_last: bool,
        cx: StoreContext,
        read: impl Fn(&[redis::Value], Repeated) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        match &self.replicated {
            Some(Replicated { client, replicas }) if must_last => {
                client.call(&Request::Replicated(script, replicas), cx, read).await
            }
            _ => self.database.client.call(&Request::Script(script), cx, read).await,
        }
    }
}

impl RecordBackend for RedisBackend {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new("redis", TokenForm::Reference)
            .revocation(Revocation::AtOnce)
            .survives_restart(self.is_persistent)
            .scope(Scope::AllNodes)
            .updates(Updates::NeverLost)
            .index(Index::AllNodes)
            .max_data(Some(MAX_DATA))
    }

    async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        self.database.get(id, cx).await
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        let (id, now, blob) = (next.id(), millis(cx.now), next.encode());
        let key = self.database.keys.session(&id);
        let expected = expected.map_or(Vec::new(), version_bytes);
        let share = self.share(expected.is_empty(), next);
        let swap = SWAP.on(&key, [now.as_bytes(), &expected, &blob, share.as_bytes()]);
        let read = |parts: &[_], repeated| reply::swap(parts, repeated, next);
        let is_login = next.subject().is_some() && (expected.is_empty() || next.is_to_be_listed());
        self.write(swap, is_login, cx, read).await
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        let id = &tombstone.id;
        let (key, now) = (self.database.keys.session(id), millis(cx.now));
        let stored = Stored::Tombstone(tombstone).encode();
        let bury = BURY.on(&key, [now.as_bytes(), &stored]);
        let buried = self.write(bury, true, cx, |parts, _| reply::bury(parts, id)).await;
        let (ended, record) = buried?;
        if let Some(subject) = record.as_ref().and_then(Record::subject) {
            self.database.delist(subject, id, cx).await;
        }
        Ok(ended)
    }

    /// Confirms the session's entry in the index as well, so that one which the server has lost comes back.
    async fn touch(&self, record: &Record, cx: StoreContext) -> Result<Touched, StoreError> {
        let (id, now) = (record.id(), millis(cx.now));
        let (epoch, last_active) = (record.epoch().to_le_bytes(), stored_time(record.last_active()));
        let key = self.database.keys.session(&id);
        let touch = TOUCH.on(&key, [now.as_bytes(), &epoch, &last_active]);
        let touch = self.database.run(touch, cx, |parts| reply::touch(parts, &id, cx.now));
        let (touched, enlisted) = futures_util::future::join(touch, self.database.enlist(record, cx)).await;
        enlisted?;
        touched
    }

    async fn enlist(&self, record: &Record, cx: StoreContext) -> Result<(), StoreError> {
        self.database.enlist(record, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(&self.database)
    }

    /// Redis tells of changes by client tracking (RESP3), with one server and with Sentinel. A connection that there is already is
    /// given up.
    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        self.database.client.announce_to(listener)
    }
}

fn stored_time(at: Timestamp) -> [u8; 8] {
    at.as_millis().to_le_bytes()
}

/// A version as the scripts compare it: the counter, then the write.
fn version_bytes(version: Version) -> Vec<u8> {
    [version.counter.to_le_bytes(), version.write.as_u64().to_le_bytes()].concat()
}
