//! Where Redis is, and how to get there.

use std::{fmt, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisResult, TlsCertificates, TlsMode,
    cluster::ClusterClientBuilder,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};

use super::wire::{Given, Wire};

/// Where Redis is.
#[derive(Clone)]
pub(super) enum Place {
    Server(ConnectionInfo),
    Sentinel { sentinels: Vec<ConnectionInfo>, service: String, node: RedisConnectionInfo },
    Cluster(Vec<ConnectionInfo>),
    Given(Arc<dyn Given>),
}

/// What is told about keys that have changed, where somebody wants to know.
pub(super) type OnPush = Box<dyn Fn(PushInfo) + Send + Sync>;

/// How to get there.
#[derive(Clone)]
pub(super) struct Way {
    /// The longest that making a connection may take.
    pub(super) timeout: Duration,
    /// The certificates of the authority that signed the servers', in PEM; those of the system if there are none.
    pub(super) roots: Option<Arc<[u8]>>,
}

impl Default for Way {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), roots: None }
    }
}

/// So many calls may wait to be written before the next one waits for room. The client's fifty are fewer than a server has
/// under way when it is busy, and waiting for room costs each call a tenth of its time.
const MOST_QUEUED: usize = 1024;

impl Way {
    fn certificates(&self) -> Option<TlsCertificates> {
        let roots = self.roots.as_ref()?;
        Some(TlsCertificates { client_tls: None, root_cert: Some(roots.to_vec()) })
    }

    fn config(&self, on_push: Option<OnPush>) -> AsyncConnectionConfig {
        // Each call has a deadline of its own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(MOST_QUEUED);
        match on_push {
            None => config,
            Some(on_push) => config.set_push_sender(move |push| {
                on_push(push);
                Ok::<_, std::convert::Infallible>(())
            }),
        }
    }
}

impl Place {
    /// Makes a connection; with `on_push` one that is told of every key that it has read and that somebody changes.
    pub(super) async fn connect(&self, way: &Way, on_push: Option<OnPush>) -> RedisResult<Wire> {
        if self.is_encrypted() {
            provide_cryptography();
        }
        match self {
            Self::Server(server) => connect_to_server(server, way, on_push).await,
            Self::Sentinel { sentinels, service, node } => {
                let tracks = on_push.is_some();
                let mut client = sentinel_client(sentinels, service, node, way, tracks)?;
                let config = way.config(on_push);
                tracked(Wire::Server(client.get_async_connection_with_config(&config).await?), tracks).await
            }
            Self::Cluster(nodes) => connect_to_cluster(nodes, way).await,
            Self::Given(given) => Ok(Wire::Given(Arc::clone(given))),
        }
    }

    /// Whether a connection can be told of changed keys.
    pub(super) fn can_track(&self) -> bool {
        matches!(self, Self::Server(_) | Self::Sentinel { .. })
    }

    fn addresses(&self) -> &[ConnectionInfo] {
        match self {
            Self::Server(server) => std::slice::from_ref(server),
            Self::Sentinel { sentinels: many, .. } | Self::Cluster(many) => many,
            Self::Given(_) => &[],
        }
    }

    fn is_encrypted(&self) -> bool {
        self.addresses().iter().any(is_tls)
    }
}

fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// The TLS library asks which cryptography to use and panics if an application's dependencies bring two. The choice is
/// the application's; if it made none, it is ring, which this crate uses anyway.
fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

async fn connect_to_server(server: &ConnectionInfo, way: &Way, on_push: Option<OnPush>) -> RedisResult<Wire> {
    let tracks = on_push.is_some();
    let mut server = server.clone();
    if tracks {
        let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        server = server.set_redis_settings(settings);
    }
    let client = match way.certificates() {
        Some(certificates) if is_tls(&server) => Client::build_with_tls(server, certificates)?,
        _ => Client::open(server)?,
    };
    let config = way.config(on_push);
    tracked(Wire::Server(client.get_multiplexed_async_connection_with_config(&config).await?), tracks).await
}

/// Asks the server to tell of changed keys.
async fn tracked(mut wire: Wire, tracks: bool) -> RedisResult<Wire> {
    if tracks {
        wire.send(redis::cmd("CLIENT").arg("TRACKING").arg("ON")).await?;
    }
    Ok(wire)
}

fn sentinel_client(
    sentinels: &[ConnectionInfo],
    service: &str,
    node: &RedisConnectionInfo,
    way: &Way,
    tracks: bool,
) -> RedisResult<redis::sentinel::SentinelClient> {
    let addresses = sentinels.iter().map(|sentinel| sentinel.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?
        .set_client_to_redis_db(node.db())
        .set_client_to_redis_protocol(if tracks { ProtocolVersion::RESP3 } else { node.protocol() });
    if let Some(name) = node.username() {
        builder = builder.set_client_to_redis_username(name);
    }
    if let Some(password) = node.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    let own = sentinels.first().map(ConnectionInfo::redis_settings);
    if let Some(name) = own.and_then(RedisConnectionInfo::username) {
        builder = builder.set_client_to_sentinel_username(name);
    }
    if let Some(password) = own.and_then(RedisConnectionInfo::password) {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if sentinels.iter().any(is_tls) {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        if let Some(certificates) = way.certificates() {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
    }
    builder.build()
}

/// When the cluster client counts as stuck, in time for another connection to serve the call.
///
/// Who has which slot it looks up under a lock, and meanwhile it polls no other call. With tokio 1.54 a call whose task
/// has used up its budget holds that lock while it waits to be polled, and then both wait for ever. Slots that move while some
/// dozens of calls are under way bring that about within seconds.
const STUCK: Duration = Duration::from_secs(1);

async fn connect_to_cluster(nodes: &[ConnectionInfo], way: &Way) -> RedisResult<Wire> {
    let mut builder = ClusterClientBuilder::new(nodes.iter().cloned())
        // A write that the client repeated on its own could not be told from a new one. The link repeats what is safe.
        .retries(0)
        .connection_timeout(way.timeout)
        .response_timeout(way.timeout)
        .overall_response_timeout(Some(STUCK));
    if let (true, Some(certificates)) = (nodes.iter().any(is_tls), way.certificates()) {
        builder = builder.certs(certificates);
    }
    Ok(Wire::Cluster(builder.build()?.get_async_connection().await?))
}

impl fmt::Debug for Place {
    /// Addresses without user names and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.addresses().iter().map(|info| info.addr().to_string()).collect();
        match self {
            Self::Server(_) => write!(f, "Server({})", addresses.join(",")),
            Self::Sentinel { service, .. } => write!(f, "Sentinel({}, {service:?})", addresses.join(",")),
            Self::Cluster(_) => write!(f, "Cluster({})", addresses.join(",")),
            Self::Given(_) => f.write_str("Given"),
        }
    }
}

/// A Redis server cannot be named like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRedisUrl(String);

const FORMS: &str = "use redis://, rediss:// (TLS) or redis+unix:// for one server, \
     redis+sentinel://host:port,host:port/service for Sentinel, redis+cluster://host:port,host:port for Cluster; \
     rediss+sentinel:// and rediss+cluster:// with TLS";

impl Place {
    /// Reads the URL of any of these deployments.
    pub(super) fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("it has no scheme"))?;
        match scheme {
            "redis" | "rediss" | "redis+unix" | "unix" => Ok(Self::Server(info(url)?)),
            "redis+sentinel" => sentinel("redis", rest),
            "rediss+sentinel" => sentinel("rediss", rest),
            "redis+cluster" => cluster("redis", rest),
            "rediss+cluster" => cluster("rediss", rest),
            _ => Err(invalid("its scheme is unknown")),
        }
    }
}

/// `[user:password@]host:port,host:port/service[/database]`; the credentials are those of the servers.
fn sentinel(scheme: &str, rest: &str) -> Result<Place, InvalidRedisUrl> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, hosts) = split_credentials(authority);
    let (service, database) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return Err(invalid("it does not name the service that Sentinel watches"));
    }
    let node = info(format!("redis://{credentials}localhost/{database}"))?.redis_settings().clone();
    let sentinels = each_host(hosts, |host| info(format!("{scheme}://{}", with_port(host, 26379))))?;
    Ok(Place::Sentinel { sentinels, service: service.to_owned(), node })
}

/// `[user:password@]host:port,host:port`
fn cluster(scheme: &str, rest: &str) -> Result<Place, InvalidRedisUrl> {
    let (credentials, hosts) = split_credentials(rest.trim_end_matches('/'));
    each_host(hosts, |host| info(format!("{scheme}://{credentials}{}", with_port(host, 6379))))
        .map(Place::Cluster)
}

/// The part up to and with the last `@`, and the rest.
fn split_credentials(authority: &str) -> (&str, &str) {
    authority.split_at(authority.rfind('@').map_or(0, |at| at + 1))
}

fn with_port(host: &str, port: u16) -> String {
    // The colons of an IPv6 address stand in brackets.
    if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    }
}

fn each_host<T>(
    hosts: &str,
    read: impl Fn(&str) -> Result<T, InvalidRedisUrl>,
) -> Result<Vec<T>, InvalidRedisUrl> {
    hosts.split(',').map(read).collect()
}

/// What the client says about a URL may quote it, password and all, so it is not passed on.
pub(super) fn info(url: impl IntoConnectionInfo) -> Result<ConnectionInfo, InvalidRedisUrl> {
    url.into_connection_info().map_err(|_| invalid("it is not of the form that its scheme has"))
}

fn invalid(why: &str) -> InvalidRedisUrl {
    InvalidRedisUrl(format!("this is not the URL of a Redis server: {why}; {FORMS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deployment_has_a_url() {
        for (url, debug) in [
            ("redis://localhost", "Server(localhost:6379)"),
            ("rediss://u:p@h:1/2", "Server(h:1)"),
            ("redis+unix:///run/redis.sock", "Server(/run/redis.sock)"),
            ("redis+sentinel://a,b:2/shop", "Sentinel(a:26379,b:2, \"shop\")"),
            ("redis+sentinel://u:p@a/shop/3", "Sentinel(a:26379, \"shop\")"),
            ("redis+cluster://u:p%40@a,[::1],[::1]:7/", "Cluster(a:6379,::1:6379,::1:7)"),
        ] {
            assert_eq!(format!("{:?}", Place::parse(url).unwrap()), debug, "{url}");
        }
    }

    #[test]
    fn credentials_and_database_reach_the_servers() {
        let Ok(Place::Sentinel { node, .. }) = Place::parse("redis+sentinel://u:p%40@a/shop/3") else {
            panic!("it is a URL of Sentinel")
        };
        assert_eq!((node.username(), node.password(), node.db()), (Some("u"), Some("p@"), 3));
    }

    #[test]
    fn a_wrong_url_says_what_would_be_right_and_quotes_no_password() {
        for url in [
            "localhost",
            "http://h",
            "redis://h:secret:1/x/y",
            "redis+sentinel://u:secret@a",
            "redis+cluster://:x",
        ] {
            let error = Place::parse(url).unwrap_err().to_string();
            assert!(error.contains("redis+sentinel://host:port"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
