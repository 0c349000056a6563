//! SQLite as a backend of a [`RecordStore`]: [`SqliteBackend`].

use super::{super::sql::SqlBackend, database::Sqlite, dialect::DEFINITION};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        Ended, Guarantees, RecordBackend, RecordStore, SessionIndex, StoreContext, Stored, Swapped,
        Tombstone, Touched,
    },
    time::{Deadline, Timestamp},
};

/// Sessions in a file, by SQLite: they survive a restart, and no server is needed.
///
/// A clone is another handle of the same store. All handles share two threads, one that reads and one that writes, and no call blocks
/// the thread that makes it. Writes that wait at the same moment share a transaction. The threads end, and the file is closed, when the
/// last handle is dropped.
///
/// # The file
/// It has to be on a disk of this machine: SQLite's write-ahead log does not work over a network. Beside it are two more files while it
/// is open, whose names end with `-wal` and `-shm`; copy or move all three together, and only while no process has it open. Any
/// number of processes of the machine may share it, and the application's own tables may be in it, too.
///
/// The store creates its [table](Self::DEFINITION) when it opens the file. After a failure of the disk it opens the file again. A file
/// that was removed or replaced is no empty one: calls fail until it is back, or the process is started again.
///
/// # What is lost
/// Nothing that was acknowledged, whether the process, the system or the power fails, unless
/// [`Synchronous::Normal`](super::Synchronous::Normal) was chosen.
///
/// ```
/// use cloakroom::{SessionManager, store::SqliteStore};
///
/// # let folder = std::env::temp_dir().join(format!("cloakroom-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("sessions.db");
/// let store = SqliteStore::open(&path)?;
/// let sessions = SessionManager::new(store);
/// # drop(sessions);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type SqliteStore = RecordStore<SqliteBackend>;

/// The file behind a [`SqliteStore`].
#[derive(Debug, Clone)]
pub struct SqliteBackend(SqlBackend<Sqlite>);

impl SqliteBackend {
    pub(super) const fn new(database: Sqlite) -> Self {
        Self(SqlBackend::new(database))
    }
}

impl SqliteStore {
    /// The statements that create the table of sessions with its default name, `cloakroom_sessions`, and its indexes.
    ///
    /// A store executes them whenever it opens its file, so nobody else has to. They are here for an application whose migrations list
    /// all tables.
    pub const DEFINITION: &str = DEFINITION;

    /// Removes at most `limit` sessions that have expired, and traces of ended ones, and returns how many there were.
    ///
    /// Every new session removes a few of them, so nobody has to call it. It is for those who want the room back sooner, for instance
    /// before a backup. What was removed is reused by new sessions; the file itself shrinks with SQLite's `VACUUM` only.
    ///
    /// # Errors
    /// When the file cannot be written, or the deadline passes.
    pub async fn sweep(&self, limit: usize, now: Timestamp, deadline: Deadline) -> Result<usize, StoreError> {
        self.backend().0.sweep(limit, StoreContext::new(now, deadline)).await
    }
}

impl RecordBackend for SqliteBackend {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        self.0.get(id, cx).await
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        self.0.compare_and_swap(expected, next, cx).await
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        self.0.bury(tombstone, cx).await
    }

    async fn touch(&self, record: &Record, cx: StoreContext) -> Result<Touched, StoreError> {
        self.0.touch(record, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.0.index()
    }
}
