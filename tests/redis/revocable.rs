//! A log of revocations in Redis, and sessions in cookies that it ends.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use cloakroom::{
    SessionStore,
    conformance::{self, Harness, RevocationLogHarness},
    keyring::{KeyRing, SecretKey},
    store::{
        EncryptedCookieStore, EndedBy, RedisRevocationLog, RedisStore, RevocableStore, RevocationLog,
        Revoked, RevokedSessions, StoreContext,
    },
    time::{Deadline, Timestamp},
};

use crate::{
    browser::Server,
    rig::RedisServer,
    scene::{PATIENCE, Scene, at},
};

/// One server for all checks, each of which has a prefix of its own.
struct Checked {
    server: Arc<Mutex<RedisServer>>,
    keys: KeyRing,
    prefix: String,
}

impl Checked {
    fn each() -> impl Fn() -> Self {
        let server = RedisServer::builder().option("appendonly", "yes").start();
        let (server, checks) = (Arc::new(Mutex::new(server)), AtomicUsize::new(0));
        move || Self {
            server: Arc::clone(&server),
            keys: keys(),
            prefix: format!("check-{}:", checks.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn log(&self) -> RedisRevocationLog {
        let url = self.server.lock().unwrap().url();
        RedisRevocationLog::of(&RedisStore::builder(&url).unwrap().prefix(&self.prefix).build())
    }

    fn handle(&self) -> Arc<dyn SessionStore> {
        Arc::new(revocable(&self.keys, self.log()))
    }
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

fn revocable(keys: &KeyRing, log: impl RevocationLog) -> RevocableStore<EncryptedCookieStore> {
    RevocableStore::new(EncryptedCookieStore::new(keys), log).unwrap()
}

#[async_trait]
impl Harness for Checked {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.handle()
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle())
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        let mut server = self.server.lock().unwrap();
        server.kill();
        server.restart();
        drop(server);
        Some(self.handle())
    }
}

#[async_trait]
impl RevocationLogHarness for Checked {
    async fn log(&self) -> Arc<dyn RevocationLog> {
        Arc::new(Self::log(self))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_with_a_log_in_redis_pass_the_suite() {
    conformance::check(Checked::each()).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_passes_its_own_suite() {
    conformance::check_revocation_log(Checked::each()).await.assert();
}

fn cx() -> StoreContext {
    StoreContext::new(Timestamp::from_millis(1_790_000_000_000), Deadline::after(PATIENCE))
}

fn entry() -> Revoked {
    let what = RevokedSessions::One { id: cloakroom::SessionId::from_bytes([1; 16]), by: EndedBy::Client };
    Revoked { what, at: cx().now, keep_until: Timestamp::MAX }
}

/// A reply that is lost makes a second entry, which ends what the first one does.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_reply_is_lost_is_made_again() {
    let scene = Scene::new();
    let log = RedisRevocationLog::of(&scene.store());
    let first = log.append(&entry(), cx()).await.unwrap();
    scene.proxy.kill_connections();
    let second = log.append(&entry(), cx()).await.unwrap();
    assert!(second > first);
    let page = log.read(0, cx()).await.unwrap();
    assert!(page.is_last && page.read_to == page.entries.last().unwrap().0);
    assert!(page.entries.len() >= 2 && page.entries.iter().all(|(_, read)| *read == entry()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_has_lost_its_entries_goes_on_above_them() {
    let scene = Scene::new();
    let log = RedisRevocationLog::of(&scene.store());
    let before = log.append(&entry(), cx()).await.unwrap();
    scene.server.command::<String>(&["FLUSHALL"]);
    assert_eq!(log.read(before, cx()).await.unwrap().read_to, 0, "a reader sees it");
    let later = StoreContext::new(cx().now + std::time::Duration::from_millis(1), cx().deadline);
    assert!(log.append(&entry(), later).await.unwrap() > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_where_there_are_many_entries() {
    let scene = Scene::new();
    let log = RedisRevocationLog::of(&scene.store());
    for _ in 0..90 {
        futures_util::future::join_all((0..100).map(|_| async { log.append(&entry(), cx()).await.unwrap() }))
            .await;
    }
    let (mut read, mut after) = (0, 0);
    loop {
        let page = log.read(after, cx()).await.unwrap();
        (read, after) = (read + page.entries.len(), page.read_to);
        if page.is_last {
            break;
        }
    }
    assert_eq!(read, 9000);
}

/// The end of a session is confirmed or an error, and an outage of the log is never "no session".
#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_down_nothing_is_believed_for_long_and_nothing_is_said_to_have_ended() {
    let scene = Scene::new();
    let keys = keys();
    let node = |store| {
        let log = RedisRevocationLog::of(&store);
        Server::new(revocable(&keys, log)).with(|sessions| sessions.store_timeout(PATIENCE))
    };
    let (one, other) = (node(scene.store()), node(scene.direct_store()));
    let mut alice = one.browser();
    assert!(alice.logs_in("alice").await.is_ok());
    scene.proxy.refuse();
    scene.proxy.kill_connections();
    assert_eq!(alice.subject().await.as_deref(), Some("alice"));
    assert_eq!(one.sessions.end_sessions_of("alice").await.unwrap_err().status(), 503);
    assert!(other.sessions.end_sessions_of("alice").await.is_ok());
    one.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(alice.try_visit(&alice.request()).await.map(drop).unwrap_err().status(), 503);
    scene.proxy.accept();
    let answer = loop {
        match alice.try_visit(&alice.request()).await {
            Ok(visit) => break visit.session.subject(),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(answer, None, "it ended meanwhile");
    assert_eq!(at(&other, &alice).subject().await, None);
}
