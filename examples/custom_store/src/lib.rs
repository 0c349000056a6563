//! Sessions in a file: a complete session store on the embedded database `redb`.
//!
//! It uses nothing but the public API of `cloakroom`, and passes its conformance suite. Copy it to begin a store of your own.
//!
//! | module | holds |
//! | --- | --- |
//! | `lib` | [`RedbBackend`]: the answers to the calls of a session store |
//! | `tables` | what is stored, and how |
//! | `database` | transactions off the runtime's threads, within a deadline; reopening after a failed disk |

mod database;
mod tables;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use cloakroom::{
    SessionId, StoreError,
    record::{Record, Version},
    store::{
        Ended, Guarantees, Index, RecordBackend, RecordStore, Revocation, SessionIndex, SessionInfo,
        StoreContext, Stored, Swapped, TokenForm, Tombstone, Updates,
    },
};
use redb::DatabaseError;

use crate::database::SharedDatabase;

/// A session store on a `redb` database.
pub type RedbStore = RecordStore<RedbBackend>;

/// Sessions in one file, which one process has open at a time. A clone is another handle of the same file.
#[derive(Debug, Clone)]
pub struct RedbBackend {
    database: Arc<SharedDatabase>,
}

// region: open
impl RedbBackend {
    /// Opens the database at `path`, which is created if it does not exist.
    ///
    /// # Errors
    /// When it cannot be opened, for instance because another process has it open.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        Self::open_with(move || redb::Database::create(&path))
    }

    /// Opens a database with options of your own. After a failure of the disk, `open` is called again.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open_with(
        open: impl Fn() -> Result<redb::Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        Ok(Self { database: Arc::new(SharedDatabase::open(Box::new(open))?) })
    }
}
// endregion: open

// region: backend
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
        self.database.read(cx, move |tables| tables.get(&id)).await
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        let next = next.clone();
        let swap = move |tables: &mut tables::Writable<'_>| {
            if expected.is_none() {
                tables.sweep(cx.now)?;
            }
            let stored = tables.get(&next.id())?;
            match Stored::swap(stored.as_ref(), expected, &next, cx.now) {
                None => Ok(Swapped::Found(stored)),
                Some(new) => {
                    tables.replace(&next.id(), stored.as_ref(), &new)?;
                    Ok(Swapped::Done)
                }
            }
        };
        self.database.write(cx, swap).await
    }

    async fn bury(
        &self,
        id: &SessionId,
        tombstone: Tombstone,
        cx: StoreContext,
    ) -> Result<Ended, StoreError> {
        let id = *id;
        let bury = move |tables: &mut tables::Writable<'_>| {
            let stored = tables.get(&id)?;
            let (new, answer) = Stored::bury(stored.as_ref(), tombstone, cx.now);
            tables.replace(&id, stored.as_ref(), &new)?;
            Ok(answer)
        };
        self.database.write(cx, bury).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}
// endregion: backend

// region: index
#[async_trait]
impl SessionIndex for RedbBackend {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let subject = subject.to_owned();
        let list = move |tables: &tables::Readable| tables.sessions_of(&subject, cx.now);
        let mut sessions = self.database.read(cx, list).await?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at()));
        Ok(sessions)
    }
}
// endregion: index
