//! Kills under load, restarts, standbys, servers that are paused, locked or end connections.

use std::time::Duration;

use cloakroom::{
    Session, StoreErrorKind,
    store::{CircuitBreakerOptions, PostgresStore},
};

use crate::{
    browser::{Server, finish},
    rig::{PostgresServer, until},
    scene::{Scene, at, outcome, site, soon, store_error},
    visits::{self, add, look, recovers},
};

/// Increments by many workers, while the server is killed every now and then.
async fn counts_while_killed(increments: u64, kills: u64) {
    let mut server = PostgresServer::start();
    let store = PostgresStore::from_url(&server.url()).unwrap();
    store.create_table(soon()).await.unwrap();
    let site = Server::new(store).with(|sessions| sessions.store_timeout(Duration::from_secs(20)));
    visits::counts_while_killed(&site, increments, kills, || server.restart()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kills_and_nothing_is_counted_twice() {
    counts_while_killed(5_000, 5).await;
}

/// `cargo test --release -p cloakroom-tests --test postgres -- --ignored`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes in a debug build; the test above does the same with fewer"]
async fn what_was_acknowledged_survives_kills_a_hundred_thousand_times() {
    counts_while_killed(100_000, 10).await;
}

/// Ends all connections of stores.
const TERMINATE: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cloakroom'";

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ends_cost_no_request() {
    let scene = Scene::new().await;
    let site = scene.site();
    let mut browser = site.browser();
    for count in 1..=5 {
        assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
        assert_eq!(look(&browser, "n").await, Ok(Some(count)));
        scene.server.sql(TERMINATE);
    }
    assert_eq!(look(&browser, "n").await, Ok(Some(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_read_and_says_so() {
    let scene = Scene::new().await;
    let site = scene.site();
    let mut browser = site.browser();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    let set = |value: &str| {
        scene.server.sql(&format!("ALTER DATABASE postgres SET default_transaction_read_only = {value}"));
    };
    set("on");
    scene.server.sql(TERMINATE);

    let read_only = store_error(StoreErrorKind::ReadOnly);
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, read_only);
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(
        (response.status(), response.cookie()),
        (503, Some("")),
        "a log-out that is not confirmed says so"
    );

    // A connection that takes no writes is given up, as it may lead to a server that is no longer the primary.
    set("off");
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_the_new_primary_is_found() {
    let mut scene = Scene::new().await;
    let standby = PostgresServer::builder().standby_of(&scene.server).start();
    let url = format!("postgres://postgres@{},{}/postgres", scene.server.address(), standby.address());
    let both = site(PostgresStore::from_url(&url).unwrap());
    let mut browser = both.browser();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    until("the standby follows", || standby.sql("SELECT count(*) FROM cloakroom_sessions") == "1");

    let only = site(PostgresStore::from_url(&standby.url()).unwrap());
    let mut there = at(&only, &browser);
    assert_eq!(look(&there, "n").await, Ok(Some(1)));
    let read_only = store_error(StoreErrorKind::ReadOnly);
    assert_eq!(outcome(&mut there, |session| add(session, "n")).await, read_only);

    scene.server.kill();
    assert_eq!(look(&browser, "n").await, Err(503), "a standby is not asked: it may be behind");
    standby.promote();
    assert_eq!(recovers(&browser, "n").await, Some(1));
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    assert_eq!(outcome(&mut there, |session| add(session, "n")).await, None);
    assert_eq!(look(&there, "n").await, Ok(Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_and_a_timeout_are_an_outage_of_one_session() {
    for (setting, kind) in
        [("lock_timeout", StoreErrorKind::Timeout), ("statement_timeout", StoreErrorKind::Timeout)]
    {
        let scene = Scene::new().await;
        scene.server.sql(&format!("ALTER USER postgres SET {setting} = 100"));
        let site = scene.site();
        let (mut locked, mut free) = (site.browser(), site.browser());
        assert_eq!(outcome(&mut locked, |session| add(session, "n")).await, None);
        let holder = scene.server.begin(
            "SET statement_timeout = 0; SET lock_timeout = 0; BEGIN; \
             UPDATE cloakroom_sessions SET ends = ends; SELECT pg_sleep(60)",
        );
        until("the row is locked", || {
            scene.server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
        });
        assert_eq!(outcome(&mut locked, |session| add(session, "n")).await, store_error(kind), "{setting}");
        assert_eq!(outcome(&mut free, |session| add(session, "n")).await, None, "others do not wait");
        assert_eq!(look(&locked, "n").await, Ok(Some(1)), "reads do not wait");
        drop(holder);
        assert_eq!(outcome(&mut locked, |session| add(session, "n")).await, None);
        assert_eq!(look(&locked, "n").await, Ok(Some(2)));
    }
}

/// A server does not notice that nobody waits any more for a statement that waits for a lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stays_locked_does_not_take_up_the_connections_of_the_server() {
    let scene = Scene::new().await;
    let breaker = CircuitBreakerOptions { threshold: u32::MAX, ..CircuitBreakerOptions::default() };
    let site = site(scene.builder().circuit_breaker(breaker).build());
    let mut browser = site.browser();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    let holder = scene.server.begin("BEGIN; UPDATE cloakroom_sessions SET ends = ends; SELECT pg_sleep(120)");
    until("the row is locked", || {
        scene.server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
    });
    let timeout = store_error(StoreErrorKind::Timeout);
    for _ in 0..4 {
        assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, timeout);
    }
    until("the statements of nobody are cancelled", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        scene.server.sql(waiting) == "0"
    });
    drop(holder);
    assert!(matches!(recovers(&browser, "n").await, Some(1..=5)));
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_is_an_outage_until_it_goes_on() {
    let scene = Scene::new().await;
    let site = scene.site();
    let mut browser = site.browser();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    scene.server.pause();
    assert_eq!(look(&browser, "n").await, Err(503));
    scene.server.resume();
    assert_eq!(recovers(&browser, "n").await, Some(1));
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

/// One store for several runtimes, as actix-web has one for each of its workers: one of them may end at any moment.
#[test]
fn a_runtime_that_ends_leaves_the_others_their_store() {
    let on_a_runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (scene, site, browser) = on_a_runtime().block_on(async {
        let scene = Scene::new().await;
        let site = scene.site();
        let mut browser = site.browser();
        browser.does(|session: &Session| add(session, "n")).await;
        (scene, site, browser)
    });
    assert_eq!(on_a_runtime().block_on(look(&browser, "n")), Ok(Some(1)), "its connection has ended with it");
    scene.wire.cut();
    assert_eq!(on_a_runtime().block_on(look(&browser, "n")), Err(503));
    scene.wire.heal();
    assert_eq!(on_a_runtime().block_on(recovers(&browser, "n")), Some(1));
    drop(site);
}
