//! The file of a site with many visitors, and what each session takes.

use std::path::Path;

use cloakroom::{
    store::SqliteStore,
    time::{Clock as _, Deadline},
};

use crate::{
    browser::{HOUR, MINUTE, Server},
    scene::{folder_in_memory, until_closed},
};

/// How many visitors come at the same time.
const AT_ONCE: usize = 200;

fn rows(path: &Path) -> i64 {
    let count = "SELECT count(*) FROM cloakroom_sessions";
    rusqlite::Connection::open(path).unwrap().query_row(count, [], |row| row.get(0)).unwrap()
}

/// Visitors who come once and leave something of this size.
async fn visit(site: &Server, visitors: usize, size: usize) {
    for _ in 0..visitors.div_ceil(AT_ONCE) {
        let visits = (0..visitors.min(AT_ONCE)).map(|_| {
            let mut new = site.browser();
            let cart = "x".repeat(size);
            tokio::spawn(async move { new.does(|session| session.insert("cart", cart)).await.is_ok() })
        });
        for visit in visits.collect::<Vec<_>>() {
            assert!(visit.await.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_little_more_than_what_is_live() {
    let folder = folder_in_memory();
    let path = folder.path().join("sessions.db");
    let site = Server::new(SqliteStore::open(&path).unwrap());
    let mut most = 0;
    for _ in 0..100 {
        visit(&site, 50, 100).await;
        site.clock.advance(10 * MINUTE);
        most = most.max(rows(&path));
    }
    // Live for half an hour, and kept until the hour after that is over.
    assert!(most <= 50 * 6 * 2, "{most} rows");
    site.clock.advance(24 * HOUR);
    visit(&site, 200, 100).await;
    assert_eq!(rows(&path), 200, "the flood is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_removes_no_more_than_it_is_told_and_nothing_that_is_live() {
    let folder = folder_in_memory();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).unwrap();
    let site = Server::new(store.clone());
    visit(&site, 30, 100).await;
    site.clock.advance(2 * HOUR);
    let mut live = site.browser();
    live.server.clock.advance(2 * HOUR);
    let sweep = async |limit| store.sweep(limit, site.clock.now(), Deadline::NONE).await.unwrap();
    assert_eq!(sweep(10).await, 10);
    assert_eq!(sweep(100).await, 20);
    assert!(live.logs_in("alice").await.is_ok());
    assert_eq!(sweep(100).await, 0);
    assert_eq!(live.subject().await.as_deref(), Some("alice"));
    assert_eq!(rows(&path), 1);
}

/// What `docs/sqlite.md` says of the size.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_takes_a_few_hundred_bytes_and_its_data() {
    for (size, most) in [(10, 300), (1_000, 1_450)] {
        let folder = folder_in_memory();
        let path = folder.path().join("sessions.db");
        let site = Server::new(SqliteStore::open(&path).unwrap());
        visit(&site, 2_000, size).await;
        drop(site);
        until_closed(&path);
        let each = std::fs::metadata(&path).unwrap().len() / 2_000;
        assert!(each <= most, "{each} bytes for a session with {size} bytes of data");
    }
}
