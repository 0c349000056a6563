//! A client without time limits of its own: the tests say how long they wait.

use redis::{AsyncConnectionConfig, RedisResult, aio::MultiplexedConnection};

/// Connects to a URL.
pub(crate) async fn connect(url: impl Into<String>) -> RedisResult<MultiplexedConnection> {
    let client = redis::Client::open(url.into())?;
    client.get_multiplexed_async_connection_with_config(&patient()).await
}

/// The same for who wants more.
pub(crate) fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}
