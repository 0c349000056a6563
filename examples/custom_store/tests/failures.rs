//! What the conformance suite does not see: a process that dies, a disk that hangs, rows that are damaged or left over.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod disk;

use std::{path::Path, process::Command, time::Duration};

use cloakroom::{
    Secret, SessionId, SessionStore, StoreErrorKind, WriteId,
    record::{Lifetime, Record},
    store::{Created, End, Ended, EndedBy, Found, RecordStore, StoreContext},
    time::{Deadline, Timestamp},
};
use custom_store::RedbBackend;
use disk::{Condition, Disk};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use tempfile::TempDir;

const SESSIONS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("sessions");
const REMOVALS: TableDefinition<'_, (i64, [u8; 16]), Option<&str>> = TableDefinition::new("removals");

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn at(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::NONE)
}

fn record(id: u8, now: Timestamp) -> Record {
    let lifetime = Lifetime { idle: HOUR, absolute: 2 * HOUR };
    Record::new(
        SessionId::from_bytes([id; 16]),
        Secret::from_bytes([id; 16]),
        WriteId::from_u64(1),
        lifetime,
        now,
    )
}

fn store_in(folder: &Path) -> RecordStore<RedbBackend> {
    let path = folder.join("sessions.redb");
    RecordStore::from_backend(RedbBackend::open(move || Database::create(&path)).unwrap())
}

fn database_in(folder: &TempDir) -> Database {
    Database::open(folder.path().join("sessions.redb")).unwrap()
}

async fn begin(store: &RecordStore<RedbBackend>, record: &Record, now: Timestamp) {
    assert!(matches!(store.create(record, at(now)).await.unwrap(), Created::Done(_)));
}

const FOLDER: &str = "CUSTOM_STORE_TEST_FOLDER";

#[tokio::test]
async fn sessions_survive_a_process_that_dies() {
    let folder = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let died = Command::new(test)
        .args(["--exact", "process_that_dies", "--ignored"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(!died.status.success());

    let store = store_in(folder.path());
    let found = async |id| store.find(&record(id, NOW).id(), at(NOW)).await.unwrap();
    assert!(matches!(found(1).await, Found::Live(_)));
    assert!(matches!(found(2).await, Found::Absent(_)));
}

/// Begins two sessions, ends one, and dies without closing its database.
#[tokio::test]
#[ignore = "is run by another test, in a process of its own"]
async fn process_that_dies() {
    let store = store_in(Path::new(&std::env::var_os(FOLDER).unwrap()));
    begin(&store, &record(1, NOW), NOW).await;
    begin(&store, &record(2, NOW), NOW).await;
    store.end(End::of(&record(2, NOW), EndedBy::Client), at(NOW)).await.unwrap();
    std::process::abort();
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_while_the_disk_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, path) = (Disk::default(), folder.path().join("sessions.redb"));
    let slow = disk.clone();
    let store = RecordStore::from_backend(RedbBackend::open(move || slow.open(&path)).unwrap());
    disk.set(Condition::Hangs);
    let soon = StoreContext::new(NOW, Deadline::after(Duration::from_millis(20)));
    let error = store.create(&record(1, NOW), soon).await.unwrap_err();
    disk.set(Condition::Works);
    assert_eq!(error.kind(), StoreErrorKind::Timeout);
    // Whether the write took effect or not: a repetition tells.
    begin(&store, &record(1, NOW), NOW).await;
}

#[tokio::test]
async fn what_has_expired_is_removed_a_few_at_each_creation() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path());
    for id in 0..10 {
        begin(&store, &record(id, NOW), NOW).await;
    }
    let ended = store
        .end(End { until: NOW + HOUR, ..End::of(&record(0, NOW), EndedBy::Client) }, at(NOW))
        .await
        .unwrap();
    assert_eq!(ended, Ended::Done);
    // Its tombstone outlasts the session that it ended.
    let later = NOW + HOUR;
    for id in 10..13 {
        begin(&store, &record(id, later), later).await;
    }
    drop(store);
    let database = database_in(&folder);
    let tables = database.begin_read().unwrap();
    assert_eq!(tables.open_table(SESSIONS).unwrap().len().unwrap(), 4, "three sessions and the tombstone");
    assert_eq!(tables.open_table(REMOVALS).unwrap().len().unwrap(), 4);
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_left_as_it_is_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    begin(&store_in(folder.path()), &record(1, NOW), NOW).await;
    damage(&database_in(&folder));

    let store = store_in(folder.path());
    let id = record(1, NOW).id();
    for _ in 0..2 {
        let error = store.find(&id, at(NOW)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(store.create(&record(1, NOW), at(NOW)).await.is_err());
        assert!(store.end(End { id, until: NOW, by: EndedBy::Client }, at(NOW)).await.is_err());
    }
    // It is no obstacle for others, and gone once its session has expired.
    begin(&store, &record(2, NOW), NOW).await;
    begin(&store, &record(3, NOW + HOUR), NOW + HOUR).await;
    begin(&store, &record(1, NOW + HOUR), NOW + HOUR).await;
}

fn damage(database: &Database) {
    let transaction = database.begin_write().unwrap();
    transaction.open_table(SESSIONS).unwrap().insert([1; 16], &b"\x01damaged"[..]).unwrap();
    transaction.commit().unwrap();
}
