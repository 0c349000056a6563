//! How connections are made: [`ConnectOptions`].

use std::{sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, PushInfo};

/// Called with the keys that have changed, on a connection that tracks them.
pub(super) type OnPush = Box<dyn Fn(PushInfo) + Send + Sync>;

/// How connections are made.
#[derive(Clone)]
pub(super) struct ConnectOptions {
    /// The longest that making a connection may take.
    pub(super) timeout: Duration,
    /// The certificates of the authority that signed the servers', in PEM; those of the system if there are none.
    pub(super) tls_roots: Option<Arc<[u8]>>,
    /// The user name and the password at the Sentinels.
    #[cfg(feature = "redis-sentinel")]
    pub(super) sentinel_user: Option<(String, String)>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            tls_roots: None,
            #[cfg(feature = "redis-sentinel")]
            sentinel_user: None,
        }
    }
}

/// So many calls may wait to be written before the next one waits for room. The client's default of fifty is less than a
/// busy server has under way, and waiting for room costs each call a tenth of its time.
const MAX_QUEUED: usize = 1024;

impl ConnectOptions {
    pub(super) fn config(&self, on_push: Option<OnPush>) -> AsyncConnectionConfig {
        // Each call has a deadline of its own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(MAX_QUEUED);
        match on_push {
            None => config,
            Some(on_push) => config.set_push_sender(move |push| {
                on_push(push);
                Ok::<_, std::convert::Infallible>(())
            }),
        }
    }
}
