//! What a request asks of the site, and what the site's page shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The header that says what is wanted.
pub(crate) const ORDER: &str = "x-order";

/// What a handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// Only reads.
    Look,
    /// Counts this request, by `update`.
    Count,
    /// Writes a key that no other request writes.
    Put,
    LogIn,
    /// A second factor: a new token, and this request is counted.
    Renew,
    LogOut,
    /// Logs out, and counts this request in a new session.
    Farewell,
    /// Ends the sessions on the person's other devices.
    EndOthers,
}

impl Deed {
    /// Whether it gives the session another token, or ends it.
    pub(crate) fn is_change(self) -> bool {
        matches!(self, Self::LogIn | Self::Renew) || self.logs_out()
    }

    pub(crate) fn logs_out(self) -> bool {
        matches!(self, Self::LogOut | Self::Farewell)
    }

    /// Whether the request is counted.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::Count | Self::LogIn | Self::Renew | Self::Farewell)
    }
}

/// What a request asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The number of the request, which no other one has.
    pub(crate) request: u64,
    pub(crate) deed: Deed,
    /// Who logs in.
    pub(crate) subject: String,
    /// What marks a session that begins.
    pub(crate) marker: String,
    /// Whether the handler waits at a gate before it answers.
    pub(crate) is_held: bool,
    /// Whether the handler saves by itself.
    pub(crate) saves: bool,
}

/// What a page shows: the session as the handler found it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) id: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) marker: String,
    pub(crate) counts: BTreeMap<u64, u32>,
}
