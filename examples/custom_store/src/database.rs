//! Transactions off the runtime's threads, within a deadline; and a database that is reopened after a failure of its disk.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use cloakroom::{
    StoreError, StoreErrorKind,
    store::{StoreContext, within},
};
use redb::{Database, DatabaseError, Error, ReadableDatabase};

use crate::tables::{Readable, Writable};

pub(crate) type Open = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// The database that all handles of a store share.
///
/// `redb` refuses all work after a failure of the disk until the database is opened again.
pub(crate) struct SharedDatabase {
    open: Open,
    current: Mutex<Option<Arc<Database>>>,
}

impl SharedDatabase {
    /// Opens the database and creates the tables that it lacks.
    pub(crate) fn open(open: Open) -> Result<Self, StoreError> {
        let this = Self { open, current: Mutex::new(None) };
        this.run(|database| write(database, |_| Ok(()))).map_err(store_error)?;
        Ok(this)
    }

    /// Does `job` in a read transaction.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        cx: StoreContext,
        job: impl FnOnce(&Readable) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(cx, |database| job(&Readable::open(&database.begin_read()?)?)).await
    }

    /// Does `job` in a write transaction, which takes effect entirely or not at all.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        cx: StoreContext,
        job: impl FnOnce(&mut Writable<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(cx, |database| write(database, job)).await
    }

    // region: call
    /// Does `job` on a thread that may block, and answers by the deadline, whether it is done by then or not.
    async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        cx: StoreContext,
        job: impl FnOnce(&Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = Arc::clone(self);
        let job = move || {
            // Nobody waits any more. Not to begin keeps a slow disk from being given work in vain.
            if cx.deadline.is_over() {
                return Err(StoreError::new(StoreErrorKind::Timeout, "the session database was busy"));
            }
            this.run(job).map_err(store_error)
        };
        let job = tokio::task::spawn_blocking(job);
        within(cx.deadline, async { job.await.map_err(lost)? }).await
    }
    // endregion: call

    /// Does `job`, and closes the database if its disk has failed.
    fn run<T>(&self, job: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, Error> {
        let database = self.current()?;
        let answer = job(&database);
        if let Err(Error::Io(_) | Error::PreviousIo) = answer {
            self.lock().take_if(|current| Arc::ptr_eq(current, &database));
        }
        answer
    }

    /// The open database, which is opened if need be.
    fn current(&self) -> Result<Arc<Database>, Error> {
        let mut current = self.lock();
        if let Some(database) = &*current {
            return Ok(Arc::clone(database));
        }
        Ok(Arc::clone(current.insert(Arc::new((self.open)()?))))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Database>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write<T>(
    database: &Database,
    job: impl FnOnce(&mut Writable<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let transaction = database.begin_write()?;
    let answer = job(&mut Writable::open(&transaction)?)?;
    transaction.commit()?;
    Ok(answer)
}

// region: errors
fn store_error(error: Error) -> StoreError {
    let (kind, message) = match error {
        Error::Corrupted(_) => (StoreErrorKind::Corrupt, "the session database holds what cannot be read"),
        _ => (StoreErrorKind::Unavailable, "the session database failed"),
    };
    StoreError::new(kind, message).with_source(error)
}

/// The job panicked, or the runtime is shutting down.
fn lost(error: tokio::task::JoinError) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the work on the session database was abandoned")
        .with_source(error)
}
// endregion: errors

impl fmt::Debug for SharedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedDatabase").finish_non_exhaustive()
    }
}
