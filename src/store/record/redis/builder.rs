//! The options of a [`RedisStore`].

use std::{fmt, path::Path, sync::Arc, time::Duration};

use redis::aio::ConnectionLike;

use super::{
    super::tls::Pem,
    backend::{RedisBackend, RedisStore, Replicated},
    client::Client,
    connect_options::ConnectOptions,
    database::Database,
    endpoint::{Endpoint, InvalidRedisUrl},
    keys::Keys,
    replicas::Replicas,
};
use crate::store::{CircuitBreaker, CircuitBreakerOptions, CredentialsProvider, RecordStore};

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
    breaker: Option<CircuitBreakerOptions>,
    is_persistent: bool,
    anonymous_share: u8,
    replicas: u32,
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
        let breaker = Some(CircuitBreakerOptions::default());
        let (keys, anonymous_share) = (Keys::new("cloakroom:"), 80);
        Self { endpoint, options, keys, breaker, is_persistent: true, anonymous_share, replicas: 0 }
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
        self.options.server.tls.roots = Some(Pem::text(pem));
        self
    }

    /// As [`tls_roots`](Self::tls_roots), from a file that is read whenever a connection is made.
    pub fn tls_roots_file(mut self, path: impl AsRef<Path>) -> Self {
        self.options.server.tls.roots = Some(Pem::file(path.as_ref()));
        self
    }

    /// Sets the certificate that this client shows, and its key, in PEM. Default: none. A server with
    /// `tls-auth-clients yes` asks for one.
    ///
    /// Only the encrypted connections of `rediss` URLs use it, to the Sentinels as well unless those have options of their
    /// own.
    pub fn client_certificate(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.options.server.tls.client = Some((Pem::text(certificate), Pem::text(key)));
        self
    }

    /// As [`client_certificate`](Self::client_certificate), from files that are read whenever a connection is made.
    pub fn client_certificate_files(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.options.server.tls.client = Some((Pem::file(certificate.as_ref()), Pem::file(key.as_ref())));
        self
    }

    /// Sets who the connections belong to, in place of the user and password in the URL. Default: those. A user in the URL
    /// counts where the provider names none.
    ///
    /// The provider is asked whenever a connection is made.
    pub fn credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.options.server.credentials = Some(Arc::new(provider));
        self
    }

    /// Sets who the connections to the Sentinels belong to. Default: nobody, not even the user of the URL, who is the
    /// primary's.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel_credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.options.sentinel.credentials = Some(Arc::new(provider));
        self
    }

    /// Sets the user name and the password at the Sentinels: [`sentinel_credentials`](Self::sentinel_credentials) that stay the
    /// same. The user of a plain `requirepass` is named `default`.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel_user(self, name: &str, password: &str) -> Self {
        self.sentinel_credentials(crate::store::Credentials::new(name, password))
    }

    /// Sets the certificates of the authority that signed the Sentinels'. Default: as for the primary, with its
    /// [client certificate](Self::client_certificate), if neither this nor
    /// [`sentinel_client_certificate`](Self::sentinel_client_certificate) is set.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel_tls_roots(mut self, pem: &[u8]) -> Self {
        self.options.sentinel.tls.roots = Some(Pem::text(pem));
        self
    }

    /// As [`sentinel_tls_roots`](Self::sentinel_tls_roots), from a file that is read whenever a connection is made.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel_tls_roots_file(mut self, path: impl AsRef<Path>) -> Self {
        self.options.sentinel.tls.roots = Some(Pem::file(path.as_ref()));
        self
    }

    /// Sets the certificate that this client shows to the Sentinels, and its key, in PEM.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel_client_certificate(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.options.sentinel.tls.client = Some((Pem::text(certificate), Pem::text(key)));
        self
    }

    /// As [`sentinel_client_certificate`](Self::sentinel_client_certificate), from files that are read whenever a connection
    /// is made.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel_client_certificate_files(
        mut self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Self {
        self.options.sentinel.tls.client = Some((Pem::file(certificate.as_ref()), Pem::file(key.as_ref())));
        self
    }

    /// Sets when calls begin to fail at once because Redis does not answer, and how long it is then left alone. Default: the
    /// options' defaults.
    pub fn circuit_breaker(mut self, options: CircuitBreakerOptions) -> Self {
        self.breaker = Some(options);
        self
    }

    /// Asks Redis even while it does not answer, so that each call waits until its deadline.
    pub fn without_circuit_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// Sets how long making a connection may take, name resolution and greetings included. Default: five seconds.
    ///
    /// A call waits for a connection no longer than its own deadline. While an attempt is silent, another one is begun beside
    /// it every half a second; all end when no call waits for them.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets the share of Redis's `maxmemory`, in percent, above which no anonymous session begins. Default: 80. With 100 or
    /// more there is no such limit.
    ///
    /// The rest is left for those who log in, so that a flood of anonymous visitors keeps nobody out. A visitor whose session
    /// is refused gets 503, kind [`Full`](crate::StoreErrorKind::Full). Without `maxmemory`, or if the Redis user may not run
    /// `INFO`, there is no limit.
    pub fn anonymous_share(mut self, percent: u8) -> Self {
        self.anonymous_share = percent;
        self
    }

    /// Sets how many replicas must have a login, a logout or another end of a session before it counts (`WAIT`). Default: 0, for
    /// none.
    ///
    /// A failover to one of them then brings no session back that has ended, and forgets no login. Such a write takes two more
    /// round trips, and the time in which the replicas receive it. If fewer have it after 150 ms, it is tried again, and then
    /// fails with the kind [`Unavailable`](crate::StoreErrorKind::Unavailable): the primary may have it, and no client was told so.
    /// Other writes do not wait, so the last of them can be lost by a failover.
    ///
    /// It works with one server and with Sentinel. In a cluster, and with a connection of the application's own, these calls fail
    /// with the kind [`Unsupported`](crate::StoreErrorKind::Unsupported).
    pub fn replicas(mut self, least: u32) -> Self {
        self.replicas = least;
        self
    }

    /// Declares that this Redis stores nothing on disk, so that its restart ends all sessions. Default: it does.
    pub fn without_persistence(mut self) -> Self {
        self.is_persistent = false;
        self
    }

    /// Whether the URL contains a password.
    #[cfg(feature = "config")]
    pub(super) fn has_password(&self) -> bool {
        self.endpoint.has_password()
    }

    /// A store with these options. Nothing is connected yet.
    #[must_use]
    pub fn build(self) -> RedisStore {
        let Self { keys, is_persistent, anonymous_share, .. } = self;
        let replicated = (self.replicas > 0).then(|| {
            let breaker = self.breaker.map(CircuitBreaker::new);
            let client = Client::new(self.endpoint.clone(), self.options.clone(), keys.clone(), breaker);
            let replicas = Replicas { least: self.replicas, key: keys.replicated() };
            Replicated { client: Arc::new(client), replicas }
        });
        let breaker = self.breaker.map(CircuitBreaker::new);
        let client = Arc::new(Client::new(self.endpoint, self.options, keys.clone(), breaker));
        let database = Database { keys, client };
        RecordStore::from_backend(RedisBackend { database, is_persistent, anonymous_share, replicated })
    }
}

/// Without user names and passwords.
impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("endpoint", &self.endpoint)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
