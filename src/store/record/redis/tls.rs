//! Encrypted connections.

#[cfg(feature = "redis-cluster")]
use redis::cluster::ClusterClientBuilder;
use redis::{Client, ConnectionAddr, ConnectionInfo, RedisResult, TlsCertificates};
#[cfg(feature = "redis-sentinel")]
use redis::{TlsMode, sentinel::SentinelClientBuilder};

use super::connect_options::ConnectOptions;

/// A client of one server, which trusts the roots in `options` if the connection is encrypted.
pub(super) fn client(server: ConnectionInfo, options: &ConnectOptions) -> RedisResult<Client> {
    match certificates(std::slice::from_ref(&server), options) {
        Some(certificates) => Client::build_with_tls(server, certificates),
        None => Client::open(server),
    }
}

#[cfg(feature = "redis-sentinel")]
pub(super) fn configure_sentinel(
    builder: SentinelClientBuilder,
    sentinels: &[ConnectionInfo],
    options: &ConnectOptions,
) -> SentinelClientBuilder {
    let builder = match certificates(sentinels, options) {
        None => builder,
        Some(certificates) => builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates),
    };
    if sentinels.iter().any(is_encrypted) {
        builder.set_client_to_redis_tls_mode(TlsMode::Secure)
    } else {
        builder
    }
}

#[cfg(feature = "redis-cluster")]
pub(super) fn configure_cluster(
    builder: ClusterClientBuilder,
    nodes: &[ConnectionInfo],
    options: &ConnectOptions,
) -> ClusterClientBuilder {
    match certificates(nodes, options) {
        Some(certificates) => builder.certs(certificates),
        None => builder,
    }
}

/// The roots to trust in encrypted connections, if they are not those of the system.
fn certificates(servers: &[ConnectionInfo], options: &ConnectOptions) -> Option<TlsCertificates> {
    if !servers.iter().any(is_encrypted) {
        return None;
    }
    provide_cryptography();
    let roots = options.tls_roots.as_ref()?;
    Some(TlsCertificates { client_tls: None, root_cert: Some(roots.to_vec()) })
}

fn is_encrypted(server: &ConnectionInfo) -> bool {
    matches!(server.addr(), ConnectionAddr::TcpTls { .. })
}

/// Makes sure that a cryptography provider is installed, without which `rustls` panics if the application's dependencies
/// bring two. The choice is the application's; if it made none, it is `ring`, which this crate uses anyway.
fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one meanwhile, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
