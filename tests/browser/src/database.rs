//! What keeps the sessions of shops outside of them: [`Database`].

use crate::{folder::Folder, postgres::Postgres, redis::Redis};

/// A server, or a file. Dropped, it is gone.
#[derive(Debug)]
pub(crate) enum Database {
    Redis(Redis),
    Postgres(Postgres),
    /// The folder of the file.
    Sqlite(Folder),
}

impl Database {
    /// A new one for this store, if its value of `SESSION_STORE` names none.
    pub(crate) fn start(store: &str) -> Option<Self> {
        match store {
            "redis:" => Some(Self::Redis(Redis::start())),
            "postgres:" => Some(Self::Postgres(Postgres::start())),
            "sqlite:" => Some(Self::Sqlite(Folder::on_disk())),
            _ => None,
        }
    }

    /// The value of `SESSION_STORE` with which a shop uses it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Redis(redis) => redis.url(),
            // The first shop creates the table.
            Self::Postgres(postgres) => postgres.url() + "?create_table=true",
            Self::Sqlite(folder) => format!("sqlite:{}", folder.join("sessions.db").display()),
        }
    }

    /// Kills the server with `SIGKILL`.
    pub(crate) fn kill(&mut self) {
        match self {
            Self::Redis(redis) => redis.kill(),
            Self::Postgres(postgres) => postgres.kill(),
            Self::Sqlite(_) => panic!("a file is no server"),
        }
    }

    /// Starts it again on the same port, with its files.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::Redis(redis) => redis.restart(),
            Self::Postgres(postgres) => postgres.restart(),
            Self::Sqlite(_) => panic!("a file is no server"),
        }
    }
}
