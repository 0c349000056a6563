//! The options of a [`PostgresStore`].

use std::{error::Error, fmt, path::Path, sync::Arc, time::Duration};

use tokio_postgres::{Client as PostgresClient, Config};

use super::{
    super::{
        sql::{InvalidTableName, SqlBackend, Statements, Table},
        tls::{Pem, TlsOptions},
    },
    backend::{PostgresBackend, PostgresStore},
    client::Client,
    connector::{Connector, Endpoint},
    database::{DIALECT, PostgresDatabase, all_tables},
    trigger,
    url::{self, InvalidPostgresUrl},
};
use crate::store::{CircuitBreaker, CircuitBreakerOptions, CredentialsProvider, RecordStore};

/// The name of the table if no other is set. Applications often have one that is named "sessions".
const TABLE: &str = "cloakroom_sessions";

/// The options of a [`PostgresStore`].
///
/// ```
/// use std::time::Duration;
/// use cloakroom::store::PostgresStore;
///
/// let store = PostgresStore::builder("postgres://app@127.0.0.1/shop")?
///     .table("web.sessions")?
///     .write_connections(8)
///     .connect_timeout(Duration::from_secs(2))
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct PostgresStoreBuilder {
    connector: Connector,
    table: Table,
    write_connections: usize,
    is_named: bool,
    creates_table: bool,
    announces: bool,
    breaker: Option<CircuitBreakerOptions>,
}

impl PostgresStore {
    /// A store with the default options on the database that a URL names.
    ///
    /// # Errors
    /// [`InvalidPostgresUrl`], see [`builder`](Self::builder). Nothing is connected yet.
    pub fn from_url(url: &str) -> Result<Self, InvalidPostgresUrl> {
        Self::builder(url).map(PostgresStoreBuilder::build)
    }

    /// Begins to configure a store on the database that a URL names.
    ///
    /// `postgres://[user[:password]@]host[:port][,host[:port]]/database[?option=value&…]`, or `postgresql` in place of `postgres`. A
    /// host that begins with a slash, written as `%2F`, is the folder of a Unix socket.
    ///
    /// | option | values |
    /// | --- | --- |
    /// | `sslmode` | `disable` (default); `verify-full` for encrypted connections (feature `postgres-tls`), whose certificates are always checked. `require` and `verify-ca` mean the same, and `prefer` is refused, because it protects nothing. |
    /// | `target_session_attrs` | `any`, `read-write`. Default: `read-write` if there are several hosts, so that the primary is found after a failover. |
    /// | `application_name`, `options`, `keepalives_idle`, `tcp_user_timeout`, … | as the `tokio-postgres` crate documents them |
    ///
    /// # Errors
    /// [`InvalidPostgresUrl`] if it is no such URL, or needs a feature that is not compiled in. Nothing is connected yet.
    pub fn builder(url: &str) -> Result<PostgresStoreBuilder, InvalidPostgresUrl> {
        url::parse(url).map(PostgresStoreBuilder::from_config)
    }
}

impl PostgresStoreBuilder {
    /// Begins to configure a store on a configuration of the `tokio-postgres` crate (0.7).
    ///
    /// It is used as it is: unlike a [URL](PostgresStore::builder), it says itself how to keep connections alive and which of
    /// several hosts to use. `SslMode::Require` encrypts and checks certificates; `SslMode::Prefer`, the default of that crate, does
    /// not encrypt.
    pub fn from_config(config: Config) -> Self {
        Self::new(Endpoint::Server(Box::new(config)))
    }

    /// Begins to configure a store whose connections the application makes: with a `Client` of the `tokio-postgres` crate (0.7).
    ///
    /// The function is called whenever a connection is needed, on a runtime that lasts as long as the process; it also drives
    /// the connection, with `tokio::spawn`. A few clients are asked for, as many as [`write_connections`](Self::write_connections)
    /// says and one more, and each is used for as long as it works. An error is retried within the deadline.
    ///
    /// ```
    /// use cloakroom::store::PostgresStoreBuilder;
    /// use tokio_postgres::NoTls;
    ///
    /// let store = PostgresStoreBuilder::connecting(async || {
    ///     let (client, connection) = tokio_postgres::connect("host=127.0.0.1 user=app", NoTls).await?;
    ///     tokio::spawn(connection);
    ///     Ok::<_, tokio_postgres::Error>(client)
    /// })
    /// .build();
    /// ```
    pub fn connecting<F, A, E>(connect: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<PostgresClient, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::new(Endpoint::App(Arc::new(connect)))
    }

    fn new(endpoint: Endpoint) -> Self {
        let (credentials, tls, timeout) = (None, TlsOptions::default(), Duration::from_secs(5));
        Self {
            connector: Connector { endpoint, credentials, tls, timeout },
            table: Table::named(TABLE),
            write_connections: 4,
            is_named: true,
            creates_table: false,
            announces: false,
            breaker: Some(CircuitBreakerOptions::default()),
        }
    }

    /// Sets the table, perhaps behind its schema and a dot. Default: `cloakroom_sessions`, in the first schema of the user's
    /// `search_path`. Two applications on one database need two tables.
    ///
    /// # Errors
    /// [`InvalidTableName`] if it contains anything but ASCII letters, digits and underscores, or is longer than 48 of them.
    pub fn table(mut self, name: &str) -> Result<Self, InvalidTableName> {
        self.table = Table::new(name)?;
        Ok(self)
    }

    /// Creates the table and its indexes when they are found to be missing. Default: that is an error of the kind
    /// [`Unsupported`](crate::StoreErrorKind::Unsupported), because the user of a production database may seldom create tables.
    ///
    /// It happens at the first call, as [`create_table`](PostgresStore::create_table) does it.
    pub fn create_missing_table(mut self) -> Self {
        self.creates_table = true;
        self
    }

    /// Sets whether [`create_table`](PostgresStore::create_table) also creates the trigger by which the table announces its changes, so
    /// that a [`Cached`](crate::store::Cached) store sees those of others before the time that it may lag behind. Default: `false`.
    ///
    /// Whoever changes a session is announced, `psql` included. A store uses the trigger if it finds it when it connects, whoever has
    /// created it. See [`ANNOUNCEMENTS`](PostgresStore::ANNOUNCEMENTS) for what it costs.
    pub fn announce_changes(mut self, announces: bool) -> Self {
        self.announces = announces;
        self
    }

    /// Sets on how many connections writes are made side by side. Default: 4. Zero counts as one.
    ///
    /// A node has one connection more, for reads. Each is made when it is first needed. More of them let more commits share one
    /// wait for the disk.
    pub fn write_connections(mut self, connections: usize) -> Self {
        self.write_connections = connections;
        self
    }

    /// Sets whether each connection prepares its statements once, by name. Default: `true`.
    ///
    /// Behind PgBouncer in transaction mode it has to be `false`, unless that has `max_prepared_statements` (1.21 or newer): statements
    /// are then planned anew each time, still in one round trip.
    pub fn named_statements(mut self, named: bool) -> Self {
        self.is_named = named;
        self
    }

    /// Sets the certificates, in PEM, of the authority that signed the server's. Default: those that the system trusts.
    ///
    /// Only encrypted connections use them.
    pub fn tls_roots(mut self, pem: &[u8]) -> Self {
        self.connector.tls.roots = Some(Pem::text(pem));
        self
    }

    /// As [`tls_roots`](Self::tls_roots), from a file that is read whenever a connection is made.
    pub fn tls_roots_file(mut self, path: impl AsRef<Path>) -> Self {
        self.connector.tls.roots = Some(Pem::file(path.as_ref()));
        self
    }

    /// Sets the certificate that this client shows, and its key, in PEM. Default: none. A server whose `pg_hba.conf` says
    /// `clientcert` asks for one.
    ///
    /// Only encrypted connections use it.
    pub fn client_certificate(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.connector.tls.client = Some((Pem::text(certificate), Pem::text(key)));
        self
    }

    /// As [`client_certificate`](Self::client_certificate), from files that are read whenever a connection is made.
    pub fn client_certificate_files(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.connector.tls.client = Some((Pem::file(certificate.as_ref()), Pem::file(key.as_ref())));
        self
    }

    /// Sets who the connections belong to, in place of the user and password in the URL. Default: those. A user in the URL
    /// counts where the provider names none.
    ///
    /// The provider is asked whenever a connection is made. Connections that the [application makes](Self::connecting) do not
    /// use it.
    pub fn credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.connector.credentials = Some(Arc::new(provider));
        self
    }

    /// Sets when calls begin to fail at once because PostgreSQL does not answer, and how long it is then left alone. Default: the
    /// options' defaults.
    pub fn circuit_breaker(mut self, options: CircuitBreakerOptions) -> Self {
        self.breaker = Some(options);
        self
    }

    /// Asks PostgreSQL even while it does not answer, so that each call waits until its deadline.
    pub fn without_circuit_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// Sets how long making a connection may take, name resolution and greetings included. Default: five seconds, of which each of
    /// several hosts has its share.
    ///
    /// A call waits for a connection no longer than its own deadline. While an attempt is silent, another one is begun beside
    /// it every half a second; all end when no call waits for them.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connector.timeout = timeout;
        self
    }

    /// Whether the URL contains a password.
    #[cfg(feature = "config")]
    pub(super) fn has_password(&self) -> bool {
        matches!(&self.connector.endpoint, Endpoint::Server(config) if config.get_password().is_some())
    }

    /// A store with these options. Nothing is connected yet.
    #[must_use]
    pub fn build(self) -> PostgresStore {
        let statements = Statements::new(&self.table, &DIALECT);
        let breaker = self.breaker.map(CircuitBreaker::new);
        let creation = self.creates_table.then(|| all_tables(&self.table, self.announces));
        let listen = trigger::listen(&self.table);
        let Self { connector, write_connections, is_named, .. } = self;
        let client =
            Client::new(connector, write_connections, statements, is_named, creation, listen, breaker);
        let database =
            PostgresDatabase { table: self.table, client: Arc::new(client), announces: self.announces };
        RecordStore::from_backend(PostgresBackend(SqlBackend::new(database)))
    }
}

/// Without user names and passwords.
impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder")
            .field("connector", &self.connector)
            .field("table", &self.table)
            .field("write_connections", &self.write_connections)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table_is_the_one_that_is_created() {
        let store = PostgresStore::from_url("postgres://h/db").unwrap();
        assert_eq!(store.table_definition(), PostgresStore::TABLE);
        assert_eq!(store.announcements_definition(), PostgresStore::ANNOUNCEMENTS);
    }

    #[test]
    fn nothing_shows_a_user_or_a_password() {
        let builder = PostgresStore::builder("postgres://bob:s3cret@h/db").unwrap();
        let store = builder.clone().build();
        for text in [format!("{builder:?}"), format!("{store:?}")] {
            assert!(text.contains('h') && !text.contains("s3cret") && !text.contains("bob"), "{text}");
        }
    }
}
