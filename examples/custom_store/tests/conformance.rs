//! The store does what it declares, as far as the conformance suite can see.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod disk;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use cloakroom::{
    SessionStore,
    conformance::{self, Harness, Outage, Outcome},
    store::RecordStore,
};
use custom_store::RedbBackend;
use disk::{Condition, Disk};

/// A database in a folder of its own, on a disk that can fail.
struct Surroundings {
    folder: tempfile::TempDir,
    disk: Disk,
    backend: Mutex<Option<RedbBackend>>,
}

impl Surroundings {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let new = Self { folder, disk: Disk::default(), backend: Mutex::new(None) };
        *new.backend.lock().unwrap() = Some(new.open());
        new
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("sessions.redb")
    }

    fn open(&self) -> RedbBackend {
        let (path, disk) = (self.path(), self.disk.clone());
        RedbBackend::open(move || disk.open(&path)).expect("the database can be opened")
    }

    fn handle(&self) -> Arc<dyn SessionStore> {
        let backend = self.backend.lock().unwrap();
        Arc::new(RecordStore::from_backend(backend.clone().expect("the database is open")))
    }
}

#[async_trait]
impl Harness for Surroundings {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.handle()
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        drop(self.backend.lock().unwrap().take());
        *self.backend.lock().unwrap() = Some(self.open());
        Some(self.handle())
    }

    async fn dump(&self) -> Option<Vec<u8>> {
        Some(std::fs::read(self.path()).expect("the database can be read"))
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        self.disk.set(Condition::Fails);
        Some(Box::new(Failing(self.disk.clone())))
    }
}

struct Failing(Disk);

#[async_trait]
impl Outage for Failing {
    async fn over(self: Box<Self>) {
        self.0.set(Condition::Works);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_does_what_it_declares() {
    let report = conformance::check(Surroundings::new).await;
    report.assert();
    for check in [
        "requests_at_the_same_time_count_once_although_replies_are_lost",
        "the_sessions_of_a_subject_are_listed_the_newest_first",
        "a_restart_keeps_live_sessions",
        "a_restart_keeps_tombstones",
        "a_dump_holds_no_secret",
        "an_outage_is_an_error",
        "an_outage_loses_no_session",
    ] {
        assert_eq!(report.outcome(check), Some(&Outcome::Passed), "{check}");
    }
}
