//! How a connection is made: [`Connector`].

use std::{error::Error, fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tokio_postgres::{Client, Config, NoTls, Socket, config::SslMode, tls::MakeTlsConnect};

use super::{
    super::tls::TlsOptions,
    connection::{Connection, Told, drive},
    error::CallError,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::CredentialsProvider,
};

/// What makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) endpoint: Endpoint,
    /// Instead of the user and password in the URL.
    pub(super) credentials: Option<Arc<dyn CredentialsProvider>>,
    #[cfg_attr(not(feature = "postgres-tls"), allow(dead_code, reason = "no connection is encrypted"))]
    pub(super) tls: TlsOptions,
    /// The longest that making a connection may take.
    pub(super) timeout: Duration,
}

/// Where connections lead.
#[derive(Clone)]
pub(super) enum Endpoint {
    Server(Box<Config>),
    App(Arc<dyn Connect>),
}

/// A failure of the application's own function.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// The application's own way to make a connection.
pub(super) trait Connect: Send + Sync {
    fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Client, Failure>> + Send + '_>>;
}

impl<F, A, E> Connect for F
where
    F: Fn() -> A + Send + Sync,
    A: Future<Output = Result<Client, E>> + Send,
    E: Into<Failure>,
{
    fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Client, Failure>> + Send + '_>> {
        Box::pin(async { self().await.map_err(Into::into) })
    }
}

impl Connector {
    /// Whether the connections are this store's own, so that they can be told of changes.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.endpoint, Endpoint::Server(_))
    }

    /// Makes a connection, on the runtime that is to drive it. `told` is told what is announced on it, unless it is the application's.
    pub(super) async fn connect(&self, told: Option<Told>) -> Result<Connection, CallError> {
        match &self.endpoint {
            Endpoint::Server(config) => self.connect_to(Config::clone(config), told).await,
            Endpoint::App(app) => match app.connect().await {
                Ok(client) => Ok(Connection::new(client, None)),
                Err(error) => Err(CallError::not_connected(error)),
            },
        }
    }

    async fn connect_to(&self, mut config: Config, told: Option<Told>) -> Result<Connection, CallError> {
        if let Some(provider) = &self.credentials {
            let credentials = provider.credentials().await.map_err(|error| {
                let message = "there are no credentials for a connection to PostgreSQL";
                StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
            })?;
            if let Some(user) = credentials.user() {
                config.user(user);
            }
            config.password(credentials.password());
        }
        let hosts = config.get_hosts().len().max(1);
        if config.get_connect_timeout().is_none() {
            // One of several hosts must not take the time of all.
            config.connect_timeout(self.timeout / u32::try_from(hosts).unwrap_or(u32::MAX));
        }
        #[cfg(feature = "postgres-tls")]
        if config.get_ssl_mode() == SslMode::Require {
            let tls = super::tls::Rustls::new(&self.tls).await.map_err(CallError::unusable_certificate)?;
            return open(&config, tls, told).await;
        }
        if config.get_ssl_mode() == SslMode::Prefer {
            // Encryption without a checked certificate protects from no one in between.
            config.ssl_mode(SslMode::Disable);
        }
        open(&config, NoTls, told).await
    }
}

async fn open<T>(config: &Config, tls: T, told: Option<Told>) -> Result<Connection, CallError>
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls.clone()).await?;
    let (in_use, is_unused) = oneshot::channel();
    tokio::spawn(drive(connection, is_unused, client.cancel_token(), tls, told));
    Ok(Connection::new(client, Some(in_use)))
}

/// The servers, without users and passwords.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Endpoint::Server(config) => {
                write!(f, "Server({:?}, {:?})", config.get_hosts(), config.get_ports())
            }
            Endpoint::App(_) => f.write_str("App"),
        }
    }
}
