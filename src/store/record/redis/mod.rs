//! Sessions in Redis: any server answers for them, and they are revoked at once.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`RedisStore`]: the options, and the trait's calls |
//! | `place` | where Redis is: one server, Sentinel, Cluster; URLs |
//! | `wire` | one established connection |
//! | `link` | the connection that all calls share: making it, losing it, asking again |
//! | `fault` | what the client's errors mean |
//! | `keys` | the names of keys |
//! | `stored` | what stands under a session's key: a record or a tombstone |
//! | `script`, `scripts/` | what runs inside Redis, atomically |
//! | `answer` | reading the scripts' replies |
//! | `index` | the sessions of a subject |
//! | `cache` | [`LocalCache`]: records that need no trip |
//!
//! # What is hostile
//! Presented tokens, as everywhere, and the network: replies may be late, lost or another call's. What Redis holds is
//! not trusted to be whole; whoever can write to it can write sessions, but a dump of it is no set of logins.
//!
//! # Commands
//! A read is one `GET`. A change is one script call of a single key; a login enters its session on its subject's page
//! before that. A touch moves eight bytes. Nothing blocks, nothing scans, and no two keys need to share a slot.

mod answer;
mod cache;
mod fault;
mod index;
mod keys;
mod link;
#[cfg(feature = "config")]
mod options;
mod place;
mod script;
mod stored;
mod wire;

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::{Cmd, IntoConnectionInfo, RedisConnectionInfo, Value, aio::ConnectionLike};

#[cfg(feature = "config")]
pub(crate) use self::options::RedisOptions;
use self::{
    answer::{Ending, Swap, Touching},
    cache::Cache,
    keys::Keys,
    link::{IfLost, Link, Question},
    place::{Place, Way},
    script::{Call, END, SWAP, TOUCH},
    stored::{Stored, Unread},
};
pub use self::{cache::LocalCache, place::InvalidRedisUrl};
use crate::store::{
    Absence, Created, Ended, Found, Guarantees, Index, Loaded, PresentedToken, ReferenceToken, Replaced,
    Revocation, Scope, SessionIndex, SessionStore, StoreContext, TokenForm, Touched, Updates, authenticate,
    within,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{MigrationState, Record, Version},
    time::{Deadline, Timestamp},
};

/// The largest session data that is kept, in bytes.
const MAX_DATA: usize = 4 << 20;

/// What a read is.
const GET: &str = "GET";

/// Sessions in Redis (6.2 or newer) or Valkey.
///
/// A clone is another handle of the same store and shares its connection. The connection is made when it is first
/// needed and again whenever it was lost, so a server may start before its Redis; [`ping`](Self::ping) tells whether it
/// is there.
///
/// # The server
/// Its `maxmemory-policy` should be `noeviction`, or sessions end when memory runs out instead of new ones being refused.
/// Whether sessions survive its restart is its configuration's matter: `appendonly yes`. A failover to a replica loses
/// what the replica has not seen yet, log-outs included, unless `min-replicas-to-write` and `WAIT` are set up for it.
///
/// A user of its own needs no more than this, where `cloakroom:` is the [prefix](Self::prefix):
/// `ACL SETUSER app on >password ~cloakroom:* +get +eval +evalsha +set +getrange +setrange +pexpire +pttl +del +zadd
/// +zcard +zscore +zrem +zrevrange +ping +hello +client|tracking`; with a database other than the first also `+select`,
/// with Sentinel `+role`, with Cluster `+cluster|slots +asking`. From Redis 7.2 on the client introduces itself;
/// `+client|setinfo` lets it.
///
/// ```
/// use cloakroom::{SessionManager, store::RedisStore};
///
/// let store = RedisStore::from_url("redis://127.0.0.1:6379/0")?.prefix("shop:");
/// let sessions = SessionManager::new(store);
/// # Ok::<(), cloakroom::store::InvalidRedisUrl>(())
/// ```
#[derive(Clone)]
pub struct RedisStore {
    options: Options,
    keys: Keys,
    cache: Option<Arc<Cache>>,
    link: Arc<Link>,
}

/// What a store is made of.
#[derive(Clone)]
struct Options {
    place: Place,
    way: Way,
    keys: Keys,
    cache: Option<LocalCache>,
    persists: bool,
}

impl RedisStore {
    /// The deployment that a URL names.
    ///
    /// | URL | deployment |
    /// | --- | --- |
    /// | `redis://[user:password@]host[:port][/database]` | one server |
    /// | `redis+unix:///path/to/socket[?db=1]` | one server on this machine |
    /// | `redis+sentinel://[user:password@]host[:port],host[:port]/service[/database]` | the primary that these Sentinels name |
    /// | `redis+cluster://[user:password@]host[:port],host[:port]` | a cluster, by some of its nodes |
    ///
    /// With `rediss` in place of `redis` the connections are encrypted.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] if it is none of these. Nothing is connected yet.
    pub fn from_url(url: &str) -> Result<Self, InvalidRedisUrl> {
        Place::parse(url).map(Self::at)
    }

    /// One server, given by a URL or by what the `redis` crate (1.x) calls connection info.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] if it is not of that form.
    pub fn standalone(server: impl IntoConnectionInfo) -> Result<Self, InvalidRedisUrl> {
        Ok(Self::at(Place::Server(place::info(server)?)))
    }

    /// The primary of `service`, as these Sentinels know it. `node` has the user, password and database to use there;
    /// connections are encrypted if those to the Sentinels are.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] if a Sentinel's address is not of the form of a server's.
    pub fn sentinel<S: IntoConnectionInfo>(
        sentinels: impl IntoIterator<Item = S>,
        service: &str,
        node: RedisConnectionInfo,
    ) -> Result<Self, InvalidRedisUrl> {
        let sentinels = sentinels.into_iter().map(place::info).collect::<Result<_, _>>()?;
        Ok(Self::at(Place::Sentinel { sentinels, service: service.to_owned(), node }))
    }

    /// A cluster, by some of its nodes.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] if a node's address is not of the form of a server's.
    pub fn cluster<S: IntoConnectionInfo>(
        nodes: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidRedisUrl> {
        Ok(Self::at(Place::Cluster(nodes.into_iter().map(place::info).collect::<Result<_, _>>()?)))
    }

    /// Whatever this connection of the `redis` crate (1.x) leads to: a `MultiplexedConnection` or a `ConnectionManager`.
    ///
    /// Such a connection is the application's: the store neither makes it anew nor finds another primary. One that
    /// repeats writes on its own, as a `ClusterConnection` does by default, may count an update twice;
    /// [`cluster`](Self::cluster) knows how to avoid that.
    #[must_use]
    pub fn from_connection(connection: impl ConnectionLike + Clone + Send + Sync + 'static) -> Self {
        Self::at(Place::Given(Arc::new(connection)))
    }

    fn at(place: Place) -> Self {
        let keys = Keys::new("cloakroom:");
        Self::new(Options { place, way: Way::default(), keys, cache: None, persists: true })
    }

    fn new(options: Options) -> Self {
        let keys = options.keys.clone();
        let cached = options.cache.filter(|_| options.place.can_track());
        let cache = cached.map(|cache| Arc::new(Cache::new(keys.clone(), cache)));
        let link = Link::new(options.place.clone(), options.way.clone(), cache.clone());
        Self { options, keys, cache, link: Arc::new(link) }
    }

    /// What all keys begin with, `cloakroom:` by default. Two applications on one Redis need two.
    ///
    /// In a cluster a prefix with braces would put all sessions on one node.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> Self {
        Self::new(Options { keys: Keys::new(prefix), ..self.options })
    }

    /// The certificates, in PEM, of the authority that signed the servers'; by default those that the system trusts.
    #[must_use]
    pub fn tls_roots(self, pem: &[u8]) -> Self {
        let way = Way { roots: Some(pem.into()), ..self.options.way };
        Self::new(Options { way, ..self.options })
    }

    /// How long making a connection may take, name resolution and greetings included; five seconds by default.
    ///
    /// A call waits for a connection no longer than its own deadline.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        let way = Way { timeout, ..self.options.way };
        Self::new(Options { way, ..self.options })
    }

    /// Keeps what was read a moment ago in this process, so that reading it again takes no trip. Off by default.
    ///
    /// Redis tells of every change (client tracking, RESP3), which takes a moment: a session that another server ended
    /// is revoked [within](Revocation::Within) the time given here. Changes are never lost by it. It works with one
    /// server and with Sentinel; elsewhere it stays off, as [`guarantees`](SessionStore::guarantees) then show.
    #[must_use]
    pub fn local_cache(self, cache: LocalCache) -> Self {
        Self::new(Options { cache: Some(cache), ..self.options })
    }

    /// Declares that this Redis keeps nothing on disk, so that a restart of it ends all sessions.
    #[must_use]
    pub fn without_persistence(self) -> Self {
        Self::new(Options { persists: false, ..self.options })
    }

    /// Asks Redis for a sign of life.
    ///
    /// # Errors
    /// When it cannot be reached, or does not answer within `deadline`.
    pub async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        let ping = Question::Command(redis::cmd("PING"));
        self.ask(&ping, IfLost::AskAgain, StoreContext::new(Timestamp::MIN, deadline), |_| Ok(())).await
    }

    async fn ask<T>(
        &self,
        question: &Question<'_>,
        if_lost: IfLost,
        cx: StoreContext,
        read: impl Fn(Value) -> Result<T, Unread>,
    ) -> Result<T, StoreError> {
        // Pinned here: a future that is handed on by value takes its room twice.
        let call = pin!(self.link.ask(question, if_lost, cx, read));
        within(cx.deadline, call).await
    }

    /// Asks a script that ends up the same when it runs twice.
    async fn run<T>(
        &self,
        call: Call<'_>,
        cx: StoreContext,
        read: impl Fn(Value) -> Result<T, Unread>,
    ) -> Result<T, StoreError> {
        self.ask(&Question::Script(call), IfLost::AskAgain, cx, read).await
    }

    /// What stands under the key of a session.
    async fn fetch(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        let key = self.keys.session(id);
        let mut get = Cmd::with_capacity(2, GET.len() + key.len());
        get.arg(GET).arg(key);
        let get = Question::Command(get);
        self.ask(&get, IfLost::AskAgain, cx, |reply| answer::stored(&reply, id)).await
    }

    /// Puts a record in place of the expected state, or where nothing stands.
    async fn swap(
        &self,
        record: &Record,
        expected: Option<Version>,
        cx: StoreContext,
    ) -> Result<Swap, StoreError> {
        let (key, now, blob) = (self.keys.session(&record.id()), millis(cx.now), record.encode());
        let tag = record.version().write.as_u64().to_le_bytes();
        let expected = expected.map(version_bytes);
        let expected = expected.as_ref().map_or(&[][..], |bytes| bytes);
        let call = SWAP.on(&key, [&tag, now.as_bytes(), expected, &blob]);
        // A write whose reply was lost is for the engine to repeat: it knows what else may have been written since.
        let swap = self
            .ask(&Question::Script(call), IfLost::LeaveOpen, cx, |reply| {
                answer::swap(reply, &tag, &record.id())
            })
            .await;
        self.forget(&record.id());
        swap
    }

    /// Forgets what the local cache holds of a session, so that this server sees its own writes at once.
    fn forget(&self, id: &SessionId) {
        if let Some(cache) = &self.cache {
            cache.forget(id);
        }
    }

    /// Refuses data that are too large, and enters a session on its subject's page before it is written.
    async fn prepare(&self, record: &Record, is_news: bool, cx: StoreContext) -> Result<(), StoreError> {
        let size = record.data().len();
        if size > MAX_DATA {
            let message =
                format!("a session of {size} bytes is larger than the {MAX_DATA} that Redis is given");
            return Err(StoreError::new(StoreErrorKind::TooLarge { size, limit: MAX_DATA }, message));
        }
        if is_news { self.enter(record, cx).await } else { Ok(()) }
    }
}

/// Without user names, passwords and what the store holds.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("place", &self.options.place)
            .field("prefix", &self.keys.prefix())
            .field("local_cache", &self.cache)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    fn guarantees(&self) -> Guarantees {
        let cached = self.options.cache.filter(|_| self.cache.is_some());
        Guarantees::new("redis", TokenForm::Reference)
            .revocation(cached.map_or(Revocation::AtOnce, |cache| Revocation::Within(cache.within)))
            .survives_restart(self.options.persists)
            .scope(Scope::AllNodes)
            .updates(Updates::NeverLost)
            .index(Index::AllNodes)
            .max_data(Some(MAX_DATA))
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        ReferenceToken::recognises(presented.bytes())
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        let Some(token) = ReferenceToken::parse(presented.bytes()) else {
            return Ok(Loaded::Absent(Absence::Malformed));
        };
        let ticket = self.cache.as_ref().map(|cache| (cache, cache.await_read(token.id())));
        let loaded = match self.fetch(&token.id(), cx).await? {
            Some(Stored::Live(record)) => authenticate(&record, &token, cx.now),
            Some(ended) => Loaded::Absent(ended.absence(cx.now)),
            None => Loaded::Absent(Absence::Unknown),
        };
        if let (Some((cache, ticket)), Loaded::Live { record, .. }) = (ticket, &loaded)
            && !record.in_grace(cx.now)
        {
            cache.keep(&ticket, &token, record);
        }
        Ok(loaded)
    }

    /// Answers from the local cache, if there is one.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        let cache = self.cache.as_ref()?;
        cache.open(&ReferenceToken::parse(presented.bytes())?, now).map(Ok)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let token = ReferenceToken::issue(record, None)
            .ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "no secret"))?;
        self.prepare(record, true, cx).await?;
        Ok(match self.swap(record, None, cx).await? {
            Swap::Done => Created::Done(token),
            Swap::Found(Stored::Live(stored)) if stored.remembers(record.version().write) => {
                Created::Done(token)
            }
            Swap::Found(Stored::Live(stored)) => Created::Taken(stored),
            Swap::Found(Stored::Ended { .. }) | Swap::Absent => Created::Ended,
        })
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let token = ReferenceToken::issue(record, None);
        // Whoever logs in is given a new secret; no other write changes the subject, apart from a copy that takes the place
        // of what an earlier move has left.
        let is_news = token.is_some() || record.migration_state() == MigrationState::Arriving;
        self.prepare(record, is_news, cx).await?;
        let stored = match self.swap(record, Some(expected), cx).await? {
            Swap::Done => return Ok(Replaced::Done(token)),
            Swap::Absent => return Ok(Replaced::Gone(Absence::Unknown)),
            Swap::Found(stored) => stored,
        };
        Ok(match stored.standing(cx.now) {
            Ok(stored) if stored.remembers(record.version().write) => Replaced::Done(token),
            Ok(stored) => Replaced::Conflict(stored),
            Err(absence) => Replaced::Gone(absence),
        })
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        let (key, now) = (self.keys.session(id), millis(cx.now));
        let [at, until] = [cx.now, until].map(stored_time);
        let call = END.on(&key, [id.as_bytes(), now.as_bytes(), id.as_bytes(), &at, &until]);
        let ending = self.run(call, cx, |reply| answer::ending(reply, id)).await;
        self.forget(id);
        match ending? {
            Ending::Already => Ok(Ended::Already),
            Ending::Done(stood) => {
                if let Some(subject) = stood.as_ref().and_then(Record::subject) {
                    self.leave(subject, id, cx).await;
                }
                Ok(Ended::Done)
            }
        }
    }

    /// Moves the time in place: other writers of the session notice nothing. The entry on its subject's page is
    /// confirmed with it, so that one which the server has lost comes back.
    async fn touch(&self, record: &Record, _: Version, cx: StoreContext) -> Result<Touched, StoreError> {
        let (id, key, now) = (record.id(), self.keys.session(&record.id()), millis(cx.now));
        let args: [&[u8]; 4] = [
            id.as_bytes(),
            now.as_bytes(),
            &record.epoch().to_le_bytes(),
            &stored_time(record.last_active()),
        ];
        let touching = self.run(TOUCH.on(&key, args), cx, |reply| answer::touching(reply, &id));
        let (touching, entered) = futures_util::future::join(touching, self.enter(record, cx)).await;
        self.forget(&id);
        entered?;
        Ok(match touching? {
            Touching::Done => Touched::Done(None),
            Touching::Rotated => Touched::Gone(Absence::Rotated { id, at: cx.now }),
            Touching::Gone(absence) => Touched::Gone(absence),
            Touching::Ended(ended) => Touched::Gone(ended.absence(cx.now)),
        })
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        Ok(match self.fetch(id, cx).await?.map(|stored| stored.standing(cx.now)) {
            Some(Ok(record)) => Found::Live(record),
            Some(Err(absence)) => Found::Absent(absence),
            None => Found::Absent(Absence::Unknown),
        })
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

fn millis(at: Timestamp) -> String {
    at.as_millis().to_string()
}

fn stored_time(at: Timestamp) -> [u8; 8] {
    at.as_millis().to_le_bytes()
}

/// A version as the scripts compare it: the counter, then the write.
fn version_bytes(version: Version) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&version.counter.to_le_bytes());
    bytes[8..].copy_from_slice(&version.write.as_u64().to_le_bytes());
    bytes
}
