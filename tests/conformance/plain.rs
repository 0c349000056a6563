//! A plain, good store that guarantees everything: a table behind a lock, which plays a database outside of the process. The
//! broken stores are built on it.

use std::{
    cmp::Reverse,
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError, StoreErrorKind,
    conformance::{Harness, Outage},
    record::{Record, Version},
    store::{
        Absence, Ended, Guarantees, Index, RecordBackend, RecordStore, Revocation, Scope, SessionIndex,
        SessionInfo, StoreContext, StoreLayer, Stored, Swapped, TokenForm, Tombstone, Updates, within,
    },
    time::Timestamp,
};

/// The largest session data that it takes, in bytes.
pub(crate) const MAX_DATA: usize = 4096;

/// The rows of the table: what is stored, as the database has it.
pub(crate) type Rows = HashMap<SessionId, Vec<u8>>;

/// Reads a row.
pub(crate) fn stored(row: &[u8]) -> Stored {
    Stored::decode(row).expect("the plain store wrote it")
}

/// The database.
#[derive(Default)]
pub(crate) struct Database {
    rows: Mutex<Rows>,
    is_cut: AtomicBool,
    is_silent: AtomicBool,
}

/// A server's connection to the database, until the server crashes.
#[derive(Clone, Default)]
pub(crate) struct Table(Arc<Database>, Arc<AtomicBool>);

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

impl Table {
    fn rows(&self) -> Result<MutexGuard<'_, Rows>, StoreError> {
        if self.0.is_cut.load(SeqCst) || self.1.load(SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the plain store was cut off"));
        }
        Ok(self.0.rows.lock().unwrap())
    }

    /// The rows, once the database answers.
    async fn answer(&self, cx: StoreContext) -> Result<MutexGuard<'_, Rows>, StoreError> {
        if self.0.is_silent.load(SeqCst) {
            within(cx.deadline, std::future::pending::<Result<(), _>>()).await?;
        }
        self.rows()
    }
}

impl RecordBackend for Table {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new("plain", TokenForm::Reference)
            .revocation(Revocation::AtOnce)
            .survives_restart(true)
            .scope(Scope::AllNodes)
            .updates(Updates::NeverLost)
            .index(Index::AllNodes)
            .max_data(Some(MAX_DATA))
    }

    async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        Ok(self.answer(cx).await?.get(id).map(|row| stored(row)))
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        let mut rows = self.answer(cx).await?;
        // What has expired may be removed at any moment. Here that is when its ID is needed again.
        let is_kept = |found: &Stored| expected.is_some() || cx.now < found.removable_at();
        let found = rows.get(&next.id()).map(|row| stored(row)).filter(is_kept);
        let Some(next) = Stored::swap(found.as_ref(), expected, next, cx.now) else {
            return Ok(Swapped::Found(found));
        };
        if let Stored::Record(record) = &next {
            rows.insert(record.id(), next.encode());
        }
        Ok(Swapped::Done)
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        let mut rows = self.answer(cx).await?;
        let (tombstone, answer) =
            Stored::bury(rows.get(&tombstone.id).map(|row| stored(row)).as_ref(), tombstone, cx.now);
        rows.insert(tombstone.id, Stored::Tombstone(tombstone).encode());
        Ok(answer)
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

#[async_trait]
impl SessionIndex for Table {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let rows = self.answer(cx).await?;
        let live = rows.values().filter_map(|row| stored(row).live(cx.now).ok());
        let mut records: Vec<_> = live.filter(|record| record.subject() == Some(subject)).collect();
        records.sort_by_key(|record| Reverse(record.created_at()));
        Ok(records.iter().map(SessionInfo::of).collect())
    }
}

/// A handle of the store, with a look behind it for the broken ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plain(RecordStore<Table>);

impl Plain {
    fn database(&self) -> &Arc<Database> {
        &self.0.backend().0
    }

    /// The rows, if the database can be reached.
    pub(crate) fn rows(&self) -> Result<MutexGuard<'_, Rows>, StoreError> {
        self.0.backend().rows()
    }

    /// The live record under an ID, or why there is none.
    pub(crate) fn live(&self, id: &SessionId, now: Timestamp) -> Result<Result<Record, Absence>, StoreError> {
        Ok(self.rows()?.get(id).map_or(Err(Absence::Unknown), |row| stored(row).live(now)))
    }

    /// Puts a record under its ID, whatever is stored there.
    pub(crate) fn put(&self, record: &Record) -> Result<(), StoreError> {
        self.rows()?.insert(record.id(), record.encode());
        Ok(())
    }

    /// Makes the database fail or hang until the outage is over.
    fn outage(&self, kind: fn(&Database) -> &AtomicBool) -> Option<Box<dyn Outage>> {
        kind(self.database()).store(true, SeqCst);
        Some(Box::new(Failing(Arc::clone(self.database()), kind)))
    }

    /// What a new process finds.
    fn restarted(&self) -> Self {
        let rows = Mutex::new(self.database().rows.lock().unwrap().clone());
        Self::connected(Arc::new(Database { rows, ..Database::default() }))
    }

    /// Ends the server that uses this handle: it reaches the database no more. The answer is the handle of another server.
    fn crashed(&self) -> Self {
        self.0.backend().1.store(true, SeqCst);
        Self::connected(Arc::clone(self.database()))
    }

    fn connected(database: Arc<Database>) -> Self {
        Self(RecordStore::from_backend(Table(database, Arc::default())))
    }
}

impl StoreLayer for Plain {
    fn inner(&self) -> &dyn SessionStore {
        &self.0
    }
}

#[async_trait]
impl SessionIndex for Plain {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        self.0.backend().list(subject, cx).await
    }
}

/// The plain store with its surroundings, seen through `front`: itself, or something broken around it.
pub(crate) struct Surroundings<F> {
    plain: Plain,
    front: F,
}

impl<F> Surroundings<F> {
    pub(crate) fn new(front: F) -> Self {
        Self { plain: Plain::default(), front }
    }
}

impl<F, S> Surroundings<F>
where
    F: Fn(Plain) -> S + Send + Sync,
    S: SessionStore,
{
    fn handle(&self, plain: Plain) -> Arc<dyn SessionStore> {
        Arc::new((self.front)(plain))
    }
}

#[async_trait]
impl<F, S> Harness for Surroundings<F>
where
    F: Fn(Plain) -> S + Send + Sync,
    S: SessionStore,
{
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.handle(self.plain.clone())
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle(self.plain.clone()))
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle(self.plain.restarted()))
    }

    async fn crash(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle(self.plain.crashed()))
    }

    async fn dump(&self) -> Option<Vec<u8>> {
        Some(self.plain.database().rows.lock().unwrap().values().flatten().copied().collect())
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        self.plain.outage(|database| &database.is_cut)
    }

    async fn hang(&self) -> Option<Box<dyn Outage>> {
        self.plain.outage(|database| &database.is_silent)
    }
}

struct Failing(Arc<Database>, fn(&Database) -> &AtomicBool);

#[async_trait]
impl Outage for Failing {
    async fn over(self: Box<Self>) {
        (self.1)(&self.0).store(false, SeqCst);
    }
}
