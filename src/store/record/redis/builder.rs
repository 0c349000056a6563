//! The options of a [`RedisStore`].

use std::{fmt, sync::Arc, time::Duration};

use redis::aio::ConnectionLike;

use super::{
    backend::{RedisBackend, RedisStore},
    cache::{Cache, LocalCache},
    client::Client,
    connect_options::ConnectOptions,
    database::Database,
    endpoint::{Endpoint, InvalidRedisUrl},
    keys::Keys,
};
use crate::store::RecordStore;

/// The options of a [`RedisStore`].
///
/// ```
/// use std::time::Duration;
/// use cloakroom::store::RedisStore;
///
/// let store = RedisStore::builder("redis://127.0.0.1:6379/0")?
///     .prefix("shop:")
///     .connect_timeout(Duration::from_secs(2))
///     .build();
/// # Ok::<(), cloakroom::store::InvalidRedisUrl>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct RedisStoreBuilder {
    endpoint: Endpoint,
    options: ConnectOptions,
    keys: Keys,
    cache: Option<LocalCache>,
    is_persistent: bool,
}

impl RedisStore {
    /// A store with the default options on the deployment that a URL names.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`], see [`builder`](Self::builder). Nothing is connected yet.
    pub fn from_url(url: &str) -> Result<Self, InvalidRedisUrl> {
        Self::builder(url).map(RedisStoreBuilder::build)
    }

    /// Begins to configure a store on the deployment that a URL names.
    ///
    /// | URL | deployment | feature |
    /// | --- | --- | --- |
    /// | `redis://[user:password@]host[:port][/database]` | one server | |
    /// | `redis+unix:///path/to/socket[?db=1]` | one server on this machine | |
    /// | `redis+sentinel://[user:password@]host[:port],host[:port]/service[/database]` | the primary that these Sentinels name | `redis-sentinel` |
    /// | `redis+cluster://[user:password@]host[:port],host[:port]` | a cluster, by some of its nodes | `redis-cluster` |
    /// | `rediss` in place of `redis` | the same, with encrypted connections | `redis-tls` |
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] if it is none of these, or needs a feature that is not compiled in. Nothing is connected yet.
    pub fn builder(url: &str) -> Result<RedisStoreBuilder, InvalidRedisUrl> {
        Endpoint::parse(url).map(RedisStoreBuilder::new)
    }
}

impl RedisStoreBuilder {
    /// Begins to configure a store on a connection of the `redis` crate (1.x): a `MultiplexedConnection` or a
    /// `ConnectionManager`.
    ///
    /// This is the only place where types of that crate appear. Such a connection is the application's: the store neither
    /// reconnects nor looks for another primary, and the options of making connections have no effect. A connection that
    /// repeats writes, as a `ClusterConnection` does by default, may count an update twice; a `redis+cluster` URL avoids that.
    pub fn from_redis_connection(connection: impl ConnectionLike + Clone + Send + Sync + 'static) -> Self {
        Self::new(Endpoint::External(Arc::new(connection)))
    }

    fn new(endpoint: Endpoint) -> Self {
        let options = ConnectOptions::default();
        Self { endpoint, options, keys: Keys::new("cloakroom:"), cache: None, is_persistent: true }
    }

    /// Sets what all keys begin with. Default: `cloakroom:`. Two applications on one Redis need two prefixes.
    ///
    /// In a cluster a prefix with braces would put all sessions on one node.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.keys = Keys::new(prefix);
        self
    }

    /// Sets the certificates, in PEM, of the authority that signed the servers'. Default: those that the system trusts.
    ///
    /// Only the encrypted connections of `rediss` URLs use them.
    pub fn tls_roots(mut self, pem: &[u8]) -> Self {
        self.options.tls_roots = Some(pem.into());
        self
    }

    /// Sets the user name and the password at the Sentinels. Default: none, not even those of the URL, which are the
    /// primary's. The user of a plain `requirepass` is named `default`.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel_user(mut self, name: &str, password: &str) -> Self {
        self.options.sentinel_user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Sets how long making a connection may take, name resolution and greetings included. Default: five seconds.
    ///
    /// A call waits for a connection no longer than its own deadline.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Keeps records that were read recently in this process, so that reading them again takes no round trip. Default: off.
    ///
    /// Redis announces every change (client tracking, RESP3), which takes a moment: a session that another node has ended
    /// is revoked [within](crate::store::Revocation::Within) the time given here. Changes are never lost by it. It works
    /// with one server and with Sentinel; elsewhere it stays off, as [`guarantees`](crate::SessionStore::guarantees) then
    /// show.
    pub fn local_cache(mut self, cache: LocalCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Declares that this Redis stores nothing on disk, so that its restart ends all sessions. Default: it does.
    pub fn without_persistence(mut self) -> Self {
        self.is_persistent = false;
        self
    }

    /// A store with these options. Nothing is connected yet.
    #[must_use]
    pub fn build(self) -> RedisStore {
        let (keys, is_persistent) = (self.keys, self.is_persistent);
        let cache = self.cache.filter(|_| self.endpoint.can_track());
        let cache = cache.map(|cache| Arc::new(Cache::new(keys.clone(), cache)));
        let client = Arc::new(Client::new(self.endpoint, self.options, cache.clone()));
        let database = Database { keys, client };
        RecordStore::from_backend(RedisBackend { database, cache, is_persistent })
    }
}

/// Without user names and passwords.
impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("endpoint", &self.endpoint)
            .field("keys", &self.keys)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
