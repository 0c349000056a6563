//! Writes that share a transaction, and threads that end.

use std::{fs, path::Path};

use cloakroom::store::SqliteStore;

use crate::{
    browser::Server,
    scene::{add, beside, until_closed},
};

/// How many transactions are in the write-ahead log. Only the last page of each has the file's length beside it.
fn commits(path: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let log = fs::read(beside(path, "-wal")).unwrap();
    let frames = log.get(HEADER..).unwrap_or_default().chunks_exact(FRAME);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_at_the_same_moment_share_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let site = Server::new(SqliteStore::open(&path).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    let before = commits(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writes: Vec<_> = (0..64)
        .map(|_| {
            let mut new = site.browser();
            tokio::spawn(async move { new.does(|session| add(session, "n")).await.is_ok() })
        })
        .collect();
    tokio::time::timeout(std::time::Duration::from_millis(200), std::future::pending::<()>())
        .await
        .unwrap_err();
    other.execute_batch("COMMIT").unwrap();
    for write in writes {
        assert!(write.await.unwrap());
    }
    let together = commits(&path) - before;
    // Each creation is two writes: the session, and a sweep.
    assert!(together <= 16, "128 writes took {together} transactions");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_closed_when_the_last_handle_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let site = Server::new(SqliteStore::open(&path).unwrap());
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    assert!(beside(&path, "-wal").exists());
    drop((site, browser));
    until_closed(&path);
}
