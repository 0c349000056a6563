//! What a server keeps when it is killed, and what the site does while it is full, deaf, a replica or empty.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    SessionErrorKind, StoreErrorKind,
    store::{CachedOptions, RedisStore},
};

use crate::{
    browser::{Browser, Server, finish},
    rig::{RedisServer, eventually, until},
    scene::{Scene, add, at, cached, look, recovers, site},
    visits,
};

/// Increments by many workers, while the server is killed every now and then.
async fn counts_while_killed(increments: u64, kills: u64) {
    let mut server = RedisServer::builder().append_only().start();
    let store = RedisStore::from_url(&server.url()).unwrap();
    let site = Server::new(store).with(|sessions| sessions.store_timeout(Duration::from_secs(20)));
    visits::counts_while_killed(&site, increments, kills, || {
        server.kill();
        server.restart();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kills_and_nothing_is_counted_twice() {
    counts_while_killed(10_000, 5).await;
}

/// `cargo test --release -p cloakroom-tests --test redis -- --ignored`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes in a debug build; the test above does the same with fewer"]
async fn what_was_acknowledged_survives_kills_a_hundred_thousand_times() {
    counts_while_killed(100_000, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_has_ended_all_sessions_and_clears_no_cookie() {
    let mut scene = Scene::new();
    let site = scene.site();
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    let first = browser.cookie.clone();
    scene.server.restart_empty();
    assert_eq!(recovers(&browser, "n").await, None);
    assert_eq!(look(&browser, "n").await, Ok(None), "no cookie is cleared, which look() checks");
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    assert_ne!(browser.cookie, first, "an unknown token never becomes an ID");
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
}

#[tokio::test]
async fn flushed_sessions_are_gone_at_once() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = site.browser();
    browser.logs_in("alice").await;
    let () = scene.server.command(&["FLUSHALL"]);
    assert_eq!(browser.subject().await, None);
    assert!(browser.cookie.is_some());
    let old = browser.clone();
    assert!(browser.logs_in("alice").await.is_ok());
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(look(&old, "n").await, Ok(None));
}

/// What the handler's changes are answered.
async fn outcome(
    browser: &mut Browser,
    handler: impl FnOnce(&cloakroom::Session) -> Result<(), cloakroom::SessionError>,
) -> Option<SessionErrorKind> {
    browser.does(handler).await.error.map(|error| error.kind())
}

#[tokio::test]
async fn a_full_server_refuses_new_logins_and_lets_everybody_read_and_log_out() {
    let scene = Scene::new();
    let site = scene.site();
    let (mut alice, mut bob) = (site.browser(), site.browser());
    for browser in [&mut alice, &mut bob] {
        browser.logs_in("alice").await;
        browser.does(|session| add(session, "n")).await;
    }
    let () = scene.server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let () = scene.server.command(&["CONFIG", "SET", "maxmemory", "1"]);

    let full = Some(SessionErrorKind::Store(StoreErrorKind::Full));
    assert_eq!(outcome(&mut site.browser(), |session| session.log_in("carol")).await, full);
    assert_eq!(outcome(&mut site.browser(), |session| add(session, "n")).await, full);
    assert_eq!(outcome(&mut alice, |session| session.insert("more", "x".repeat(100))).await, full);
    assert_eq!(look(&alice, "n").await, Ok(Some(1)), "reads work");
    assert_eq!(
        outcome(&mut alice, |session| add(session, "n")).await,
        None,
        "what takes no more room is written"
    );
    assert_eq!(alice.visit().await.session.sessions().await.unwrap().len(), 2);

    let left = alice.clone();
    assert_eq!(outcome(&mut alice, cloakroom::Session::log_out).await, None);
    assert_eq!((alice.cookie, look(&left, "n").await), (None, Ok(None)), "a log-out works");
    let other = look(&bob, "n").await;
    assert_eq!(other, Ok(Some(1)));

    let () = scene.server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(outcome(&mut bob, |session| add(session, "n")).await, None);
    assert_eq!(bob.visit().await.session.sessions().await.unwrap().len(), 1);
}

/// A write that was on its way when its session was ended on a full server finds nothing to replace.
#[tokio::test]
async fn a_log_out_on_a_full_server_is_final() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = site.browser();
    browser.logs_in("alice").await;
    let late = browser.visit().await;
    add(&late.session, "n").unwrap();
    let () = scene.server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let old = browser.clone();
    assert!(browser.does(cloakroom::Session::log_out).await.is_ok());
    let () = scene.server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(finish(late, 200).await.status(), 409);
    assert_eq!(look(&old, "n").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_read_and_takes_no_writes_until_it_is_primary() {
    let primary = RedisServer::start();
    let replica = RedisServer::builder().replica_of(&primary).start();
    let [first, second] =
        [&primary, &replica].map(|server| site(RedisStore::from_url(&server.url()).unwrap()));
    let mut browser = first.browser();
    browser.does(|session| add(session, "n")).await;
    until("the replica follows", || replica.command::<u64>(&["DBSIZE"]) == 1);

    let mut browser = at(&second, &browser);
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    let read_only = Some(SessionErrorKind::Store(StoreErrorKind::ReadOnly));
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, read_only);
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(
        (response.status(), response.cookie()),
        (503, Some("")),
        "a log-out that is not confirmed says so"
    );

    let () = replica.command(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

#[tokio::test]
async fn a_paused_server_is_an_outage_until_it_goes_on() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    let () = scene.server.command(&["CLIENT", "PAUSE", "2400", "ALL"]);
    assert_eq!(look(&browser, "n").await, Err(503));
    assert_eq!(recovers(&browser, "n").await, Some(1));
    let () = scene.server.command(&["CLIENT", "PAUSE", "2400", "WRITE"]);
    assert_eq!(look(&browser, "n").await, Ok(Some(1)), "reads go on");
    let timeout = Some(SessionErrorKind::Store(StoreErrorKind::Timeout));
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, timeout);
    // What was sent may be done when the pause is over.
    assert!(matches!(recovers(&browser, "n").await, Some(1 | 2)));
    until("the pause is over", || scene.server.try_command::<()>(&["SET", "paused", "no"]).is_ok());
    let before = look(&browser, "n").await.unwrap().unwrap();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    assert_eq!(look(&browser, "n").await, Ok(Some(before + 1)));
}

/// One store for several runtimes, as actix-web has one for each of its workers: one of them may end at any moment.
#[test]
fn a_runtime_that_ends_leaves_the_others_their_store() {
    let scene = Scene::new();
    let site = Arc::new(scene.site());
    let on_a_runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let browser = on_a_runtime().block_on(async {
        let mut browser = site.browser();
        browser.does(|session| add(session, "n")).await;
        browser
    });
    assert_eq!(on_a_runtime().block_on(look(&browser, "n")), Ok(Some(1)), "its connection has ended with it");

    scene.proxy.refuse();
    scene.proxy.kill_connections();
    assert_eq!(on_a_runtime().block_on(look(&browser, "n")), Err(503));
    scene.proxy.accept();
    assert_eq!(on_a_runtime().block_on(recovers(&browser, "n")), Some(1));
}

#[tokio::test]
async fn flushed_sessions_leave_the_cache_too() {
    let scene = Scene::new();
    // The clock stands still: only what Redis tells can empty it.
    let site = site(cached(scene.store(), CachedOptions::default()));
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    for _ in 0..2 {
        assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    }
    let () = scene.server.command(&["FLUSHALL"]);
    eventually("the flush is told of", async || look(&browser, "n").await == Ok(None)).await;
}
