//! One established connection, of whichever form.

use std::{fmt, sync::Arc};

use redis::{
    Cmd, ErrorKind, RedisError, RedisFuture, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    cluster_routing::SingleNodeRoutingInfo,
};

/// A connection over which any number of calls are under way at once. A clone is another handle of it.
///
/// A call that is given up leaves the connection in step: its reply is dropped when it comes.
#[derive(Clone)]
pub(super) enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
    Given(Arc<dyn Given>),
}

/// A connection that the application made.
pub(super) trait Given: Send + Sync {
    fn send<'a>(&self, command: &'a Cmd) -> RedisFuture<'a, Value>;
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Given for C {
    fn send<'a>(&self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let mut connection = self.clone();
        Box::pin(async move { connection.req_packed_command(command).await })
    }
}

impl Wire {
    /// Sends a command and gives back its reply; a refusal of the server is an error.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let reply = match self {
            Self::Server(server) => server.send_packed_command(command).await,
            // Boxed, or the calls of all stores were as large as those of a cluster.
            Self::Cluster(cluster) => Box::pin(in_cluster(cluster, command)).await,
            Self::Given(given) => given.send(command).await,
        };
        reply?.extract_error()
    }
}

/// The client repeats nothing by itself, see [`place`](super::place); what it leaves to do is to follow an `ASK`.
async fn in_cluster(cluster: &mut ClusterConnection, command: &Cmd) -> RedisResult<Value> {
    match cluster.req_packed_command(command).await.and_then(Value::extract_error) {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Ask) => {
            ask(cluster, command, error).await
        }
        reply => reply,
    }
}

/// Asks the server to which a slot is moving, for this one command.
async fn ask(cluster: &mut ClusterConnection, command: &Cmd, refusal: RedisError) -> RedisResult<Value> {
    let Some(address) = refusal.redirect_node().and_then(|(address, _)| by_address(address)) else {
        return Err(refusal);
    };
    let mut asking = redis::pipe();
    asking.cmd("ASKING").add_command(command.clone());
    cluster.route_pipeline(asking, 0, 2, address).await?.pop().ok_or(refusal)
}

fn by_address(address: &str) -> Option<SingleNodeRoutingInfo> {
    let (host, port) = address.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? })
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server(_) => "Server",
            Self::Cluster(_) => "Cluster",
            Self::Given(_) => "Given",
        })
    }
}
