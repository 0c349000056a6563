//! What a store promises, as data: read by the engine, by the conformance suite and by people who choose a store.

use std::{fmt, time::Duration};

/// What a store promises.
///
/// The conformance suite tests exactly what stands here, and the engine answers a request for anything else with a
/// clear error. Each field's `Display` is a phrase for people.
///
/// ```
/// use cloakroom::store::{MemoryStore, Scope, SessionStore as _};
///
/// let guarantees = MemoryStore::new().guarantees();
/// assert_eq!(guarantees.name, "memory");
/// assert_eq!(guarantees.scope, Scope::Process);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarantees {
    /// The store's name, for logs and people.
    pub name: &'static str,
    /// What its clients hold.
    pub token: TokenForm,
    /// How soon an ended session is refused.
    pub revocation: Revocation,
    /// Whether sessions survive a restart of the process or the server that keeps them.
    pub survives_restart: bool,
    /// Which servers answer for a session.
    pub scope: Scope,
    /// Whether two writers can lose each other's changes.
    pub updates: Updates,
    /// What a response that overtakes another one can do.
    pub response_reordering: ResponseReordering,
    /// Whether the sessions of a subject can be listed and ended.
    pub index: Index,
    /// The largest session data that it keeps, in bytes; `None` where only its memory is the limit.
    pub max_data: Option<usize>,
    /// Whether sessions can be changed here at all; false for a reader of tokens that others issue.
    pub writable: bool,
}

/// What a client of the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenForm {
    /// A name and a secret; the record stays with the store.
    Reference,
    /// The record itself, encrypted.
    Encrypted,
    /// The record itself, signed but readable by the client.
    Readable,
}

impl TokenForm {
    /// Whether the client carries the record itself, so that every change needs a new token.
    #[must_use]
    pub const fn is_self_contained(self) -> bool {
        !matches!(self, Self::Reference)
    }
}

impl fmt::Display for TokenForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "a reference",
            Self::Encrypted => "the session itself, encrypted",
            Self::Readable => "the session itself, signed and readable",
        })
    }
}

/// How soon an ended session is refused, and a change by another server seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// From the next request on.
    AtOnce,
    /// At the latest after this long.
    Within(Duration),
    /// Only when it expires; until then a copy of its token stays good.
    AtExpiry,
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => f.write_str("at once"),
            Self::Within(delay) => write!(f, "within {delay:?}"),
            Self::AtExpiry => f.write_str("when it expires"),
        }
    }
}

/// Which servers answer for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Only the process that keeps it: several servers need sticky routing.
    Process,
    /// Every server that shares the store or its keys.
    AllNodes,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "this server only",
            Self::AllNodes => "all servers",
        })
    }
}

/// Whether two writers can lose each other's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Updates {
    /// Never: a stale write is refused and replayed.
    NeverLost,
    /// Of two overlapping requests the last response wins.
    LastWriterWins,
}

impl fmt::Display for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverLost => "never lost",
            Self::LastWriterWins => "the last writer wins",
        })
    }
}

/// What a response that overtakes another one can do to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseReordering {
    /// Nothing: ordinary responses carry no token.
    Harmless,
    /// Bring back an older state, a log-out included.
    MayRevert,
}

impl fmt::Display for ResponseReordering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Harmless => "harmless",
            Self::MayRevert => "may bring back an older state",
        })
    }
}

/// Whether the sessions of a subject can be listed and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Index {
    /// No.
    None,
    /// Those that this process keeps.
    Process,
    /// All of them.
    AllNodes,
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Process => "the sessions on this server",
            Self::AllNodes => "all sessions",
        })
    }
}
