//! Which Redis deployment a store connects to: [`Endpoint`].

use std::{fmt, slice, sync::Arc};

use redis::{ConnectionInfo, ProtocolVersion, RedisResult};

#[cfg(feature = "redis-cluster")]
use super::cluster::Cluster;
#[cfg(feature = "redis-sentinel")]
use super::sentinel::Sentinel;
#[cfg(feature = "redis-tls")]
use super::tls::client;
use super::{
    connect_options::{ConnectOptions, OnPush},
    connection::{Connection, ExternalConnection},
    url::{self, InvalidRedisUrl, invalid},
};

/// A Redis deployment.
#[derive(Clone)]
pub(super) enum Endpoint {
    Server(ConnectionInfo),
    #[cfg(feature = "redis-sentinel")]
    Sentinel(Sentinel),
    #[cfg(feature = "redis-cluster")]
    Cluster(Cluster),
    External(Arc<dyn ExternalConnection>),
}

impl Endpoint {
    /// Reads the URL of any deployment.
    pub(super) fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("it has no scheme"))?;
        let (security, deployment) = scheme.split_once('+').unwrap_or((scheme, ""));
        #[cfg(not(feature = "redis-tls"))]
        if security == "rediss" {
            return Err(url::needs("redis-tls"));
        }
        match (security, deployment) {
            ("redis" | "rediss" | "unix", "") | ("redis", "unix") => url::server(url).map(Self::Server),
            #[cfg(feature = "redis-sentinel")]
            ("redis" | "rediss", "sentinel") => Sentinel::parse(security, rest).map(Self::Sentinel),
            #[cfg(not(feature = "redis-sentinel"))]
            ("redis" | "rediss", "sentinel") => Err(url::needs("redis-sentinel")),
            #[cfg(feature = "redis-cluster")]
            ("redis" | "rediss", "cluster") => Cluster::parse(security, rest).map(Self::Cluster),
            #[cfg(not(feature = "redis-cluster"))]
            ("redis" | "rediss", "cluster") => Err(url::needs("redis-cluster")),
            _ => Err(invalid("its scheme is unknown")),
        }
    }

    /// Makes a connection. With `on_push` it is told of every key that it has read and that another client changes.
    pub(super) async fn connect(
        &self,
        options: &ConnectOptions,
        on_push: Option<OnPush>,
    ) -> RedisResult<Connection> {
        let tracks = on_push.is_some();
        let config = options.config(on_push);
        let mut connection = match self {
            Self::Server(server) => {
                let client = client(for_tracking(server, tracks), options)?;
                Connection::Server(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(sentinel) => Connection::Server(sentinel.connect(options, &config, tracks).await?),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(cluster) => Connection::Cluster(cluster.connect(options).await?),
            Self::External(external) => Connection::External(Arc::clone(external)),
        };
        if tracks {
            connection.send(redis::cmd("CLIENT").arg("TRACKING").arg("ON")).await?;
        }
        Ok(connection)
    }

    /// Whether connections can track keys.
    pub(super) fn can_track(&self) -> bool {
        match self {
            Self::Server(_) => true,
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(_) => true,
            _ => false,
        }
    }
}

/// The server with the version of the protocol in which it announces changes.
fn for_tracking(server: &ConnectionInfo, tracks: bool) -> ConnectionInfo {
    let server = server.clone();
    if !tracks {
        return server;
    }
    let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    server.set_redis_settings(settings)
}

#[cfg(not(feature = "redis-tls"))]
fn client(server: ConnectionInfo, _: &ConnectOptions) -> RedisResult<redis::Client> {
    redis::Client::open(server)
}

/// Addresses without user names and passwords.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, servers) = match self {
            Self::Server(server) => ("Server", slice::from_ref(server)),
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(sentinel) => ("Sentinel", &sentinel.sentinels[..]),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(cluster) => ("Cluster", &cluster.nodes[..]),
            Self::External(_) => ("External", &[][..]),
        };
        let addresses: Vec<_> = servers.iter().map(|server| server.addr().to_string()).collect();
        write!(f, "{name}({})", addresses.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deployment_has_a_url() {
        for (url, feature, debug) in [
            ("redis://localhost", None, "Server(localhost:6379)"),
            ("redis+unix:///run/redis.sock", None, "Server(/run/redis.sock)"),
            ("rediss://u:p@h:1/2", Some("redis-tls"), "Server(h:1)"),
            ("redis+sentinel://a,b:2/shop", Some("redis-sentinel"), "Sentinel(a:26379,b:2)"),
            ("redis+sentinel://u:p@a/shop/3", Some("redis-sentinel"), "Sentinel(a:26379)"),
            (
                "redis+cluster://u:p%40@a,[::1],[::1]:7/",
                Some("redis-cluster"),
                "Cluster(a:6379,::1:6379,::1:7)",
            ),
        ] {
            let is_compiled_in = match feature {
                None => true,
                Some("redis-tls") => cfg!(feature = "redis-tls"),
                Some("redis-sentinel") => cfg!(feature = "redis-sentinel"),
                Some(_) => cfg!(feature = "redis-cluster"),
            };
            match Endpoint::parse(url) {
                Ok(endpoint) => {
                    assert_eq!((is_compiled_in, &*format!("{endpoint:?}")), (true, debug), "{url}")
                }
                Err(error) => {
                    assert!(!is_compiled_in, "{error}");
                    assert!(error.to_string().contains(feature.unwrap()), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_url_says_what_would_be_right_and_quotes_no_password() {
        for url in ["localhost", "http://h", "redis://h:secret:1/x/y"] {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(error.contains("redis+sentinel://host:port"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[cfg(all(feature = "redis-sentinel", feature = "redis-cluster"))]
    #[test]
    fn neither_does_a_wrong_url_of_several_servers() {
        for url in ["redis+sentinel://u:secret@a", "redis+cluster://:x", "redis+cluster://u:secret@:x"] {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(error.contains("redis+sentinel://host:port"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
