//! How connections are made: [`ConnectOptions`].

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, ConnectionInfo, PushInfo, RedisConnectionInfo,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

use super::super::tls::TlsOptions;
use crate::{
    error::{StoreError, StoreErrorKind},
    store::{Credentials, CredentialsProvider},
};

/// Called with the keys that have changed, on a connection that tracks them.
pub(super) type OnPush = Box<dyn Fn(PushInfo) + Send + Sync>;

/// How connections are made.
#[derive(Clone)]
pub(super) struct ConnectOptions {
    /// The longest that making a connection may take.
    pub(super) timeout: Duration,
    pub(super) server: Hop,
    #[cfg(feature = "redis-sentinel")]
    pub(super) sentinel: Hop,
}

/// One kind of servers that connections are made to.
#[derive(Clone, Default)]
pub(super) struct Hop {
    /// Instead of the user and password in the URL.
    pub(super) credentials: Option<Arc<dyn CredentialsProvider>>,
    pub(super) tls: TlsOptions,
}

impl Hop {
    /// The credentials for a connection that is about to be made, if they are not those in the URL.
    pub(super) async fn credentials(&self) -> Result<Option<Credentials>, StoreError> {
        let Some(provider) = &self.credentials else { return Ok(None) };
        provider.credentials().await.map(Some).map_err(|error| {
            let message = "there are no credentials for a connection to Redis";
            StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
        })
    }
}

/// The server, to be entered with these credentials rather than those in its URL.
pub(super) fn entering(server: ConnectionInfo, credentials: Option<&Credentials>) -> ConnectionInfo {
    let settings = with_credentials(server.redis_settings().clone(), credentials);
    server.set_redis_settings(settings)
}

/// The user in a URL counts where the credentials name none.
pub(super) fn with_credentials(
    settings: RedisConnectionInfo,
    credentials: Option<&Credentials>,
) -> RedisConnectionInfo {
    let Some(credentials) = credentials else { return settings };
    let settings = settings.set_password(credentials.password());
    match credentials.user() {
        Some(user) => settings.set_username(user),
        None => settings,
    }
}

#[cfg(feature = "redis-tls")]
pub(super) fn unreadable(error: std::io::Error) -> StoreError {
    let message = "a certificate or key for a connection to Redis cannot be read";
    StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            server: Hop::default(),
            #[cfg(feature = "redis-sentinel")]
            sentinel: Hop::default(),
        }
    }
}

/// So many calls may wait to be written before the next one waits for room. The client's default of fifty is less than a
/// busy server has under way, and waiting for room costs each call a tenth of its time.
const MAX_QUEUED: usize = 1024;

/// After this time of silence the kernel asks whether the other end is still there, so that no firewall forgets an idle
/// connection, and one that is dead is noticed before it is needed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How often it asks in vain.
const KEEPALIVE_PROBES: u32 = 3;

/// What was sent and is not acknowledged for so long ends the connection.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How sockets to servers and Sentinels are set up.
pub(super) fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / KEEPALIVE_PROBES);
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "vita")))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(UNACKNOWLEDGED);
    settings
}

impl ConnectOptions {
    pub(super) fn config(&self, on_push: Option<OnPush>) -> AsyncConnectionConfig {
        // Each call has a deadline of its own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(MAX_QUEUED);
        match on_push {
            None => config,
            Some(on_push) => config.set_push_sender(move |push| {
                on_push(push);
                Ok::<_, std::convert::Infallible>(())
            }),
        }
    }
}
