//! The table: its definition, what is swept, that many nodes do so at once.

use cloakroom::{StoreErrorKind, store::PostgresStore, time::Clock as _};

use crate::{
    browser::{Browser, HOUR},
    rig::{PostgresServer, until},
    scene::{Scene, site, soon},
    visits::{add, look},
};

fn rows(server: &PostgresServer) -> usize {
    server.sql("SELECT count(*) FROM cloakroom_sessions").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_create_the_table_at_once_and_a_migration_may_have_done_so() {
    let server = PostgresServer::start();
    let nodes: Vec<_> = (0..8)
        .map(|_| {
            let store = PostgresStore::from_url(&server.url()).unwrap();
            tokio::spawn(async move { store.create_table(soon()).await })
        })
        .collect();
    for node in nodes {
        node.await.unwrap().unwrap();
    }
    server.sql(PostgresStore::TABLE);
    PostgresStore::from_url(&server.url()).unwrap().ping(soon()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_missing_or_another_one_is_named() {
    let server = PostgresServer::start();
    let store = PostgresStore::from_url(&server.url()).unwrap();
    let error = store.ping(soon()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unsupported);
    assert!(error.to_string().contains("create_table()"), "{error}");
    let elsewhere = PostgresStore::builder(&server.url()).unwrap().table("nowhere.sessions").unwrap().build();
    assert_eq!(elsewhere.create_table(soon()).await.unwrap_err().kind(), StoreErrorKind::Unsupported);

    server.sql("CREATE TABLE cloakroom_sessions (id bigint, data text)");
    let error = store.ping(soon()).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_creates_its_table_if_it_is_told_to() {
    let server = PostgresServer::start();
    let store = PostgresStore::builder(&server.url()).unwrap().create_missing_table().build();
    let mut browser = site(store.clone()).browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    server.sql("DROP TABLE cloakroom_sessions");
    store.ping(soon()).await.unwrap();
    assert_eq!(look(&browser, "n").await, Ok(None));
    let elsewhere = PostgresStore::builder(&server.url()).unwrap().table("nowhere.sessions").unwrap();
    let error = elsewhere.create_missing_table().build().ping(soon()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_a_name_and_a_schema_of_its_own() {
    let server = PostgresServer::start();
    server.sql("CREATE SCHEMA web");
    let store = PostgresStore::builder(&server.url()).unwrap().table("web.visitors").unwrap().build();
    store.create_table(soon()).await.unwrap();
    let mut browser = site(store).browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    assert_eq!(server.sql("SELECT count(*) FROM web.visitors"), "1");
    let indexes = server.sql("SELECT indexname FROM pg_indexes WHERE schemaname = 'web' ORDER BY indexname");
    assert_eq!(indexes, "visitors_pkey\nvisitors_subject\nvisitors_sweep_at");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_that_begins_removes_a_few_that_expired() {
    let scene = Scene::new().await;
    let site = scene.site();
    for _ in 0..12 {
        assert!(site.browser().does(|session| add(session, "n")).await.is_ok());
    }
    site.clock.advance(13 * HOUR);
    assert_eq!(rows(&scene.server), 12);
    for left in [12 + 1 - 4, 9 + 1 - 4, 6 + 1 - 4] {
        let mut browser = site.browser();
        assert!(browser.does(|session| add(session, "n")).await.is_ok());
        assert_eq!(look(&browser, "n").await, Ok(Some(1)));
        assert_eq!(rows(&scene.server), left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_sweep_at_once_and_do_not_wait_for_each_other() {
    const EXPIRED: usize = 1000;
    let scene = Scene::new().await;
    let site = scene.site();
    let mut live: Vec<Browser> = vec![site.browser(), site.browser()];
    for browser in &mut live {
        assert!(browser.does(|session| add(session, "n")).await.is_ok());
    }
    scene.server.sql(&format!(
        "INSERT INTO cloakroom_sessions (id, last_active, idle, deadline, sweep_at, ends, record)
         SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), 0, 0, 0, 0, 0, '' FROM generate_series(1, {EXPIRED}) AS n"
    ));
    let now = site.clock.now();
    // Another one holds some of the rows for as long as the test lasts.
    let held = "WITH held AS (SELECT 1 FROM cloakroom_sessions WHERE sweep_at = 0 LIMIT 100 FOR UPDATE)
        SELECT pg_sleep(60) FROM (SELECT count(*) FROM held) AS all_of_them";
    let holder = scene.server.begin(held);
    until("the rows are locked", || {
        scene.server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
    });
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let store = scene.direct_store();
            tokio::spawn(async move {
                let mut swept = 0;
                loop {
                    match store.sweep(100, now, soon()).await.unwrap() {
                        0 => return swept,
                        rows => {
                            assert!(rows <= 100, "{rows}");
                            swept += rows;
                        }
                    }
                }
            })
        })
        .collect();
    let mut swept = 0;
    for node in nodes {
        swept += node.await.unwrap();
    }
    assert_eq!(swept, EXPIRED - 100, "each was counted by one of them, but those that were locked");
    drop(holder);
    for browser in &live {
        assert_eq!(look(browser, "n").await, Ok(Some(1)));
    }
}

/// So it is cheap, and leaves little for the vacuum.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_leaves_all_indexes_as_they_are() {
    let scene = Scene::new().await;
    let site = scene.site();
    let mut browser = site.browser();
    for _ in 0..50 {
        assert!(browser.does(|session| add(session, "n")).await.is_ok());
    }
    until("the statistics are there", || {
        let updates = scene.server.sql("SELECT n_tup_upd FROM pg_stat_user_tables");
        updates.parse::<u64>().unwrap() >= 49
    });
    let hot = scene.server.sql("SELECT n_tup_hot_upd FROM pg_stat_user_tables").parse::<u64>().unwrap();
    assert!(hot >= 40, "{hot} of 49 updates were written beside the former version");
}
