//! What a store promises, as data: read by the engine, by the conformance suite and by people who choose a store.

use std::{fmt, time::Duration};

/// What a store guarantees, as data.
///
/// The conformance suite tests exactly what is declared here, and the engine answers a request for anything else with a clear
/// error. The `Display` of each field's type is a phrase for people.
///
/// [`new`](Self::new) declares the least that any store guarantees; a store adds what it can keep.
///
/// ```
/// use cloakroom::store::{Guarantees, Index, Revocation, Scope, TokenForm, Updates};
///
/// const TABLE: Guarantees = Guarantees::new("table", TokenForm::Reference)
///     .revocation(Revocation::AtOnce)
///     .survives_restart(true)
///     .scope(Scope::AllNodes)
///     .updates(Updates::NeverLost)
///     .index(Index::AllNodes);
/// assert_eq!(TABLE.name, "table");
/// assert_eq!(TABLE.max_data, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// The store's name, for logs and people.
    pub name: &'static str,
    /// What its clients hold.
    pub token: TokenForm,
    /// Whether the store keeps records: a session can be looked up by its ID, and its state is with the store, whatever its client
    /// holds beside.
    pub keeps_records: bool,
    /// How soon an ended session is refused.
    pub revocation: Revocation,
    /// Whether sessions survive a restart of the process or the server that keeps them.
    pub survives_restart: bool,
    /// Which nodes can serve a session's requests.
    pub scope: Scope,
    /// Whether two writers can lose each other's changes.
    pub updates: Updates,
    /// Which changes a crash, or a move of the session to another node, can cost.
    pub durability: Durability,
    /// What a response that overtakes another one can do.
    pub response_reordering: ResponseReordering,
    /// Whether the sessions of a subject can be listed and ended.
    pub index: Index,
    /// The largest session data that can be stored, in bytes; `None` if only the store's memory is the limit.
    pub max_data: Option<usize>,
    /// Whether sessions can be changed at all; `false` for a reader of tokens that others issue.
    pub writable: bool,
}

impl Guarantees {
    /// The least that a store whose clients hold tokens of this form guarantees.
    ///
    /// Ended sessions are refused when they expire, sessions end with the process that began them, the last writer wins, and
    /// there is no index. A store keeps records if its clients hold references. Self-contained tokens may bring an older state
    /// back; references cannot. Data are not limited, sessions can be changed, and a change is as durable as the session as soon as
    /// it is acknowledged.
    #[must_use]
    pub const fn new(name: &'static str, token: TokenForm) -> Self {
        Self {
            name,
            token,
            keeps_records: !token.is_self_contained(),
            revocation: Revocation::AtExpiry,
            survives_restart: false,
            scope: Scope::Process,
            updates: Updates::LastWriterWins,
            durability: Durability::AtOnce,
            response_reordering: if token.is_self_contained() {
                ResponseReordering::MayRevert
            } else {
                ResponseReordering::Harmless
            },
            index: Index::None,
            max_data: None,
            writable: true,
        }
    }

    /// Sets the store's name.
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Sets what the store's clients hold.
    #[must_use]
    pub const fn token(mut self, token: TokenForm) -> Self {
        self.token = token;
        self
    }

    /// Sets whether the store keeps records.
    #[must_use]
    pub const fn keeps_records(mut self, keeps: bool) -> Self {
        self.keeps_records = keeps;
        self
    }

    /// Sets how soon an ended session is refused.
    #[must_use]
    pub const fn revocation(mut self, revocation: Revocation) -> Self {
        self.revocation = revocation;
        self
    }

    /// Sets whether sessions survive a restart of the process or the server that keeps them.
    #[must_use]
    pub const fn survives_restart(mut self, survives: bool) -> Self {
        self.survives_restart = survives;
        self
    }

    /// Sets which nodes can serve a session's requests.
    #[must_use]
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets whether two writers can lose each other's changes.
    #[must_use]
    pub const fn updates(mut self, updates: Updates) -> Self {
        self.updates = updates;
        self
    }

    /// Sets which changes a crash, or a move of the session to another node, can cost.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets what a response that overtakes another one can do.
    #[must_use]
    pub const fn response_reordering(mut self, reordering: ResponseReordering) -> Self {
        self.response_reordering = reordering;
        self
    }

    /// Sets whether the sessions of a subject can be listed and ended.
    #[must_use]
    pub const fn index(mut self, index: Index) -> Self {
        self.index = index;
        self
    }

    /// Sets the largest session data that can be stored, in bytes.
    #[must_use]
    pub const fn max_data(mut self, limit: Option<usize>) -> Self {
        self.max_data = limit;
        self
    }

    /// Sets whether sessions can be changed at all.
    #[must_use]
    pub const fn writable(mut self, writable: bool) -> Self {
        self.writable = writable;
        self
    }

    /// What holds for a session that may be in either of two stores: of each guarantee the weaker one.
    ///
    /// New sessions begin in the store that `self` describes, so its name counts, and so does whether it keeps records and can be written.
    ///
    /// ```
    /// use cloakroom::store::{Guarantees, Scope, TokenForm};
    ///
    /// let memory = Guarantees::new("memory", TokenForm::Reference);
    /// let redis = memory.name("redis").scope(Scope::AllNodes);
    /// assert_eq!(redis.meet(&memory).scope, Scope::Process);
    /// ```
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            name: self.name,
            token: self.token.meet(other.token),
            keeps_records: self.keeps_records,
            revocation: self.revocation.max(other.revocation),
            survives_restart: self.survives_restart && other.survives_restart,
            scope: self.scope.min(other.scope),
            updates: self.updates.max(other.updates),
            durability: self.durability.max(other.durability),
            response_reordering: self.response_reordering.max(other.response_reordering),
            index: self.index.min(other.index),
            max_data: match (self.max_data, other.max_data) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (limit, None) | (None, limit) => limit,
            },
            writable: self.writable,
        }
    }
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
    /// Whether the client carries the record itself, so that every change brings a new token. The store may
    /// [keep](Guarantees::keeps_records) it all the same.
    #[must_use]
    pub const fn is_self_contained(self) -> bool {
        !matches!(self, Self::Reference)
    }

    /// What new clients hold, of whom some may be able to read their session if others are.
    fn meet(self, other: Self) -> Self {
        match (self, other) {
            (Self::Encrypted, Self::Readable) => Self::Readable,
            (token, _) => token,
        }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Revocation {
    /// From the next request on.
    AtOnce,
    /// At the latest after this long.
    Within(Duration),
    /// Only when it expires; until then a copy of its token stays good.
    AtExpiry,
}

impl Revocation {
    /// That of a layer which may answer with what is older by up to `delay` than what the store below it knows.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cloakroom::store::Revocation;
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!(Revocation::AtOnce.later_by(second), Revocation::Within(second));
    /// assert_eq!(Revocation::Within(second).later_by(second), Revocation::Within(2 * second));
    /// assert_eq!(Revocation::AtExpiry.later_by(second), Revocation::AtExpiry);
    /// ```
    #[must_use]
    pub const fn later_by(self, delay: Duration) -> Self {
        match self {
            Self::AtOnce => Self::Within(delay),
            Self::Within(earlier) => Self::Within(earlier.saturating_add(delay)),
            Self::AtExpiry => Self::AtExpiry,
        }
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scope {
    /// Only the process that keeps it: several servers need sticky routing.
    Process,
    /// Every process on the machine that keeps it.
    Machine,
    /// Every server that shares the store or its keys.
    AllNodes,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "this server only",
            Self::Machine => "all processes on this machine",
            Self::AllNodes => "all servers",
        })
    }
}

/// Whether two writers can lose each other's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Which changes a crash of a node, or a move of the session to another node, can cost.
///
/// A login, a logout and everything else that changes who may open a session is kept as soon as it is acknowledged, whatever
/// a store declares here.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::store::Durability;
///
/// assert_eq!(Durability::Within(Duration::from_secs(1)).to_string(), "within 1s");
/// assert!(Durability::AtOnce < Durability::Within(Duration::ZERO), "the stronger one is less");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// None: an acknowledged change is as durable as the session.
    AtOnce,
    /// Ordinary changes that were acknowledged within this time before.
    Within(Duration),
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => f.write_str("at once"),
            Self::Within(delay) => write!(f, "within {delay:?}"),
        }
    }
}

/// What a response that overtakes another one can do to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ResponseReordering {
    /// Nothing: ordinary responses carry no token.
    Harmless,
    /// Bring back an older state, even after a logout.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const STRONG: Guarantees = Guarantees {
        name: "strong",
        token: TokenForm::Reference,
        keeps_records: true,
        revocation: Revocation::AtOnce,
        survives_restart: true,
        scope: Scope::AllNodes,
        updates: Updates::NeverLost,
        durability: Durability::AtOnce,
        response_reordering: ResponseReordering::Harmless,
        index: Index::AllNodes,
        max_data: None,
        writable: true,
    };

    const WEAK: Guarantees = Guarantees {
        name: "weak",
        token: TokenForm::Readable,
        keeps_records: false,
        revocation: Revocation::AtExpiry,
        survives_restart: false,
        scope: Scope::Process,
        updates: Updates::LastWriterWins,
        durability: Durability::Within(Duration::from_secs(5)),
        response_reordering: ResponseReordering::MayRevert,
        index: Index::None,
        max_data: Some(100),
        writable: false,
    };

    #[test]
    fn each_promise_is_that_of_the_weaker_side() {
        assert_eq!(STRONG.meet(&STRONG), STRONG);
        // New sessions are what the store makes them in which they begin.
        assert_eq!(WEAK.meet(&STRONG), WEAK);
        let weak = Guarantees {
            name: "strong",
            token: TokenForm::Reference,
            keeps_records: true,
            writable: true,
            ..WEAK
        };
        assert_eq!(STRONG.meet(&WEAK), weak);
    }

    #[test]
    fn what_has_degrees_takes_the_lower_one() {
        let second = Duration::from_secs(1);
        let within = |delay| Guarantees { revocation: Revocation::Within(delay), ..STRONG };
        for (one, other, expected) in [
            (within(second), STRONG, Revocation::Within(second)),
            (within(second), within(2 * second), Revocation::Within(2 * second)),
            (within(second), WEAK, Revocation::AtExpiry),
        ] {
            assert_eq!(one.meet(&other).revocation, expected);
            assert_eq!(other.meet(&one).revocation, expected);
        }
        let soon = Guarantees { durability: Durability::Within(second), ..STRONG };
        assert_eq!(soon.meet(&STRONG).durability, Durability::Within(second));
        assert_eq!(soon.meet(&WEAK).durability, WEAK.durability);
        let near = Guarantees { index: Index::Process, max_data: Some(200), ..STRONG };
        assert_eq!(near.meet(&STRONG).index, Index::Process);
        assert_eq!(STRONG.meet(&near).max_data, Some(200));
        assert_eq!(WEAK.meet(&near).max_data, Some(100));
    }

    #[test]
    fn an_encrypted_session_may_become_readable_and_is_declared_so() {
        let encrypted = Guarantees { token: TokenForm::Encrypted, ..WEAK };
        assert_eq!(encrypted.meet(&WEAK).token, TokenForm::Readable);
        assert_eq!(encrypted.meet(&encrypted).token, TokenForm::Encrypted);
        assert_eq!(encrypted.meet(&STRONG).token, TokenForm::Encrypted);
    }
}
