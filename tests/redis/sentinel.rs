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
    store::{CachedOptions, RedisStore, RedisStoreBuilder},
    time::Deadline,
};

use crate::{
    conformance::dump,
    load::Load,
    rig::{RedisSentinel, RedisServer},
    scene::{add, cached, look, recovers, site},
};

fn store(sentinel: &RedisSentinel) -> RedisStore {
    builder(sentinel).build()
}

fn builder(sentinel: &RedisSentinel) -> RedisStoreBuilder {
    let hosts: Vec<_> = sentinel.addresses().iter().map(ToString::to_string).collect();
    let url = format!("redis+sentinel://{}/{}", hosts.join(","), RedisSentinel::NAME);
    RedisStore::builder(&url).unwrap()
}

/// One deployment for all checks, each of which has a prefix of its own.
struct Watched {
    sentinel: Arc<RedisSentinel>,
    prefix: String,
}

impl Watched {
    fn each(sentinel: &Arc<RedisSentinel>) -> impl Fn() -> Self {
        let (sentinel, checks) = (Arc::clone(sentinel), AtomicUsize::new(0));
        move || Self {
            sentinel: Arc::clone(&sentinel),
            prefix: format!("check-{}:", checks.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn handle(&self) -> Arc<dyn SessionStore> {
        // A server of this deployment may lose sessions when it is restarted alone, so the suite does not restart it.
        let store = builder(&self.sentinel).prefix(&self.prefix).without_persistence();
        Arc::new(cached(store.build(), CachedOptions::default()))
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

    async fn dump(&self) -> Option<Vec<u8>> {
        Some(dump(self.sentinel.primary(), &self.prefix))
    }
}

/// What cannot be seen without a proxy; on one server the suite sees it.
const WAIVED: &[&str] =
    &["an_outage_is_an_error", "an_outage_loses_no_session", "a_call_to_a_silent_store_ends_at_its_deadline"];

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_passes_behind_a_cache() {
    let sentinel = Arc::new(RedisSentinel::start());
    conformance::check_waiving(Watched::each(&sentinel), WAIVED).await.assert();
}

/// Sentinel lets the old primary take writes until it has told it, and then these are lost: there is no failover of its that
/// would lose nothing while somebody writes. But no session is lost, and none is another's.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_under_load_loses_no_session_and_counts_nothing_twice() {
    let sentinel = RedisSentinel::start();
    let load = Load::begins(site(store(&sentinel)), 4).await;
    load.goes_on(200).await;
    sentinel.failover();
    load.goes_on(200).await;
    sentinel.wait_healthy();
    load.goes_on(200).await;
    load.ends().await.counted_nothing_twice();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_while_nobody_writes_loses_nothing() {
    let sentinel = RedisSentinel::start();
    let load = Load::begins(site(store(&sentinel)), 4).await;
    load.goes_on(200).await;
    load.pauses().await;
    let () = sentinel.primary().command(&["WAIT", "2", "10000"]);
    sentinel.failover();
    sentinel.wait_healthy();
    load.resumes();
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
    let store = builder(&sentinel).connect_timeout(Duration::from_secs(2)).build();
    let site = site(store);
    sentinel.kill_sentinel(0);
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    assert_eq!(recovers(&browser, "n").await, Some(1));
}

#[tokio::test]
async fn sentinels_may_require_a_user_of_their_own() {
    let sentinel = RedisSentinel::start();
    for address in sentinel.addresses() {
        let mut connection =
            redis::Client::open(format!("redis://{address}")).unwrap().get_connection().unwrap();
        let rule = ["ACL", "SETUSER", "default", "resetpass", ">s3cret"];
        redis::Cmd::new().arg(&rule[..]).exec(&mut connection).unwrap();
    }
    let deadline = || Deadline::after(Duration::from_secs(5));
    assert!(store(&sentinel).ping(deadline()).await.is_err());
    builder(&sentinel).sentinel_user("default", "s3cret").build().ping(deadline()).await.unwrap();
}
