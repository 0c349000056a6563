//! A real file on a disk that can fail.

use std::{
    fs::File,
    io,
    ops::Bound,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{BackendError, Database, DatabaseError, StorageBackend, backends::FileBackend};

/// Whether the disk fails. A clone is the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<AtomicBool>);

impl Disk {
    pub(crate) fn fail(&self, fails: bool) {
        self.0.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Database, DatabaseError> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        // Without a cache, so that every read reaches the disk.
        let file = OnDisk { file: FileBackend::new(file)?, disk: self.clone() };
        Database::builder().set_cache_size(0).create_with_backend(file)
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::Error::other("the disk has failed")) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct OnDisk {
    file: FileBackend,
    disk: Disk,
}

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        self.disk.check()?;
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.check()?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.check()?;
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
