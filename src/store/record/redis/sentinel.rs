//! Redis with Sentinel.

use redis::{
    ConnectionInfo, ProtocolVersion, RedisConnectionInfo,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

#[cfg(feature = "redis-tls")]
use super::{connect_options::unreadable, tls::is_encrypted};
use super::{
    connect_options::{ConnectOptions, tcp_settings, with_credentials},
    error::failed,
};
use crate::error::StoreError;

/// The primary of a service, by the Sentinels that watch it.
#[derive(Clone)]
pub(super) struct Sentinel {
    pub(super) sentinels: Vec<ConnectionInfo>,
    pub(super) service: String,
    /// The user, password and database of the primary.
    pub(super) settings: RedisConnectionInfo,
}

impl Sentinel {
    /// A client of the service, with the credentials of the moment.
    pub(super) async fn client(
        &self,
        options: &ConnectOptions,
        tracks: bool,
    ) -> Result<SentinelClient, StoreError> {
        let addresses = self.sentinels.iter().map(|sentinel| sentinel.addr().clone());
        let builder = SentinelClientBuilder::new(addresses, &self.service, SentinelServerType::Master);
        let builder = builder.map_err(failed)?;
        let builder = self.at_the_primary(builder, options, tracks).await?;
        let builder = at_the_sentinels(builder, options).await?;
        #[cfg(feature = "redis-tls")]
        let builder = self.encrypted(builder, options).await?;
        builder.build().map_err(failed)
    }

    async fn at_the_primary(
        &self,
        mut builder: SentinelClientBuilder,
        options: &ConnectOptions,
        tracks: bool,
    ) -> Result<SentinelClientBuilder, StoreError> {
        let settings = with_credentials(self.settings.clone(), options.server.credentials().await?.as_ref());
        let protocol = if tracks { ProtocolVersion::RESP3 } else { settings.protocol() };
        builder = builder
            .set_client_to_redis_db(settings.db())
            .set_client_to_redis_protocol(protocol)
            .set_client_to_redis_tcp_settings(tcp_settings());
        if let Some(name) = settings.username() {
            builder = builder.set_client_to_redis_username(name);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        Ok(builder)
    }

    /// The Sentinels' certificates are judged as the primary's, unless they have options of their own.
    #[cfg(feature = "redis-tls")]
    async fn encrypted(
        &self,
        mut builder: SentinelClientBuilder,
        options: &ConnectOptions,
    ) -> Result<SentinelClientBuilder, StoreError> {
        if self.sentinels.iter().any(is_encrypted) {
            builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
        }
        let [primary, own] = [&options.server.tls, &options.sentinel.tls];
        let sentinel = if own.is_default() { primary } else { own };
        if let Some(certificates) = primary.certificates(&self.sentinels).await.map_err(unreadable)? {
            builder = builder.set_client_to_redis_certificates(certificates);
        }
        if let Some(certificates) = sentinel.certificates(&self.sentinels).await.map_err(unreadable)? {
            builder = builder.set_client_to_sentinel_certificates(certificates);
        }
        Ok(builder)
    }
}

async fn at_the_sentinels(
    builder: SentinelClientBuilder,
    options: &ConnectOptions,
) -> Result<SentinelClientBuilder, StoreError> {
    let mut builder = builder.set_client_to_sentinel_tcp_settings(tcp_settings());
    if let Some(credentials) = options.sentinel.credentials().await? {
        builder = builder.set_client_to_sentinel_password(credentials.password());
        if let Some(name) = credentials.user() {
            builder = builder.set_client_to_sentinel_username(name);
        }
    }
    Ok(builder)
}
