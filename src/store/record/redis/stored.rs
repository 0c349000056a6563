//! What stands under a session's key: its record, or the tombstone of a session that has ended.
//!
//! ```text
//! record    := 1 | …, as record/codec.rs writes it
//! tombstone := 0 | ID 16 | ended i64 | until i64
//! ```
//!
//! The fixed part of a record is the header that scripts read and patch: `scripts/head.lua` has its offsets, and a test
//! here holds them. Integers are little endian. The ID stands in both forms, so a reply that belongs to another call is
//! noticed.

use crate::{
    id::SessionId,
    record::{InvalidRecord, Record},
    store::Absence,
    time::Timestamp,
};

const TOMBSTONE: u8 = 0;

/// What stands under a session's key.
#[derive(Debug)]
pub(super) enum Stored {
    Live(Record),
    Ended { at: Timestamp, until: Timestamp },
}

/// Why a reply was not understood.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is no answer to the question that was asked: the connection is out of step.
    Foreign,
    /// What stands there is no record that this version reads.
    Corrupt(InvalidRecord),
}

impl Stored {
    /// Reads what stands under the key of `id`.
    pub(super) fn read(bytes: &[u8], id: &SessionId) -> Result<Self, Unread> {
        let (stored, named) = match bytes.first() {
            Some(&TOMBSTONE) => read_tombstone(bytes).ok_or(Unread::Corrupt(InvalidRecord::Damaged))?,
            _ => {
                let record = Record::decode(bytes).map_err(Unread::Corrupt)?;
                let named = record.id();
                (Self::Live(record), named)
            }
        };
        if named == *id { Ok(stored) } else { Err(Unread::Foreign) }
    }

    /// The live record, or why there is none.
    pub(super) fn standing(self, now: Timestamp) -> Result<Record, Absence> {
        match self {
            Self::Live(record) if record.is_expired(now) => Err(Absence::Expired),
            Self::Live(record) => Ok(record),
            ended @ Self::Ended { .. } => Err(ended.absence(now)),
        }
    }

    /// How a tombstone reads: as nothing at all once its time is over.
    pub(super) fn absence(&self, now: Timestamp) -> Absence {
        match self {
            Self::Ended { at, until } if now < *until => Absence::Ended { at: *at },
            _ => Absence::Unknown,
        }
    }
}

fn read_tombstone(bytes: &[u8]) -> Option<(Stored, SessionId)> {
    let (id, times) = bytes.get(1..)?.split_first_chunk::<{ SessionId::LEN }>()?;
    let (at, until) = times.split_first_chunk::<8>()?;
    let [at, until] =
        [*at, until.try_into().ok()?].map(|time| Timestamp::from_millis(i64::from_le_bytes(time)));
    Some((Stored::Ended { at, until }, SessionId::from_bytes(*id)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{id::WriteId, record::Lifetime, secret::Secret};

    fn record() -> Record {
        Record::new(
            SessionId::from_bytes([1; 16]),
            Secret::from_bytes([2; 16]),
            WriteId::from_u64(0x0807_0605_0403_0201),
            Lifetime { idle: Duration::from_millis(300), absolute: Duration::from_millis(4000) },
            Timestamp::from_millis(50_000),
        )
    }

    /// The offsets that `scripts/head.lua` counts from one, here from zero.
    #[test]
    fn the_header_of_a_record_lies_where_the_scripts_look() {
        let bytes = record().encode();
        let int = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(bytes[0], 1);
        assert_eq!(bytes[2..18], [1; 16]);
        assert_eq!(int(18), 1, "counter");
        assert_eq!(bytes[26..30], [0; 4], "epoch");
        assert_eq!(bytes[30..38], [1, 2, 3, 4, 5, 6, 7, 8], "last write");
        assert_eq!([int(70), int(78), int(86)], [50_000, 300, 54_000], "last active, idle, deadline");
    }

    #[test]
    fn a_record_of_another_session_is_a_foreign_reply() {
        let other = SessionId::from_bytes([9; 16]);
        assert!(matches!(Stored::read(&record().encode(), &record().id()), Ok(Stored::Live(_))));
        assert!(matches!(Stored::read(&record().encode(), &other), Err(Unread::Foreign)));
        let tombstone = [&[0][..], &[1; 16], &5i64.to_le_bytes(), &9i64.to_le_bytes()].concat();
        assert!(matches!(Stored::read(&tombstone, &record().id()), Ok(Stored::Ended { .. })));
        assert!(matches!(Stored::read(&tombstone, &other), Err(Unread::Foreign)));
    }

    #[test]
    fn a_tombstone_whose_time_is_over_reads_as_nothing() {
        let at = Timestamp::from_millis(5);
        let stored = Stored::Ended { at, until: Timestamp::from_millis(9) };
        assert_eq!(stored.absence(Timestamp::from_millis(8)), Absence::Ended { at });
        assert_eq!(stored.absence(Timestamp::from_millis(9)), Absence::Unknown);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes: Vec<u8>) {
            let id = SessionId::from_bytes([1; 16]);
            let _ = Stored::read(&bytes, &id);
            bytes.insert(0, TOMBSTONE);
            let _ = Stored::read(&bytes, &id);
        }
    }
}
