//! What the tests share: a server, a way to it, and the site behind both.

use std::time::Duration;

use cloakroom::{
    Session, SessionError, SessionErrorKind, SessionStore, StoreErrorKind,
    store::{PostgresStore, PostgresStoreBuilder},
    time::Deadline,
};

use crate::{
    browser::{Browser, Server},
    rig::{PostgresServer, Wire},
};

/// How long a request waits for the store.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Long enough for what has to succeed.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// A PostgreSQL server with the table, and a way to it.
pub(crate) struct Scene {
    pub(crate) server: PostgresServer,
    pub(crate) wire: Wire,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::before(PostgresServer::start()).await
    }

    pub(crate) async fn before(server: PostgresServer) -> Self {
        let wire = Wire::before(server.address());
        PostgresStore::from_url(&server.url()).unwrap().create_table(soon()).await.unwrap();
        Self { server, wire }
    }

    /// The options of a store that reaches the server by the way.
    pub(crate) fn builder(&self) -> PostgresStoreBuilder {
        PostgresStore::builder(&self.wire.postgres_url()).unwrap()
    }

    /// A store that nothing happens to.
    pub(crate) fn direct_store(&self) -> PostgresStore {
        PostgresStore::from_url(&self.server.url()).unwrap()
    }

    /// A site that reaches the server by the way.
    pub(crate) fn site(&self) -> Server {
        site(self.builder().build())
    }
}

/// A site whose requests do not wait long.
pub(crate) fn site(store: impl SessionStore) -> Server {
    Server::new(store).with(|sessions| sessions.store_timeout(PATIENCE))
}

/// A browser with the same cookie, at another server.
pub(crate) fn at(server: &Server, browser: &Browser) -> Browser {
    Browser { server: server.clone(), cookie: browser.cookie.clone() }
}

/// What the handler's changes are answered.
pub(crate) async fn outcome(
    browser: &mut Browser,
    handler: impl FnOnce(&Session) -> Result<(), SessionError>,
) -> Option<SessionErrorKind> {
    browser.does(handler).await.error.map(|error| error.kind())
}

/// An error of the store.
pub(crate) const fn store_error(kind: StoreErrorKind) -> Option<SessionErrorKind> {
    Some(SessionErrorKind::Store(kind))
}
