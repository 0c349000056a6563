//! The options of a layer that writes behind.

use std::time::Duration;

#[cfg(feature = "config")]
use serde::Deserialize;

#[cfg(feature = "config")]
use crate::options;
use crate::store::NodeName;

/// How a [`WriteBehind`](super::WriteBehind) layer behaves.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::store::WriteBehindOptions;
///
/// let options = WriteBehindOptions { at_most: Duration::from_millis(500), ..WriteBehindOptions::default() };
/// assert_eq!(options.within, Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBehindOptions {
    /// How long a change waits in memory, at most: what a crash can cost. Half of it is the delay, the other half is for the store to
    /// answer. Default: one second. With zero every change is written first.
    pub at_most: Duration,
    /// For how long a session is served from memory without asking the store whether it is the same there: how late an end by another
    /// node is seen. Default: one second. With zero every request asks.
    pub within: Duration,
    /// For how much longer than both sessions are served and changed in memory while the store does not answer. It is part of what is
    /// declared. Default: zero, so that an outage is an error as soon as it lasts longer than the other two.
    pub bridge: Duration,
    /// How many sessions have unsaved changes, at most; changes of further ones are written first. Default: 10 000.
    pub unsaved: usize,
    /// How many sessions are kept in memory, at most. Others are served by the store. Default: 100 000.
    pub sessions: usize,
    /// How much they take, at most, in bytes: that of data and subject, plus 512 for each session. Default: 256 MiB.
    pub bytes: usize,
    /// The name of this node in every token, for a load balancer that routes by it. Default: none.
    pub node: Option<NodeName>,
}

impl Default for WriteBehindOptions {
    fn default() -> Self {
        Self {
            at_most: Duration::from_secs(1),
            within: Duration::from_secs(1),
            bridge: Duration::ZERO,
            unsaved: 10_000,
            sessions: 100_000,
            bytes: 256 << 20,
            node: None,
        }
    }
}

/// The options of a [`WriteBehind`](super::WriteBehind) layer, as a configuration contains them, apart from the store below it.
#[cfg(feature = "config")]
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WriteBehindConfig {
    #[serde(deserialize_with = "options::duration")]
    at_most: Option<Duration>,
    #[serde(deserialize_with = "options::duration")]
    within: Option<Duration>,
    #[serde(deserialize_with = "options::duration")]
    bridge: Option<Duration>,
    unsaved: Option<usize>,
    sessions: Option<usize>,
    bytes: Option<usize>,
    node: Option<NodeName>,
}

#[cfg(feature = "config")]
impl WriteBehindConfig {
    pub(crate) fn options(&self) -> WriteBehindOptions {
        let default = WriteBehindOptions::default();
        WriteBehindOptions {
            at_most: self.at_most.unwrap_or(default.at_most),
            within: self.within.unwrap_or(default.within),
            bridge: self.bridge.unwrap_or(default.bridge),
            unsaved: self.unsaved.unwrap_or(default.unsaved),
            sessions: self.sessions.unwrap_or(default.sessions),
            bytes: self.bytes.unwrap_or(default.bytes),
            node: self.node.clone(),
        }
    }
}
