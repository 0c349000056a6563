//! Sentinel: the primary is found, and found again when it is another one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use cloakroom::{
    SessionStore,
    conformance::{self, Harness},
    store::{LocalCache, RedisStore},
};

use crate::{
    load::Load,
    rig::{RedisSentinel, RedisServer},
    scene::{add, look, recovers, site},
};

fn store(sentinel: &RedisSentinel) -> RedisStore {
    let hosts: Vec<_> = sentinel.addresses().iter().map(ToString::to_string).collect();
    let url = format!("redis+sentinel://{}/{}", hosts.join(","), RedisSentinel::NAME);
    RedisStore::from_url(&url).unwrap()
}

/// One deployment for all checks, each of which has a prefix of its own.
struct Watched {
    sentinel: Arc<RedisSentinel>,
    cache: Option<LocalCache>,
    prefix: String,
}

impl Watched {
    fn each(sentinel: &Arc<RedisSentinel>, cache: Option<LocalCache>) -> impl Fn() -> Self {
        static CHECKS: AtomicUsize = AtomicUsize::new(0);
        let sentinel = Arc::clone(sentinel);
        move || Self {
            sentinel: Arc::clone(&sentinel),
            cache,
            prefix: format!("check-{}:", CHECKS.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn handle(&self) -> Arc<dyn SessionStore> {
        // A server of this deployment may lose sessions when it is restarted alone, so the suite does not restart it.
        let store = store(&self.sentinel).prefix(&self.prefix).without_persistence();
        Arc::new(match self.cache {
            Some(cache) => store.local_cache(cache),
            None => store,
        })
    }
}

#[async_trait]
impl Harness for Watched {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.handle()
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_passes() {
    let sentinel = Arc::new(RedisSentinel::start());
    for cache in [None, Some(LocalCache::default())] {
        conformance::check(Watched::each(&sentinel, cache)).await.assert();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_failover_loses_no_session_and_no_acknowledged_update() {
    let sentinel = RedisSentinel::start();
    let load = Load::begins(site(store(&sentinel)), 4).await;
    load.goes_on(200).await;
    sentinel.failover();
    load.goes_on(200).await;
    sentinel.wait_healthy();
    sentinel.failover();
    load.goes_on(200).await;
    load.ends().await.lost_nothing();
}

/// What the replica has not seen is lost: the counts may be short, but there is no error but 503, no session of another,
/// and it serves again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_is_an_outage_until_another_takes_over() {
    let mut sentinel = RedisSentinel::start();
    let load = Load::begins(site(store(&sentinel)), 4).await;
    load.goes_on(200).await;
    load.pauses().await;
    // All that was acknowledged has reached the replicas.
    let () = sentinel.primary().command(&["WAIT", "2", "10000"]);
    sentinel.kill_primary();
    load.resumes();
    load.goes_on(200).await;
    sentinel.revive();
    sentinel.wait_healthy();
    load.goes_on(200).await;
    load.ends().await.lost_nothing();
}

/// With a primary that takes writes only while a replica follows, an isolated one acknowledges nothing.
#[tokio::test]
async fn a_primary_without_its_replicas_takes_no_writes_where_that_is_asked_for() {
    let options = RedisServer::builder().option("min-replicas-to-write", "1");
    let sentinel = RedisSentinel::start_with(options);
    let site = site(store(&sentinel));
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    let () = sentinel.primary().command(&["CONFIG", "SET", "min-replicas-to-write", "3"]);
    let error = browser.does(|session| add(session, "n")).await.error.unwrap();
    assert_eq!(
        error.kind(),
        cloakroom::SessionErrorKind::Store(cloakroom::StoreErrorKind::ReadOnly),
        "{error:?}"
    );
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
}

#[tokio::test]
async fn one_sentinel_that_is_gone_is_not_missed() {
    let mut sentinel = RedisSentinel::start();
    let store = store(&sentinel).connect_timeout(Duration::from_secs(2));
    let site = site(store);
    sentinel.kill_sentinel(0);
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    assert_eq!(recovers(&browser, "n").await, Some(1));
}
