//! An established connection of any kind: [`Connection`].

use std::sync::Arc;

use redis::{
    Cmd, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

#[cfg(feature = "redis-cluster")]
use super::cluster::ClusterConnection;

/// A connection on which any number of calls are under way at once. A clone is another handle of it.
///
/// A call that is dropped leaves replies in order: its reply is discarded when it comes.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    #[cfg(feature = "redis-cluster")]
    Cluster(ClusterConnection),
    External(Arc<dyn ExternalConnection>),
}

/// A connection that the application has made.
pub(super) trait ExternalConnection: Send + Sync {
    fn send<'a>(&self, command: &'a Cmd) -> RedisFuture<'a, Value>;
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> ExternalConnection for C {
    fn send<'a>(&self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let mut connection = self.clone();
        Box::pin(async move { connection.req_packed_command(command).await })
    }
}

impl Connection {
    /// Sends a command and returns its reply; a refusal of the server is an error.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let reply = match self {
            Self::Server(server) => server.send_packed_command(command).await,
            // Boxed, or the calls of every store would be as large as those of a cluster.
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(cluster) => Box::pin(cluster.send(command)).await,
            Self::External(external) => external.send(command).await,
        };
        reply?.extract_error()
    }
}
