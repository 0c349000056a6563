//! What is stored under a session's ID: its record, or the tombstone of a session that has ended.

use crate::{
    id::SessionId,
    record::{InvalidRecord, Record, Version},
    store::{Absence, End, Ended, EndedBy, Loaded, ReferenceToken, authenticate},
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
    /// The session.
    pub id: SessionId,
    /// When the session ended.
    pub at: Timestamp,
    /// Until when its ID is reserved. From then on the tombstone counts as nothing and may be removed.
    pub until: Timestamp,
    /// On whose account it ended.
    pub by: EndedBy,
}

impl Stored {
    /// The session that it belongs to.
    #[must_use]
    pub fn id(&self) -> SessionId {
        match self {
            Self::Record(record) => record.id(),
            Self::Tombstone(tombstone) => tombstone.id,
        }
    }

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
            Self::Tombstone(tombstone) => tombstone.encode(),
        }
    }

    /// Reads the first [`HEAD_LEN`](crate::record::HEAD_LEN) bytes of what [`encode`](Self::encode) wrote, as
    /// [`Record::decode_head`] does: for a list of sessions. A record has no data then, and must never be written.
    ///
    /// # Errors
    /// [`InvalidRecord`] if it is of a newer version or damaged.
    pub fn decode_head(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        match bytes {
            [TOMBSTONE, ..] => Self::decode(bytes),
            record => Record::decode_head(record).map(Self::Record),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`InvalidRecord`] if it is of a newer version or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        match bytes {
            [TOMBSTONE, rest @ ..] => {
                Tombstone::decode(rest).map(Self::Tombstone).ok_or(InvalidRecord::Damaged)
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
    pub fn bury(stored: Option<&Self>, mut tombstone: Tombstone, now: Timestamp) -> (Tombstone, Ended) {
        let mut answer = Ended::Done;
        match stored {
            Some(Self::Record(record)) => tombstone.until = tombstone.until.max(record.deadline()),
            Some(Self::Tombstone(first)) if now < first.until => {
                tombstone.until = tombstone.until.max(first.until);
                if first.by == EndedBy::Client || tombstone.by == EndedBy::Other {
                    (tombstone.at, tombstone.by) = (first.at, first.by);
                }
                answer = Ended::Already;
            }
            _ => {}
        }
        (tombstone, answer)
    }
}

impl Tombstone {
    /// The tombstone of a session that ends now.
    #[must_use]
    pub fn of(end: End, now: Timestamp) -> Self {
        let End { id, until, by } = end;
        Self { id, at: now, until, by }
    }

    fn encode(&self) -> Vec<u8> {
        let [at, until] = [self.at, self.until].map(|time| time.as_millis().to_le_bytes());
        let by = u8::from(self.by == EndedBy::Client);
        [&[TOMBSTONE][..], self.id.as_bytes(), &at, &until, &[by]].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let [at, until] = [at, until].map(|time| Timestamp::from_millis(i64::from_le_bytes(*time)));
        let by = match rest {
            [0] => EndedBy::Other,
            [1] => EndedBy::Client,
            _ => return None,
        };
        Some(Self { id: SessionId::from_bytes(*id), at, until, by })
    }

    /// How the tombstone reads: as nothing at all once its reservation is over.
    ///
    /// It answers any token of its session, genuine or not: an ID is no secret.
    #[must_use]
    pub fn absence(&self, now: Timestamp) -> Absence {
        if now < self.until {
            Absence::Ended { id: self.id, at: self.at, by: self.by }
        } else {
            Absence::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{id::WriteId, record::Lifetime, secret::Secret};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    /// A record that expires ten seconds after its last use, and a minute from now at the latest.
    fn record() -> Record {
        let lifetime = Lifetime { idle: 10 * SECOND, absolute: 60 * SECOND };
        let id = SessionId::from_bytes([1; 16]);
        Record::new(id, Secret::from_bytes([2; 16]), WriteId::from_u64(1), lifetime, NOW)
    }

    fn tombstone(at: i64, until: i64) -> Tombstone {
        let [at, until] = [at, until].map(Timestamp::from_millis);
        Tombstone { id: record().id(), at, until, by: EndedBy::Other }
    }

    #[test]
    fn a_tombstone_reads_as_nothing_once_its_reservation_is_over() {
        let tombstone = tombstone(5, 9);
        let Tombstone { id, at, by, .. } = tombstone;
        let ended = Absence::Ended { id, at, by };
        assert_eq!(tombstone.absence(Timestamp::from_millis(8)), ended);
        assert_eq!(tombstone.absence(Timestamp::from_millis(9)), Absence::Unknown);
    }

    #[test]
    fn of_two_ends_the_first_counts_unless_only_the_second_is_by_the_client() {
        use EndedBy::{Client, Other};
        let of = |at, by| Tombstone { by, ..tombstone(at, 9) };
        for (first, second, expected) in [
            (Other, Other, of(5, Other)),
            (Client, Other, of(5, Client)),
            (Client, Client, of(5, Client)),
            (Other, Client, of(6, Client)),
        ] {
            let stored = Stored::Tombstone(of(5, first));
            let (kept, answer) = Stored::bury(Some(&stored), of(6, second), Timestamp::from_millis(7));
            assert_eq!((kept, answer), (expected, Ended::Already));
        }
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
            assert_eq!(read.id(), stored.id());
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
        let buried = |stored: Option<Stored>, tombstone| Stored::bury(stored.as_ref(), tombstone, NOW);
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
