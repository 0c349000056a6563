//! A primary that Sentinels name.

use redis::{
    AsyncConnectionConfig, ConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisResult,
    aio::MultiplexedConnection,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use super::{
    connect_options::ConnectOptions,
    url::{InvalidRedisUrl, invalid, nodes, server, split_credentials},
};

/// The primary of a service, by the Sentinels that watch it.
#[derive(Clone)]
pub(super) struct Sentinel {
    pub(super) sentinels: Vec<ConnectionInfo>,
    service: String,
    /// The user, password and database of the primary.
    settings: RedisConnectionInfo,
}

impl Sentinel {
    /// Reads `[user:password@]host:port,host:port/service[/database]`, what follows the scheme of a URL.
    ///
    /// The credentials are those of the primary; those of Sentinels are an option.
    pub(super) fn parse(scheme: &str, rest: &str) -> Result<Self, InvalidRedisUrl> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = split_credentials(authority);
        let (service, database) = path.split_once('/').unwrap_or((path, ""));
        if service.is_empty() {
            return Err(invalid("it does not name the service that Sentinel watches"));
        }
        let settings =
            server(&format!("redis://{credentials}localhost/{database}"))?.redis_settings().clone();
        let sentinels = nodes(scheme, "", hosts, 26379)?;
        Ok(Self { sentinels, service: service.to_owned(), settings })
    }

    pub(super) async fn connect(
        &self,
        options: &ConnectOptions,
        config: &AsyncConnectionConfig,
        tracks: bool,
    ) -> RedisResult<MultiplexedConnection> {
        let protocol = if tracks { ProtocolVersion::RESP3 } else { self.settings.protocol() };
        self.client(options, protocol)?.get_async_connection_with_config(config).await
    }

    fn client(&self, options: &ConnectOptions, protocol: ProtocolVersion) -> RedisResult<SentinelClient> {
        let addresses = self.sentinels.iter().map(|sentinel| sentinel.addr().clone());
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
        let builder = super::tls::configure_sentinel(builder, &self.sentinels, options);
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_database_are_those_of_the_primary() {
        let Sentinel { settings, .. } = Sentinel::parse("redis", "u:p%40@a/shop/3").unwrap();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("u"), Some("p@"), 3));
    }
}
