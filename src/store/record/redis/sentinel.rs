//! Redis with Sentinel.

use redis::{
    ConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisResult,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use super::connect_options::ConnectOptions;

/// The primary of a service, by the Sentinels that watch it.
#[derive(Clone)]
pub(super) struct Sentinel {
    pub(super) sentinels: Vec<ConnectionInfo>,
    pub(super) service: String,
    /// The user, password and database of the primary.
    pub(super) settings: RedisConnectionInfo,
}

impl Sentinel {
    pub(super) fn client(&self, options: &ConnectOptions, tracks: bool) -> RedisResult<SentinelClient> {
        let addresses = self.sentinels.iter().map(|sentinel| sentinel.addr().clone());
        let protocol = if tracks { ProtocolVersion::RESP3 } else { self.settings.protocol() };
        let mut builder = SentinelClientBuilder::new(addresses, &self.service, SentinelServerType::Master)?
            .set_client_to_redis_db(self.settings.db())
            .set_client_to_redis_protocol(protocol);
        if let Some(name) = self.settings.username() {
            builder = builder.set_client_to_redis_username(name);
        }
        if let Some(password) = self.settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some((name, password)) = &options.sentinel_user {
            builder = builder.set_client_to_sentinel_username(name).set_client_to_sentinel_password(password);
        }
        #[cfg(feature = "redis-tls")]
        if self.sentinels.iter().any(super::tls::is_encrypted) {
            builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
        }
        #[cfg(feature = "redis-tls")]
        if let Some(certificates) = super::tls::certificates(&self.sentinels, options) {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        builder.build()
    }
}
