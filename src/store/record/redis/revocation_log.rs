//! A log of revocations in Redis: [`RedisRevocationLog`].

use async_trait::async_trait;

use super::{
    backend::{RedisBackend, RedisStore, Replicated},
    client::Request,
    database::millis,
    reply,
    script::{APPEND_REVOCATION, REVOCATIONS},
};
use crate::{
    error::StoreError,
    store::{RevocationLog, RevocationPage, Revoked, Scope, StoreContext, next_sequence},
};

/// How many entries one reply contains at most, which is about half a megabyte.
const PAGE: usize = 8192;

/// A log of revocations in Redis, for a [`RevocableStore`](crate::store::RevocableStore).
///
/// It uses the connection of a [`RedisStore`], and one more key with the same prefix. Numbers are given by a script, which Redis
/// runs alone, so they grow in the order in which entries become visible. A read and an append are one round trip each.
///
/// Whether entries survive a restart depends on the server, as sessions do; those of a failover that come too late are lost
/// unless the store [waits for replicas](super::RedisStoreBuilder::replicas), and a session that they have ended is good again at servers that start
/// later. A Redis user of its own needs `+zrange +zrangebyscore` in addition.
///
/// ```
/// use cloakroom::{
///     SessionManager,
///     keyring::{KeyRing, SecretKey},
///     store::{EncryptedCookieStore, RedisRevocationLog, RedisStore, RevocableStore},
/// };
///
/// let redis = RedisStore::from_url("redis://127.0.0.1:6379/0")?;
/// let keys = KeyRing::new(SecretKey::generate()?);
/// let store = RevocableStore::new(EncryptedCookieStore::new(&keys), RedisRevocationLog::of(&redis))?;
/// let sessions = SessionManager::new(store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RedisRevocationLog {
    redis: RedisBackend,
    key: String,
}

impl RedisRevocationLog {
    /// The log beside the sessions of a store. It is the same for every store with the same deployment and prefix.
    #[must_use]
    pub fn of(store: &RedisStore) -> Self {
        let redis = store.backend().clone();
        Self { key: redis.database.keys.revocations(), redis }
    }
}

#[async_trait]
impl RevocationLog for RedisRevocationLog {
    fn scope(&self) -> Scope {
        Scope::AllNodes
    }

    fn survives_restart(&self) -> bool {
        self.redis.is_persistent
    }

    async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<u64, StoreError> {
        let (bytes, keep_until, now) = (entry.encode(), millis(entry.keep_until), millis(cx.now));
        let least = next_sequence(0, cx.now).to_string();
        let args = [&bytes[..], keep_until.as_bytes(), now.as_bytes(), least.as_bytes()];
        let call = APPEND_REVOCATION.on(&self.key, args);
        match &self.redis.replicated {
            Some(Replicated { client, replicas }) => {
                let request = Request::Replicated(call, replicas);
                client.call(&request, cx, |parts, _| reply::append_revocation(parts)).await
            }
            None => self.redis.database.run(call, cx, reply::append_revocation).await,
        }
    }

    async fn read(&self, after: u64, cx: StoreContext) -> Result<RevocationPage, StoreError> {
        let (after, most) = (after.to_string(), PAGE.to_string());
        let call = REVOCATIONS.on(&self.key, [after.as_bytes(), most.as_bytes()]);
        self.redis.database.run(call, cx, |parts| reply::revocations(parts, PAGE)).await
    }
}
