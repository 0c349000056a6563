//! The file of a database: how it is opened, and whether it is still the one that was opened.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
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
///
/// It is one file, whatever lies at its path later: the log of its last changes is beside that path, and would damage another file. If
/// somebody has removed it, sessions have not ended but cannot be found.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
    identity: Identity,
    synchronous: Synchronous,
    closing: Arc<Mutex<()>>,
}

impl File {
    /// Opens a file to write, which is made if need be, and creates what the definition says.
    pub(super) fn create(
        path: &Path,
        synchronous: Synchronous,
        definition: &str,
    ) -> Result<(Self, Connection), StoreError> {
        if path.as_os_str().is_empty() || path == Path::new(":memory:") {
            let message = "sessions in SQLite need a file; the store for memory is MemoryStore";
            return Err(StoreError::new(StoreErrorKind::Unsupported, message));
        }
        // It stays the same when the process changes its directory.
        let path = std::path::absolute(path).map_err(|error| gone().with_source(error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(&path, flags, Access::Write, synchronous).map_err(failed)?;
        connection.execute_batch(definition).map_err(failed)?;
        let identity = Identity::of(&path).ok_or_else(gone)?;
        Ok((Self { path, identity, synchronous, closing: Arc::default() }, connection))
    }

    /// Opens the file again.
    pub(super) fn open(&self, access: Access) -> Result<Connection, StoreError> {
        self.check()?;
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE, access, self.synchronous).map_err(failed)
    }

    /// Closes a connection. The last one writes the log to the file and removes it; two that close at the same moment would both
    /// leave that to the other.
    pub(super) fn close(&self, connection: Connection) {
        let _alone = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(connection);
    }

    /// Looks whether the file is where it was.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if Identity::of(&self.path) == Some(self.identity) { Ok(()) } else { Err(gone()) }
    }
}

fn connect(
    path: &Path,
    flags: OpenFlags,
    access: Access,
    synchronous: Synchronous,
) -> Result<Connection, Error> {
    // Each connection belongs to one thread, which needs no lock of SQLite's.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(OPEN_TIMEOUT)?;
    turn_log_on(&connection)?;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {}; PRAGMA journal_size_limit = {KEPT_LOG}; PRAGMA query_only = {};",
        synchronous.as_sql(),
        u8::from(access == Access::Read)
    ))?;
    Ok(connection)
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
    let message =
        "the file of the session database was removed or replaced; put it back, or start the process again";
    StoreError::new(StoreErrorKind::Unavailable, message)
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity([u64; 2]);

impl Identity {
    /// That of the file at a path, if there is one.
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::from_metadata(&metadata))
    }

    #[cfg(unix)]
    fn from_metadata(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self([metadata.dev(), metadata.ino()])
    }

    /// Elsewhere a file that is open cannot be replaced.
    #[cfg(not(unix))]
    fn from_metadata(_: &fs::Metadata) -> Self {
        Self([0, 0])
    }
}
