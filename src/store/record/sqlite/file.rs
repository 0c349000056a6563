//! The file of a database: how it is opened, and whether it is still the one that was opened.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::{Synchronous, error::failed};
use crate::{
    error::{StoreError, StoreErrorKind},
    time::Deadline,
};

/// How long another process is waited for that opens the file at the same moment.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between two attempts to turn the write-ahead log on, during which SQLite itself does not wait.
const PAUSE: Duration = Duration::from_millis(5);

/// The largest write-ahead log that is kept when it is empty, in bytes.
const KEPT_LOG: u32 = 16 << 20;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// The file of a database.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
    synchronous: Synchronous,
}

impl File {
    /// The file at a path, which stays the same when the process changes its directory.
    pub(super) fn new(path: &Path, synchronous: Synchronous) -> Result<Self, StoreError> {
        if path.as_os_str().is_empty() || path == Path::new(":memory:") {
            let message = "sessions in SQLite need a file; the store for memory is MemoryStore";
            return Err(StoreError::new(StoreErrorKind::Unsupported, message));
        }
        let path = std::path::absolute(path).map_err(|error| gone().with_source(error))?;
        Ok(Self { path, synchronous })
    }

    /// Opens the file to write, which is made if need be, and creates what the definition says.
    pub(super) fn create(&self, definition: &str) -> Result<Opened, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = self.connect(flags, Access::Write).map_err(failed)?;
        connection.execute_batch(definition).map_err(failed)?;
        self.opened(connection)
    }

    /// Opens the file that is there. It never makes one: if somebody has removed the file, sessions have not ended but cannot be
    /// found, until it is back or the process is started again.
    pub(super) fn open(&self, access: Access) -> Result<Opened, StoreError> {
        self.identity().ok_or_else(gone)?;
        self.opened(self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE, access).map_err(failed)?)
    }

    fn opened(&self, connection: Connection) -> Result<Opened, StoreError> {
        Ok(Opened { connection, identity: self.identity().ok_or_else(gone)? })
    }

    /// Whether the file at the path is the one that was opened.
    pub(super) fn is_still(&self, opened: &Opened) -> bool {
        self.identity() == Some(opened.identity)
    }

    fn connect(&self, flags: OpenFlags, access: Access) -> Result<Connection, Error> {
        // Each connection belongs to one thread, which needs no lock of SQLite's.
        let connection = Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(OPEN_TIMEOUT)?;
        turn_log_on(&connection)?;
        let synchronous = self.synchronous.as_sql();
        connection.execute_batch(&format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA journal_size_limit = {KEPT_LOG}; PRAGMA query_only = {};",
            u8::from(access == Access::Read)
        ))?;
        Ok(connection)
    }

    /// What the file at the path is, apart from its name; `None` if there is none.
    fn identity(&self) -> Option<Identity> {
        fs::metadata(&self.path).ok().map(|metadata| Identity::of(&metadata))
    }
}

/// A connection, and which file it is on.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    identity: Identity,
}

/// Turns the write-ahead log on, so that readers and the writer do not wait for each other. A file stays as it was set once.
fn turn_log_on(connection: &Connection) -> Result<(), Error> {
    let deadline = Deadline::after(OPEN_TIMEOUT);
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && !deadline.is_over() =>
            {
                thread::park_timeout(PAUSE);
            }
            // Sessions can be read, and writes say why they fail.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => return Ok(()),
            answer => return answer.map(drop),
        }
    }
}

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the file of the session database is gone")
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity([u64; 2]);

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self([metadata.dev(), metadata.ino()])
    }

    /// Elsewhere a file that is open cannot be replaced.
    #[cfg(not(unix))]
    fn of(_: &fs::Metadata) -> Self {
        Self([0, 0])
    }
}
