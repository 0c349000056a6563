//! What the URLs of all deployments have in common.

use redis::{ConnectionInfo, IntoConnectionInfo};

/// A URL names no Redis deployment that this program can connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRedisUrl(String);

const FORMS: &str = "use redis://, rediss:// (TLS) or redis+unix:// for one server, \
     redis+sentinel://host:port,host:port/service for Sentinel, redis+cluster://host:port,host:port for Cluster; \
     rediss+sentinel:// and rediss+cluster:// with TLS";

pub(super) fn invalid(why: &str) -> InvalidRedisUrl {
    InvalidRedisUrl(format!("this is not the URL of a Redis server: {why}; {FORMS}"))
}

/// The error for a URL whose deployment needs a feature that is not compiled in.
#[cfg(not(all(feature = "redis-tls", feature = "redis-sentinel", feature = "redis-cluster")))]
pub(super) fn needs(feature: &str) -> InvalidRedisUrl {
    InvalidRedisUrl(format!("a Redis URL with this scheme needs the feature \"{feature}\" of cloakroom"))
}

/// Reads the URL of one server. The client's own error may quote the URL, password and all, so it is not passed on.
pub(super) fn server(url: &str) -> Result<ConnectionInfo, InvalidRedisUrl> {
    url.into_connection_info().map_err(|_| invalid("it is not of the form that its scheme has"))
}

/// The part up to and including the last `@`, and the rest.
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
pub(super) fn split_credentials(authority: &str) -> (&str, &str) {
    authority.split_at(authority.rfind('@').map_or(0, |at| at + 1))
}

/// The servers in a list of hosts, each with credentials (`user:password@`) and a port.
#[cfg(any(feature = "redis-sentinel", feature = "redis-cluster"))]
pub(super) fn nodes(
    scheme: &str,
    credentials: &str,
    hosts: &str,
    default_port: u16,
) -> Result<Vec<ConnectionInfo>, InvalidRedisUrl> {
    let node = |host: &str| {
        // The colons of an IPv6 address are in brackets.
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = if has_port { String::new() } else { format!(":{default_port}") };
        server(&format!("{scheme}://{credentials}{host}{port}"))
    };
    hosts.split(',').map(node).collect()
}
