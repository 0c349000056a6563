//! What a store answers: an enum for each call of [`SessionStore`](super::SessionStore).

use super::{EndedBy, Token};
use crate::{id::SessionId, record::Record, time::Timestamp};

/// The answer to [`load`](super::SessionStore::load).
#[derive(Debug, Clone)]
pub enum Loaded {
    /// The token opens this record.
    Live {
        /// The record.
        record: Record,
        /// What should be written although nothing changed.
        upkeep: Upkeep,
    },
    /// The token opens nothing.
    Absent(Absence),
}

/// What a store asks to be written of a session that no handler has changed. Each contains the one before.
///
/// The engine obeys when the response is about to leave, unless another site has begun the request. A failure fails no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Upkeep {
    /// Nothing. The engine decides alone when the time of the last use is written.
    #[default]
    None,
    /// The time of the last use, by [`touch`](super::SessionStore::touch): its answer brings the client a new token.
    Touch,
    /// The whole record, by [`replace`](super::SessionStore::replace): a rotation was confirmed, a key has rotated.
    Reissue,
}

impl Upkeep {
    /// Asks for the whole record to be written, on this condition.
    #[must_use]
    pub const fn reissue_if(condition: bool) -> Self {
        if condition { Self::Reissue } else { Self::None }
    }
}

/// Why a token opens nothing. The reason decides what a write may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absence {
    /// Nothing is known of such a session.
    Unknown,
    /// It ended by time.
    Expired,
    /// It claims to begin later than now.
    NotYetValid,
    /// The token did open this session, until its secret was replaced at that time.
    Rotated {
        /// The session.
        id: SessionId,
        /// When.
        at: Timestamp,
    },
    /// The session was ended at that time.
    Ended {
        /// The session.
        id: SessionId,
        /// When.
        at: Timestamp,
        /// On whose account.
        by: EndedBy,
    },
    /// The session is on its way to or from another store; a [`MigratingStore`](super::MigratingStore) of both knows where it is.
    Migrated,
    /// It was issued under a key that this server does not have.
    UnknownKey,
    /// The token was not issued by this store.
    Forged,
    /// These bytes are no token at all.
    Malformed,
}

/// The answer to [`create`](super::SessionStore::create).
#[derive(Debug)]
pub enum Created {
    /// The record is kept; the client must be told this token.
    Done(Token),
    /// There already is another record of this ID, and this is it.
    Taken(Record),
    /// A session of this ID was ended.
    Ended,
}

/// The answer to [`replace`](super::SessionStore::replace).
#[derive(Debug)]
pub enum Replaced {
    /// The record is in place. A token that the client must be told, unless the one it holds stays good.
    Done(Option<Token>),
    /// The state is not the expected one but this.
    Conflict(Record),
    /// There is no such session any more.
    Gone(Absence),
}

/// The answer to [`touch`](super::SessionStore::touch).
#[derive(Debug)]
pub enum Touched {
    /// Written down. A token that the client must be told, unless the one it holds stays good.
    Done(Option<Token>),
    /// There is no such session any more.
    Gone(Absence),
}

/// The answer to [`end`](super::SessionStore::end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The session has ended, or its ID is kept from ever beginning.
    Done,
    /// It had ended before.
    Already,
    /// The store has no power over what clients hold: only removing the client's token ends the session.
    ClientOnly,
}

/// The answer to [`find`](super::SessionStore::find).
#[derive(Debug)]
pub enum Found {
    /// This record is stored under the ID.
    Live(Record),
    /// None is, for this reason: [`Unknown`](Absence::Unknown), [`Expired`](Absence::Expired) or [`Ended`](Absence::Ended).
    Absent(Absence),
}

impl Found {
    /// The record, if there is one.
    #[must_use]
    pub fn live(self) -> Option<Record> {
        match self {
            Self::Live(record) => Some(record),
            Self::Absent(_) => None,
        }
    }
}
