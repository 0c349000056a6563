//! The options of a SQLite store, as configurations contain them.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{Synchronous, backend::SqliteStore};
use crate::options::ConfigError;

/// The options of a [`SqliteStore`].
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqliteOptions {
    /// `sqlite:` or `sqlite://` and the path.
    url: String,
    table: Option<String>,
    #[serde(default)]
    synchronous: SynchronousName,
}

/// [`Synchronous`] by name.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SynchronousName {
    #[default]
    Full,
    Normal,
}

impl SqliteOptions {
    pub(crate) fn open(&self) -> Result<SqliteStore, ConfigError> {
        let mut store = SqliteStore::builder(self.path()?);
        if let Some(table) = &self.table {
            store = store.table(table).map_err(|error| ConfigError::new("table", error))?;
        }
        let store = store.synchronous(match self.synchronous {
            SynchronousName::Full => Synchronous::Full,
            SynchronousName::Normal => Synchronous::Normal,
        });
        store.open().map_err(|error| ConfigError::new("url", error))
    }

    fn path(&self) -> Result<String, ConfigError> {
        let path = self.url.split_once(':').map_or("", |(_, path)| path);
        let path = percent_decode_str(path.strip_prefix("//").unwrap_or(path)).decode_utf8();
        match path {
            Ok(path) if path.is_empty() => {
                Err(ConfigError::new("url", "there is no path; write for instance sqlite:sessions.db"))
            }
            Ok(path) => Ok(path.into_owned()),
            Err(_) => Err(ConfigError::new("url", "its path is not UTF-8 once it is decoded")),
        }
    }
}
