//! The public conformance suite.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use cloakroom::{
    SessionStore,
    conformance::{self, Harness, Outage},
    store::SqliteStore,
};

use crate::scene::{Held, beside, folder_in_memory};

/// A file in a folder of its own.
struct InFile {
    folder: tempfile::TempDir,
    store: Mutex<Option<SqliteStore>>,
}

impl InFile {
    fn new() -> Self {
        let new = Self { folder: folder_in_memory(), store: Mutex::new(None) };
        *new.store.lock().unwrap() = Some(new.open());
        new
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("sessions.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).unwrap()
    }
}

#[async_trait]
impl Harness for InFile {
    async fn store(&self) -> Arc<dyn SessionStore> {
        Arc::new(self.store.lock().unwrap().clone().unwrap())
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(Arc::new(self.open()))
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        *self.store.lock().unwrap() = None;
        *self.store.lock().unwrap() = Some(self.open());
        Some(self.store().await)
    }

    /// By another process: SQLite's locks of this one would be lost if it closed the file.
    async fn dump(&self) -> Option<Vec<u8>> {
        let files = [self.path(), beside(&self.path(), "-wal")];
        Some(Command::new("cat").args(files).output().unwrap().stdout)
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        fs::rename(self.path(), self.folder.path().join("away")).unwrap();
        Some(Box::new(Away(self.path())))
    }

    async fn hang(&self) -> Option<Box<dyn Outage>> {
        Some(Box::new(Silence(Held::everything(&self.path()))))
    }
}

/// The file is not where it was.
struct Away(PathBuf);

#[async_trait]
impl Outage for Away {
    async fn over(self: Box<Self>) {
        fs::rename(self.0.with_file_name("away"), &self.0).unwrap();
    }
}

struct Silence(Held);

#[async_trait]
impl Outage for Silence {
    async fn over(self: Box<Self>) {
        self.0.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_passes() {
    conformance::check(InFile::new).await.assert();
}
