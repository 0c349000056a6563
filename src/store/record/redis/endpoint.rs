//! Which Redis deployment a store connects to: [`Endpoint`].

use std::{fmt, slice, sync::Arc};

use redis::{Client, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};

#[cfg(feature = "redis-cluster")]
use super::cluster::ClusterConnection;
#[cfg(feature = "redis-sentinel")]
use super::sentinel::Sentinel;
use super::{
    connect_options::{ConnectOptions, OnPush, entering, tcp_settings},
    connection::{Connection, ExternalConnection},
    error::failed,
};
use crate::error::StoreError;

/// A Redis deployment.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "a store has one")]
pub(super) enum Endpoint {
    Server(ConnectionInfo),
    #[cfg(feature = "redis-sentinel")]
    Sentinel(Sentinel),
    #[cfg(feature = "redis-cluster")]
    Cluster(Vec<ConnectionInfo>),
    External(Arc<dyn ExternalConnection>),
}

/// A URL names no Redis deployment that this program can connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRedisUrl(String);

impl Endpoint {
    /// Reads the URL of any deployment.
    pub(super) fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("it has no scheme"))?;
        if !scheme.ends_with("unix") && has_bare_delimiter(rest) {
            return Err(invalid(
                "a \"/\", \"?\", \"#\" or \"@\" in a user name or password is written as %2F, %3F, %23 or %40",
            ));
        }
        match scheme {
            #[cfg(not(feature = "redis-tls"))]
            scheme if scheme.starts_with("rediss") => Err(needs("redis-tls")),
            "redis" | "rediss" | "unix" | "redis+unix" => server(url).map(Self::Server),
            #[cfg(feature = "redis-sentinel")]
            "redis+sentinel" | "rediss+sentinel" => sentinel(url).map(Self::Sentinel),
            #[cfg(not(feature = "redis-sentinel"))]
            "redis+sentinel" | "rediss+sentinel" => Err(needs("redis-sentinel")),
            #[cfg(feature = "redis-cluster")]
            "redis+cluster" | "rediss+cluster" => cluster(url).map(Self::Cluster),
            #[cfg(not(feature = "redis-cluster"))]
            "redis+cluster" | "rediss+cluster" => Err(needs("redis-cluster")),
            _ => Err(invalid("its scheme is unknown")),
        }
    }

    /// Makes a connection. With `on_push` it is told of every key that it has read and that another client changes.
    pub(super) async fn connect(
        &self,
        options: &ConnectOptions,
        on_push: Option<OnPush>,
    ) -> Result<Connection, StoreError> {
        let tracks = on_push.is_some();
        let config = options.config(on_push);
        let mut connection = match self {
            Self::Server(server) => {
                let client = client(for_tracking(server, tracks), options).await?;
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                Connection::Server(connecting.await.map_err(failed)?)
            }
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(sentinel) => {
                let mut client = sentinel.client(options, tracks).await?;
                let connecting = client.get_async_connection_with_config(&config);
                Connection::Server(connecting.await.map_err(failed)?)
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(nodes) => Connection::Cluster(ClusterConnection::connect(nodes, options).await?),
            Self::External(external) => Connection::External(Arc::clone(external)),
        };
        if tracks {
            connection.send(redis::cmd("CLIENT").arg("TRACKING").arg("ON")).await.map_err(failed)?;
        }
        Ok(connection)
    }

    /// Whether the URL contains a password.
    #[cfg(feature = "config")]
    pub(super) fn has_password(&self) -> bool {
        let settings = match self {
            Self::Server(server) => Some(server.redis_settings()),
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(sentinel) => Some(&sentinel.settings),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(nodes) => nodes.first().map(ConnectionInfo::redis_settings),
            Self::External(_) => None,
        };
        settings.is_some_and(|settings| settings.password().is_some())
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

/// A client of the server, with the credentials of the moment.
async fn client(server: ConnectionInfo, options: &ConnectOptions) -> Result<Client, StoreError> {
    let server =
        entering(server.set_tcp_settings(tcp_settings()), options.server.credentials().await?.as_ref());
    #[cfg(feature = "redis-tls")]
    {
        let certificates = options
            .server
            .tls
            .certificates(slice::from_ref(&server))
            .await
            .map_err(super::connect_options::unreadable)?;
        if let Some(certificates) = certificates {
            return Client::build_with_tls(server, certificates).map_err(failed);
        }
    }
    Client::open(server).map_err(failed)
}

/// Whether the user name or the password contains what ends them: then what follows would be taken for a host, a port or an
/// option, and be quoted as such.
fn has_bare_delimiter(rest: &str) -> bool {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest[end..].contains('@') || rest[..end].matches('@').count() > 1
}

const FORMS: &str = "use redis://, rediss:// (TLS) or redis+unix:// for one server, \
     redis+sentinel://host:port,host:port/service for Sentinel, redis+cluster://host:port,host:port for Cluster; \
     rediss+sentinel:// and rediss+cluster:// with TLS";

fn invalid(why: &str) -> InvalidRedisUrl {
    InvalidRedisUrl(format!("this is not the URL of a Redis server: {why}; {FORMS}"))
}

#[cfg(not(all(feature = "redis-tls", feature = "redis-sentinel", feature = "redis-cluster")))]
fn needs(feature: &str) -> InvalidRedisUrl {
    InvalidRedisUrl(format!("a Redis URL with this scheme needs the feature \"{feature}\" of cloakroom"))
}

/// Reads the URL of one server. The client's own error may quote the URL, password and all, so it is not passed on.
fn server(url: &str) -> Result<ConnectionInfo, InvalidRedisUrl> {
    url.into_connection_info().map_err(|_| invalid("it is not of the form that its scheme has"))
}

/// Reads `redis+sentinel://[user:password@]host:port,host:port/service[/database]`.
///
/// The credentials are those of the primary; those of the Sentinels are an option.
#[cfg(feature = "redis-sentinel")]
fn sentinel(url: &str) -> Result<Sentinel, InvalidRedisUrl> {
    let (scheme, credentials, rest) = split(url);
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (service, database) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return Err(invalid("it does not name the service that Sentinel watches"));
    }
    let settings = server(&format!("redis://{credentials}localhost/{database}"))?.redis_settings().clone();
    Ok(Sentinel { sentinels: nodes(scheme, "", hosts, 26379)?, service: service.to_owned(), settings })
}

/// Reads `redis+cluster://[user:password@]host:port,host:port`.
#[cfg(feature = "redis-cluster")]
fn cluster(url: &str) -> Result<Vec<ConnectionInfo>, InvalidRedisUrl> {
    let (scheme, credentials, hosts) = split(url);
    nodes(scheme, credentials, hosts.trim_end_matches('/'), 6379)
}

/// The scheme of each server, the credentials up to and including the `@`, and the rest of a URL.
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
fn split(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let (credentials, rest) = rest.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    (scheme.split('+').next().unwrap_or(scheme), credentials, rest)
}

/// The servers in a list of hosts.
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
fn nodes(
    scheme: &str,
    credentials: &str,
    hosts: &str,
    port: u16,
) -> Result<Vec<ConnectionInfo>, InvalidRedisUrl> {
    let node = |host: &str| {
        // The colons of an IPv6 address are in brackets.
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = if has_port { String::new() } else { format!(":{port}") };
        server(&format!("{scheme}://{credentials}{host}{port}"))
    };
    hosts.split(',').map(node).collect()
}

/// Addresses without user names and passwords.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, servers) = match self {
            Self::Server(server) => ("Server", slice::from_ref(server)),
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(sentinel) => ("Sentinel", &sentinel.sentinels[..]),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(nodes) => ("Cluster", &nodes[..]),
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
                    assert_eq!((is_compiled_in, &*format!("{endpoint:?}")), (true, debug), "{url}");
                }
                Err(error) => {
                    assert!(!is_compiled_in, "{error}");
                    assert!(error.to_string().contains(feature.unwrap()), "{error}");
                }
            }
        }
    }

    /// What follows such a character would be taken for a host, a port or an option.
    #[test]
    fn a_password_that_is_not_encoded_is_refused_and_no_part_of_it_quoted() {
        for end in ["/", "?", "#", "@"] {
            for scheme in ["redis", "rediss", "redis+sentinel", "redis+cluster"] {
                for url in [
                    format!("{scheme}://user:12{end}secret@h/shop"),
                    format!("{scheme}://:12{end}secret=1@h:7/0"),
                    format!("{scheme}://u{end}ser:secret@h/shop"),
                ] {
                    let error = Endpoint::parse(&url).unwrap_err().to_string();
                    assert!(error.contains("%23") || error.contains("feature"), "{url}: {error}");
                    assert!(!error.contains("secret") && !error.contains("12"), "{url}: {error}");
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

    #[cfg(feature = "redis-sentinel")]
    #[test]
    fn credentials_and_database_are_those_of_the_primary() {
        let Sentinel { settings, .. } = sentinel("redis+sentinel://u:p%40@a/shop/3").unwrap();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("u"), Some("p@"), 3));
    }

    #[cfg(feature = "redis-cluster")]
    #[test]
    fn credentials_reach_every_node() {
        for node in cluster("redis+cluster://u:p%40@a,b:7/").unwrap() {
            let settings = node.redis_settings();
            assert_eq!((settings.username(), settings.password()), (Some("u"), Some("p@")));
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
