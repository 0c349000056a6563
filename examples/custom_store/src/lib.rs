//! Sessions in a file: a complete session store on the embedded database [`redb`].
//!
//! It uses nothing but the public API of [`cloakroom`] and passes its conformance suite. Copy it to begin a store of your own:
//! this file answers the calls of a session store, off the runtime's threads and within their deadline; `tables.rs` says what
//! is stored, and how.

mod tables;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cloakroom::{
    SessionId, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{
        Ended, Guarantees, Index, RecordBackend, Revocation, SessionIndex, SessionInfo, StoreContext, Stored,
        Swapped, TokenForm, Tombstone, Updates, within,
    },
};
use redb::{Database, DatabaseError, Error};

/// Sessions in a file, which one process has open at a time. A clone is another handle of it.
#[derive(Clone)]
pub struct RedbBackend {
    open: Arc<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>,
    /// The open database; none after a failure of the disk, when `redb` refuses all work until it is opened again.
    current: Arc<Mutex<Option<Arc<Database>>>>,
}

impl RecordBackend for RedbBackend {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new("redb", TokenForm::Reference)
            .revocation(Revocation::AtOnce)
            .survives_restart(true)
            .updates(Updates::NeverLost)
            .index(Index::Process)
    }

    async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        let id = *id;
        self.call(cx, move |database| tables::get(database, &id)).await
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        let (id, next) = (next.id(), next.clone());
        let swap = move |stored: Option<Stored>| {
            let new = Stored::swap(stored.as_ref(), expected, &next, cx.now);
            let answer = if new.is_some() { Swapped::Done } else { Swapped::Found(stored) };
            (new, answer)
        };
        self.call(cx, move |database| tables::update(database, id, cx.now, swap)).await
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        let bury = move |stored: Option<Stored>| {
            let (new, answer) = Stored::bury(stored.as_ref(), tombstone, cx.now);
            (Some(Stored::Tombstone(new)), answer)
        };
        self.call(cx, move |database| tables::update(database, tombstone.id, cx.now, bury)).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

#[async_trait]
impl SessionIndex for RedbBackend {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let subject = subject.to_owned();
        self.call(cx, move |database| tables::list(database, &subject, cx.now)).await
    }
}

impl RedbBackend {
    /// Opens a database by `open`, for instance `|| Database::create("sessions.redb")`.
    ///
    /// After a failure of the disk `open` is called again.
    ///
    /// # Errors
    /// When it cannot be opened, for instance because another process has it open.
    pub fn open(
        open: impl Fn() -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let backend = Self { open: Arc::new(open), current: Arc::default() };
        backend.run(tables::create)?;
        Ok(backend)
    }

    /// Does `job` on a thread that may block, and answers by the deadline, whether the job is done by then or not.
    async fn call<T: Send + 'static>(
        &self,
        cx: StoreContext,
        job: impl FnOnce(&Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = self.clone();
        let job = tokio::task::spawn_blocking(move || {
            // If the caller no longer waits, the job is not begun, so that a slow disk does no useless work.
            if cx.deadline.is_over() {
                return Err(StoreError::new(StoreErrorKind::Timeout, "the session database was busy"));
            }
            this.run(job)
        });
        within(cx.deadline, async { job.await.map_err(|lost| failed(Error::Io(lost.into())))? }).await
    }

    /// Does `job` with the database, which is opened if need be, and closed if its disk has failed.
    fn run<T>(&self, job: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, StoreError> {
        let database = self.database().map_err(failed)?;
        job(&database).map_err(|error| {
            if let Error::Io(_) | Error::PreviousIo = error {
                self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
            }
            failed(error)
        })
    }

    fn database(&self) -> Result<Arc<Database>, Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || (self.open)().map(Arc::new);
        let database = current.take().map_or_else(open, Ok)?;
        Ok(Arc::clone(current.insert(database)))
    }
}

fn failed(error: Error) -> StoreError {
    let kind =
        if let Error::Corrupted(_) = error { StoreErrorKind::Corrupt } else { StoreErrorKind::Unavailable };
    StoreError::new(kind, "the session database failed").with_source(error)
}

impl std::fmt::Debug for RedbBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbBackend").finish_non_exhaustive()
    }
}
