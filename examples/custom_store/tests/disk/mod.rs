//! A real file on a disk that can fail or hang.

use std::{
    fs::File,
    io,
    ops::Bound,
    path::Path,
    sync::{Arc, Condvar, Mutex},
};

use redb::{BackendError, Database, DatabaseError, StorageBackend, backends::FileBackend};

/// A disk. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<(Mutex<Condition>, Condvar)>);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Condition {
    #[default]
    Works,
    /// Every access is an error.
    Fails,
    /// Every access waits until the disk is in another condition.
    Hangs,
}

impl Disk {
    pub(crate) fn set(&self, condition: Condition) {
        *self.0.0.lock().unwrap() = condition;
        self.0.1.notify_all();
    }

    /// Opens a database without a cache, so that every read reaches the disk.
    pub(crate) fn open(&self, path: &Path) -> Result<Database, DatabaseError> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let file = OnDisk { file: FileBackend::new(file)?, disk: self.clone() };
        Database::builder().set_cache_size(0).create_with_backend(file)
    }

    fn access(&self) -> io::Result<()> {
        let condition = self.0.0.lock().unwrap();
        let condition = self.0.1.wait_while(condition, |condition| *condition == Condition::Hangs).unwrap();
        if *condition == Condition::Fails { Err(io::Error::other("the disk has failed")) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct OnDisk {
    file: FileBackend,
    disk: Disk,
}

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        self.disk.access()?;
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.access()?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.access()?;
        self.file.set_len(len)
    }

    /// Waits for no hardware: tests make thousands of transactions, and none of them takes the power away.
    fn sync_data(&self) -> io::Result<()> {
        self.disk.access()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.access()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
