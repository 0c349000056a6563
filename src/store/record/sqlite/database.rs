//! The two threads of a store, as what runs its statements: [`Sqlite`].

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError},
    },
    thread,
};

use rusqlite::Connection;

use super::{
    super::sql::{Database, Outcome, Statement, Statements, Table, Value},
    Synchronous,
    dialect::DIALECT,
    file::{Access, File},
    job::Job,
    queue::Queue,
    reader, writer,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::{Guarantees, Index, Revocation, Scope, StoreContext, TokenForm, Updates},
};

/// The largest session data that is stored, in bytes.
const MAX_DATA: usize = 4 << 20;

/// A database in a file, with a thread that reads and one that writes. They end when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    reads: SyncSender<Job>,
    writes: SyncSender<Job>,
}

impl Sqlite {
    /// Opens the file and starts the threads.
    pub(super) fn open(path: &Path, table: &Table, synchronous: Synchronous) -> Result<Self, StoreError> {
        // `?1` is the first argument, `$1` one of that name.
        let texts = Statements::new(table, &DIALECT).rewritten(|text| text.replace('$', "?"));
        let texts = Arc::new(texts);
        let (file, writes) = File::create(path, synchronous, &table.definition(&DIALECT))?;
        let reads = file.open(Access::Read)?;
        let start = |name, connection, run| start(name, connection, file.clone(), Arc::clone(&texts), run);
        Ok(Self {
            reads: start("cloakroom-sqlite-read", reads, reader::run)?,
            writes: start("cloakroom-sqlite-write", writes, writer::run)?,
        })
    }

    fn queue(&self, statement: Statement) -> &SyncSender<Job> {
        if statement.only_reads() { &self.reads } else { &self.writes }
    }
}

impl Database for Sqlite {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new("sqlite", TokenForm::Reference)
            .revocation(Revocation::AtOnce)
            .survives_restart(true)
            .scope(Scope::Machine)
            .updates(Updates::NeverLost)
            .index(Index::AllNodes)
            .max_data(Some(MAX_DATA))
    }

    async fn run(
        &self,
        statement: Statement,
        arguments: Vec<Value>,
        cx: StoreContext,
    ) -> Result<Outcome, StoreError> {
        let (job, answer) = Job::new(statement, arguments, cx.deadline);
        self.queue(statement).try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => unavailable("too many calls wait for the session database"),
            TrySendError::Disconnected(_) => unavailable("the thread of the session database has ended"),
        })?;
        let rows = answer.await.unwrap_or_else(|_| Err(not_begun(cx)))?;
        Ok(Outcome { rows, is_repeated: false })
    }
}

type Run = fn(Connection, &File, &Statements, Queue);

fn start(
    name: &str,
    connection: Connection,
    file: File,
    texts: Arc<Statements>,
    run: Run,
) -> Result<SyncSender<Job>, StoreError> {
    let (sender, queue) = Queue::new();
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(move || run(connection, &file, &texts, queue)).map_err(|error: io::Error| {
        unavailable("the threads of the session database could not be started").with_source(error)
    })?;
    Ok(sender)
}

/// A call that was dropped without an answer.
fn not_begun(cx: StoreContext) -> StoreError {
    if cx.deadline.is_over() {
        StoreError::new(StoreErrorKind::Timeout, "the session database was busy until the deadline")
    } else {
        unavailable("the thread of the session database has ended")
    }
}

fn unavailable(message: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, message)
}
