//! The bytes under a session's key: its record, or the tombstone of a session that has ended.
//!
//! ```text
//! record    := 1 | …, as record/codec.rs writes it
//! tombstone := 0 | ID 16 | ended i64 | until i64
//! ```
//!
//! The fixed part of a record is the header that scripts read and patch: `scripts/layout.lua` has its offsets, and a test
//! here checks them. Integers are little endian. Both forms contain the ID, so a reply that belongs to another call is
//! noticed.

use crate::{
    id::SessionId,
    record::{InvalidRecord, Record},
    store::{Stored, Tombstone},
    time::Timestamp,
};

const TOMBSTONE: u8 = 0;

/// Reads what is stored under a key, and the session that it names.
pub(super) fn decode(bytes: &[u8]) -> Result<(SessionId, Stored), InvalidRecord> {
    if bytes.first() == Some(&TOMBSTONE) {
        return decode_tombstone(bytes).ok_or(InvalidRecord::Damaged);
    }
    let record = Record::decode(bytes)?;
    Ok((record.id(), Stored::Record(record)))
}

fn decode_tombstone(bytes: &[u8]) -> Option<(SessionId, Stored)> {
    let (id, times) = bytes.get(1..)?.split_first_chunk::<{ SessionId::LEN }>()?;
    let (at, until) = times.split_first_chunk::<8>()?;
    let [at, until] =
        [*at, until.try_into().ok()?].map(|time| Timestamp::from_millis(i64::from_le_bytes(time)));
    Some((SessionId::from_bytes(*id), Stored::Tombstone(Tombstone { at, until })))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{id::WriteId, record::Lifetime, secret::Secret, testing::random::check};

    /// The offsets that `scripts/layout.lua` counts from one, here from zero.
    #[test]
    fn the_header_of_a_record_lies_where_the_scripts_look() {
        let record = Record::new(
            SessionId::from_bytes([1; 16]),
            Secret::from_bytes([2; 16]),
            WriteId::from_u64(0x0807_0605_0403_0201),
            Lifetime { idle: Duration::from_millis(300), absolute: Duration::from_millis(4000) },
            Timestamp::from_millis(50_000),
        );
        let bytes = record.encode();
        let int = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(bytes[0], 1);
        assert_eq!(bytes[2..18], [1; 16]);
        assert_eq!(int(18), 1, "counter");
        assert_eq!(bytes[26..30], [0; 4], "epoch");
        assert_eq!(bytes[30..38], [1, 2, 3, 4, 5, 6, 7, 8], "last write");
        assert_eq!([int(70), int(78), int(86)], [50_000, 300, 54_000], "last active, idle, deadline");
    }

    #[test]
    fn a_tombstone_names_its_session_and_its_times() {
        let bytes = [&[TOMBSTONE][..], &[1; 16], &5i64.to_le_bytes(), &9i64.to_le_bytes()].concat();
        let (id, Stored::Tombstone(tombstone)) = decode(&bytes).unwrap() else { panic!("it is no record") };
        assert_eq!(id, SessionId::from_bytes([1; 16]));
        assert_eq!((tombstone.at.as_millis(), tombstone.until.as_millis()), (5, 9));
        assert_eq!(decode(&bytes[..32]).unwrap_err(), InvalidRecord::Damaged);
    }

    #[test]
    fn hostile_bytes_never_panic() {
        fn holds(mut bytes: Vec<u8>) {
            let _ = decode(&bytes);
            bytes.insert(0, TOMBSTONE);
            let _ = decode(&bytes);
        }
        check(holds as fn(Vec<u8>));
    }
}
