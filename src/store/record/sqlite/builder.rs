//! The options of a [`SqliteStore`].

use std::path::{Path, PathBuf};

use super::{
    super::sql::{InvalidTableName, Table},
    Synchronous,
    backend::{SqliteBackend, SqliteStore},
    database::Sqlite,
    dialect::TABLE,
};
use crate::{error::StoreError, store::RecordStore};

/// The options of a [`SqliteStore`].
///
/// ```
/// use cloakroom::store::{SqliteStore, Synchronous};
///
/// # let folder = std::env::temp_dir().join(format!("cloakroom-builder-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("app.db");
/// let store = SqliteStore::builder(&path)
///     .table("shop_sessions")?
///     .synchronous(Synchronous::Normal)
///     .open()?;
/// # drop(store);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it opens the file"]
pub struct SqliteStoreBuilder {
    path: PathBuf,
    table: Option<Table>,
    synchronous: Synchronous,
}

impl SqliteStore {
    /// Opens a file with the default options, or makes it. Its folder has to be there.
    ///
    /// It blocks until the file is open, for at most a few seconds, so call it where the application starts.
    ///
    /// # Errors
    /// When the file cannot be opened or made, is no SQLite database, or another process keeps it locked.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder(path).open()
    }

    /// Begins to configure a store in a file. A relative path is one below the current directory at the time when it is opened.
    pub fn builder(path: impl AsRef<Path>) -> SqliteStoreBuilder {
        let path = path.as_ref().to_owned();
        SqliteStoreBuilder { path, table: None, synchronous: Synchronous::default() }
    }
}

impl SqliteStoreBuilder {
    /// Sets the name of the table. Default: `cloakroom_sessions`. Two applications in one file need two names.
    ///
    /// # Errors
    /// When it is not 1 to 48 ASCII letters, digits and underscores, or begins with a digit.
    pub fn table(mut self, name: &str) -> Result<Self, InvalidTableName> {
        self.table = Some(Table::new(name)?.without_schema()?);
        Ok(self)
    }

    /// Sets what a commit waits for. Default: [`Synchronous::Full`].
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Opens the file, or makes it, and creates the table if it is not there.
    ///
    /// It blocks until the file is open, for at most a few seconds, so call it where the application starts.
    ///
    /// # Errors
    /// When the file cannot be opened or made, is no SQLite database, or another process keeps it locked.
    pub fn open(self) -> Result<SqliteStore, StoreError> {
        let table = self.table.unwrap_or_else(|| Table::named(TABLE));
        let database = Sqlite::open(&self.path, &table, self.synchronous)?;
        Ok(RecordStore::from_backend(SqliteBackend::new(database)))
    }
}
