//! What a session is based on: the outcome of its load, or of its last save.

use super::view::View;
use crate::{
    error::SessionError,
    id::SessionId,
    record::Record,
    store::{Absence, End, EndedBy, Upkeep},
};

/// What a session is based on: the outcome of its load, or of its last save.
#[derive(Debug, Clone)]
pub(crate) enum Base {
    /// It is not loaded yet, so no handler has it.
    Unloaded,
    /// A live record, and what its store asks to be written although nothing changed.
    Live { record: Record, upkeep: Upkeep },
    /// No session, for this reason; `None` where no token was presented.
    Absent(Option<Absence>),
    /// Tokens of these live sessions were presented; none is believed.
    Ambiguous(Vec<End>),
    /// The store could not answer.
    Outage(SessionError),
}

impl Base {
    /// A record that was written just now.
    pub(crate) fn written(record: Record) -> Self {
        Self::Live { record: record.settled(), upkeep: Upkeep::None }
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        match self {
            Self::Live { record, .. } => Some(record),
            _ => None,
        }
    }

    /// The session that the presented token names, if it is its current or an earlier token.
    pub(crate) fn id(&self) -> Option<SessionId> {
        match self {
            Self::Live { record, .. } => Some(record.id()),
            Self::Absent(Some(Absence::Rotated { id, .. })) => Some(*id),
            _ => None,
        }
    }

    /// What a logout ends: every live session whose token came with the request. They are all this client's, for it
    /// knew their secrets.
    pub(crate) fn presented(&self) -> Vec<End> {
        match self {
            Self::Live { record, .. } => vec![End::of(record, EndedBy::Client)],
            Self::Ambiguous(presented) => presented.clone(),
            Self::Unloaded | Self::Absent(_) | Self::Outage(_) => Vec::new(),
        }
    }

    /// What it shows before anything is changed.
    pub(super) fn view(&self) -> View {
        self.record().map_or_else(View::default, View::of)
    }
}
