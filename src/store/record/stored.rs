//! What is stored under a session's ID: its record, or the tombstone of a session that has ended.

use crate::{
    record::{InvalidRecord, Record, Version},
    store::{Absence, Ended, Loaded, ReferenceToken, authenticate},
    time::Timestamp,
};

/// The first byte of an encoded tombstone. A record begins with the version of its format, which counts from 1.
const TOMBSTONE: u8 = 0;

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

    /// Who is logged in: under whom a [session index](crate::store::SessionIndex) has an entry for it. A tombstone has none.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Record(record) => record.subject(),
            Self::Tombstone(_) => None,
        }
    }

    /// What is stored, in bytes: [`Record::encode`] or, for a tombstone, a form that is shorter than any record.
    ///
    /// It is for stores that need not tell the two apart in their own language, as a table with columns does.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Record(record) => record.encode(),
            Self::Tombstone(Tombstone { at, until }) => {
                let times = [at, until].map(|time| time.as_millis().to_le_bytes());
                [&[TOMBSTONE][..], &times[0], &times[1]].concat()
            }
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`InvalidRecord`] if it is of a newer version or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        match bytes {
            [TOMBSTONE, times @ ..] => {
                let ([at, until], []) = times.as_chunks() else { return Err(InvalidRecord::Damaged) };
                let [at, until] = [at, until].map(|time| Timestamp::from_millis(i64::from_le_bytes(*time)));
                Ok(Self::Tombstone(Tombstone { at, until }))
            }
            record => Record::decode(record).map(Self::Record),
        }
    }

    /// From when on it counts as nothing and may be removed: the end of a record's life, or of a tombstone's reservation.
    ///
    /// A database that removes rows by itself is given this time. It changes with every write and every touch.
    #[must_use]
    pub fn removable_at(&self) -> Timestamp {
        match self {
            Self::Record(record) => record.expires_at(),
            Self::Tombstone(tombstone) => tombstone.until,
        }
    }

    /// The rule of [`compare_and_swap`](super::RecordBackend::compare_and_swap), for a backend that can run it within a
    /// transaction: what to store in place of `stored`, or `None` if that is not in the state `expected`.
    #[must_use]
    pub fn swap(
        stored: Option<&Self>,
        expected: Option<Version>,
        next: &Record,
        now: Timestamp,
    ) -> Option<Self> {
        let mut next = next.clone();
        match (stored, expected) {
            (None, None) => {}
            (Some(Self::Tombstone(tombstone)), None) if now >= tombstone.until => {}
            (Some(Self::Record(record)), Some(expected))
                if record.version() == expected && !record.is_expired(now) =>
            {
                next.touch(record.last_active());
            }
            _ => return None,
        }
        Some(Self::Record(next))
    }

    /// The rule of [`bury`](super::RecordBackend::bury), for a backend that can run it within a transaction: what to store
    /// in place of `stored`, and the answer.
    #[must_use]
    pub fn bury(stored: Option<&Self>, mut tombstone: Tombstone, now: Timestamp) -> (Self, Ended) {
        let mut answer = Ended::Done;
        match stored {
            Some(Self::Record(record)) => tombstone.until = tombstone.until.max(record.deadline()),
            Some(Self::Tombstone(first)) if now < first.until => {
                tombstone = Tombstone { at: first.at, until: tombstone.until.max(first.until) };
                answer = Ended::Already;
            }
            _ => {}
        }
        (Self::Tombstone(tombstone), answer)
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
    use std::time::Duration;

    use super::*;
    use crate::{
        id::{SessionId, WriteId},
        record::Lifetime,
        secret::Secret,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    /// A record that expires ten seconds after its last use, and a minute from now at the latest.
    fn record() -> Record {
        let lifetime = Lifetime { idle: 10 * SECOND, absolute: 60 * SECOND };
        let id = SessionId::from_bytes([1; 16]);
        Record::new(id, Secret::from_bytes([2; 16]), WriteId::from_u64(1), lifetime, NOW)
    }

    fn tombstone(at: i64, until: i64) -> Tombstone {
        Tombstone { at: Timestamp::from_millis(at), until: Timestamp::from_millis(until) }
    }

    #[test]
    fn a_tombstone_reads_as_nothing_once_its_reservation_is_over() {
        let tombstone = tombstone(5, 9);
        let ended = Absence::Ended { at: tombstone.at };
        assert_eq!(tombstone.absence(Timestamp::from_millis(8)), ended);
        assert_eq!(tombstone.absence(Timestamp::from_millis(9)), Absence::Unknown);
    }

    #[test]
    fn it_may_be_removed_when_it_counts_as_nothing() {
        assert_eq!(Stored::Record(record()).removable_at(), NOW + 10 * SECOND);
        assert_eq!(Stored::Tombstone(tombstone(5, 9)).removable_at(), Timestamp::from_millis(9));
    }

    #[test]
    fn what_is_stored_survives_the_way_to_bytes_and_back() {
        for stored in [Stored::Record(record()), Stored::Tombstone(tombstone(-5, i64::MAX))] {
            let read = Stored::decode(&stored.encode()).unwrap();
            assert_eq!(read.encode(), stored.encode());
            assert_eq!(read.removable_at(), stored.removable_at());
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let tombstone = Stored::Tombstone(tombstone(5, 9)).encode();
        for damaged in [&[][..], &tombstone[..16], &[&tombstone[..], b"x"].concat()] {
            assert_eq!(Stored::decode(damaged).unwrap_err(), InvalidRecord::Damaged);
        }
        assert_eq!(Stored::decode(&[9]).unwrap_err(), InvalidRecord::UnknownVersion(9));
    }

    #[test]
    fn a_record_is_created_only_where_nothing_is_stored_or_reserved() {
        let swap = |stored: Option<&Stored>| Stored::swap(stored, None, &record(), NOW).is_some();
        let now = NOW.as_millis();
        assert!(swap(None));
        assert!(swap(Some(&Stored::Tombstone(tombstone(0, now)))));
        assert!(!swap(Some(&Stored::Tombstone(tombstone(0, now + 1)))));
        assert!(!swap(Some(&Stored::Record(record()))));
        let expired = Stored::swap(Some(&Stored::Record(record())), None, &record(), NOW + 60 * SECOND);
        assert!(expired.is_none(), "an expired record still takes its ID");
    }

    #[test]
    fn only_a_live_record_of_the_expected_version_is_replaced_and_keeps_a_later_use() {
        let expected = Some(record().version());
        let next = record().successor(WriteId::from_u64(2)).finish();
        let mut touched = record();
        touched.touch(NOW + SECOND);
        let touched = Stored::Record(touched);
        let swapped = Stored::swap(Some(&touched), expected, &next, NOW + SECOND).unwrap().live(NOW).unwrap();
        assert_eq!((swapped.version(), swapped.last_active()), (next.version(), NOW + SECOND));
        assert!(Stored::swap(Some(&touched), Some(next.version()), &next, NOW).is_none());
        assert!(Stored::swap(Some(&touched), expected, &next, NOW + 11 * SECOND).is_none());
        assert!(Stored::swap(Some(&Stored::Tombstone(tombstone(0, 9))), expected, &next, NOW).is_none());
        assert!(Stored::swap(None, expected, &next, NOW).is_none());
    }

    #[test]
    fn a_tombstone_outlasts_the_record_and_the_tombstone_before_it() {
        let buried = |stored: Option<Stored>, tombstone| match Stored::bury(stored.as_ref(), tombstone, NOW) {
            (Stored::Tombstone(tombstone), answer) => (tombstone, answer),
            (Stored::Record(_), _) => panic!("a record was buried"),
        };
        let now = NOW.as_millis();
        let new = tombstone(now, now + 5);
        let lasting = tombstone(now, now + 60_000);
        assert_eq!(buried(None, new), (new, Ended::Done));
        assert_eq!(buried(Some(Stored::Record(record())), new), (lasting, Ended::Done));
        let first = |until| Some(Stored::Tombstone(tombstone(1, until)));
        assert_eq!(buried(first(now), new), (new, Ended::Done));
        assert_eq!(buried(first(now + 1), new), (tombstone(1, now + 5), Ended::Already));
        assert_eq!(buried(first(now + 9), new), (tombstone(1, now + 9), Ended::Already));
    }
}
