//! What is stored under a session's ID: its record, or the tombstone of a session that has ended.

use crate::{
    record::Record,
    store::{Absence, Loaded, ReferenceToken, authenticate},
    time::Timestamp,
};

/// What is stored under a session's ID.
#[derive(Debug, Clone)]
pub enum Stored {
    /// A record, which may have expired.
    Record(Record),
    /// The session has ended.
    Tombstone(Tombstone),
}

/// Marks a session that has ended, so that no late write brings it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    /// When the session ended.
    pub at: Timestamp,
    /// Until when its ID is reserved. From then on the tombstone counts as nothing and may be removed.
    pub until: Timestamp,
}

impl Stored {
    /// The record, unless it has expired, or why there is none.
    ///
    /// # Errors
    /// The reason for the absence.
    pub fn live(self, now: Timestamp) -> Result<Record, Absence> {
        match self {
            Self::Record(record) if record.is_expired(now) => Err(Absence::Expired),
            Self::Record(record) => Ok(record),
            Self::Tombstone(tombstone) => Err(tombstone.absence(now)),
        }
    }

    /// What a presented token opens.
    #[must_use]
    pub fn open(&self, token: &ReferenceToken, now: Timestamp) -> Loaded {
        match self {
            Self::Record(record) => authenticate(record, token, now),
            Self::Tombstone(tombstone) => Loaded::Absent(tombstone.absence(now)),
        }
    }
}

impl Tombstone {
    /// How the tombstone reads: as nothing at all once its reservation is over.
    ///
    /// It answers any token of its session, genuine or not: an ID is no secret.
    #[must_use]
    pub fn absence(&self, now: Timestamp) -> Absence {
        if now < self.until { Absence::Ended { at: self.at } } else { Absence::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_reads_as_nothing_once_its_reservation_is_over() {
        let at = Timestamp::from_millis(5);
        let tombstone = Tombstone { at, until: Timestamp::from_millis(9) };
        assert_eq!(tombstone.absence(Timestamp::from_millis(8)), Absence::Ended { at });
        assert_eq!(tombstone.absence(Timestamp::from_millis(9)), Absence::Unknown);
    }
}
