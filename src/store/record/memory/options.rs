//! The options of a memory store.

use std::sync::Arc;

use super::{
    backend::{MemoryBackend, MemoryStore},
    budget::Budget,
    state::SharedState,
};
use crate::store::{NodeName, RecordStore};

/// The options of a [`MemoryStore`]; [`MemoryStore::builder`] begins with the defaults.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use = "a builder does nothing until it builds"]
pub struct MemoryOptions {
    node: Option<NodeName>,
    anonymous_sessions: usize,
    anonymous_bytes: usize,
    logged_in_sessions: usize,
    logged_in_bytes: usize,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        let (anonymous, logged_in) = (Budget::ANONYMOUS, Budget::LOGGED_IN);
        Self {
            node: None,
            anonymous_sessions: anonymous.sessions,
            anonymous_bytes: anonymous.bytes,
            logged_in_sessions: logged_in.sessions,
            logged_in_bytes: logged_in.bytes,
        }
    }
}

impl MemoryOptions {
    /// Sets how much anonymous sessions may take. Default: 100 000 sessions and 64 MiB.
    pub fn anonymous(self, budget: Budget) -> Self {
        Self { anonymous_sessions: budget.sessions, anonymous_bytes: budget.bytes, ..self }
    }

    /// Sets how much logged-in sessions may take. Default: 1 000 000 sessions and 1 GiB.
    pub fn logged_in(self, budget: Budget) -> Self {
        Self { logged_in_sessions: budget.sessions, logged_in_bytes: budget.bytes, ..self }
    }

    /// Puts the name of this node into every token, for a load balancer that routes by it. Default: none.
    pub fn node(self, name: NodeName) -> Self {
        Self { node: Some(name), ..self }
    }

    /// An empty store with these options.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        let anonymous = Budget { sessions: self.anonymous_sessions, bytes: self.anonymous_bytes };
        let logged_in = Budget { sessions: self.logged_in_sessions, bytes: self.logged_in_bytes };
        let state = Arc::new(SharedState::new(anonymous, logged_in));
        RecordStore::from_backend(MemoryBackend { state, node: self.node })
    }
}

impl MemoryStore {
    /// An empty store with the default budgets and no node name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to configure a store.
    pub fn builder() -> MemoryOptions {
        MemoryOptions::default()
    }
}
