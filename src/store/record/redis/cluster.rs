//! Redis Cluster.

use std::time::Duration;

use redis::{
    Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, aio::ConnectionLike,
    cluster::ClusterClientBuilder, cluster_async, cluster_routing::SingleNodeRoutingInfo,
};

use super::{
    connect_options::{ConnectOptions, entering, tcp_settings},
    error::failed,
};
use crate::error::StoreError;

/// When the cluster client counts as stuck, in time for another connection to serve the call.
///
/// It looks up slots under a lock, and while it does it polls no other call. With tokio 1.54 a call whose task has used up
/// its budget holds that lock while it waits to be polled, and then both wait for ever. Slots that move while some dozens
/// of calls are under way bring that about within seconds.
const STUCK: Duration = Duration::from_secs(1);

/// A connection to all nodes of a cluster.
#[derive(Clone)]
pub(super) struct ClusterConnection(cluster_async::ClusterConnection);

impl ClusterConnection {
    /// Connects to a cluster, by some of its nodes.
    pub(super) async fn connect(
        nodes: &[ConnectionInfo],
        options: &ConnectOptions,
    ) -> Result<Self, StoreError> {
        let credentials = options.server.credentials().await?;
        let nodes: Vec<_> = nodes.iter().map(|node| entering(node.clone(), credentials.as_ref())).collect();
        let builder = ClusterClientBuilder::new(nodes.iter().cloned())
            // A write that the client repeated could not be told from a new one. The store repeats what is idempotent.
            .retries(0)
            .connection_timeout(options.timeout)
            .response_timeout(options.timeout)
            .tcp_settings(tcp_settings())
            .overall_response_timeout(Some(STUCK));
        #[cfg(feature = "redis-tls")]
        let builder = match options
            .server
            .tls
            .certificates(&nodes)
            .await
            .map_err(super::connect_options::unreadable)?
        {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        };
        let client = builder.build().map_err(failed)?;
        client.get_async_connection().await.map(Self).map_err(failed)
    }

    /// Sends a command to the node of its key. As the client repeats nothing, an `ASK` is followed here.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self.0.req_packed_command(command).await.and_then(Value::extract_error) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Ask) => {
                self.ask(command, error).await
            }
            reply => reply,
        }
    }

    /// Sends a command to the node to which its slot is moving.
    async fn ask(&mut self, command: &Cmd, refusal: RedisError) -> RedisResult<Value> {
        let Some(node) = refusal.redirect_node().and_then(|(address, _)| by_address(address)) else {
            return Err(refusal);
        };
        let mut asking = redis::pipe();
        asking.cmd("ASKING").add_command(command.clone());
        self.0.route_pipeline(asking, 0, 2, node).await?.pop().ok_or(refusal)
    }
}

fn by_address(address: &str) -> Option<SingleNodeRoutingInfo> {
    let (host, port) = address.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? })
}
