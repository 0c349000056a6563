//! The binary form of a record, for stores that keep it outside the process. Version 1.
//!
//! ```text
//! version 1 | flags u8 | id 16 | counter u64 | epoch u32
//! writes 4 × u64, unless flagged as sealed
//! created i64 | last active i64 | idle ms i64 | deadline i64 | authenticated i64, if flagged | revocation sequence u64, if flagged
//! hash of the secret 32, unless flagged as sealed
//! replaced secrets, if flagged: u8 number, each hash 32 | at i64 | honoured until i64, the least for never | clock u64
//! subject: u16 length, bytes, if flagged; with the highest bit of the length the same follows of whom it acts as
//! extra: u32 length, bytes    what a newer version 1 writer added; kept when the record is rewritten
//! data: the rest
//! ```
//!
//! A record that its client carries under a seal needs no secret and remembers no writes. The flags of a session that
//! is moving keep servers that know nothing of moves from taking such a record for the session.
//!
//! Integers are little endian. Secrets leave the process only as hashes. What is read here may be hostile: every
//! length is checked, unknown versions and flags are refused, and nothing is overwritten because of it.

use std::sync::Arc;

use super::{
    Credentials, Data, Inner, MigrationState, REMEMBERED_WRITES, Record, Subject,
    credentials::{ClockId, Kept, MAX_REPLACED, Replaced},
};
use crate::{
    id::{SessionId, WriteId},
    secret::SecretHash,
    time::{Millis, Timestamp},
};

const VERSION: u8 = 1;

const REMEMBERED: u8 = 1;
const AUTHENTICATED: u8 = 2;
const REPLACED: u8 = 4;
const SUBJECT: u8 = 8;
const SEALED: u8 = 16;
const ARRIVING: u8 = 32;
const LEFT: u8 = 64;
const SEQUENCE: u8 = 128;

/// The most bytes that [`Record::encode_sealed`] appends, beside the record's [`variable_len`](Record::variable_len).
#[cfg(feature = "sealed")]
pub const SEALED_OVERHEAD: usize = 1 + 1 + 16 + 8 + 4 + 6 * 8 + 2 + 2 + 4;

/// The bytes of one replaced secret.
const REPLACED_LEN: usize = SecretHash::LEN + 3 * 8;

/// In the length of a subject: it acts as another one.
const ACTS: u16 = 1 << 15;

/// How many bytes of a record [`Record::decode_head`] needs at most.
pub const HEAD_LEN: usize = 2048;

/// The bytes are no record of a format that this version reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// A newer cloakroom wrote it. Upgrade this server; the record is left as it is.
    #[error("the record is of format version {0}, which this version does not read")]
    UnknownVersion(u8),
    /// It is damaged.
    #[error("the record is damaged")]
    Damaged,
}

impl Record {
    /// The record in bytes, its secrets hashed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.variable_len());
        let credentials = &self.0.credentials;
        let replaced = if credentials.replaced.is_some() { REPLACED } else { 0 };
        self.push_head(&mut out, replaced | whereabouts_flag(self.0.migration_state));
        self.0.writes.iter().for_each(|write| out.extend_from_slice(&write.as_u64().to_le_bytes()));
        self.push_times(&mut out);
        push_credentials(&mut out, credentials);
        self.push_rest(&mut out);
        out
    }

    /// Appends the record as its client carries it, to be encrypted or signed: for a [`Seal`](crate::store::Seal).
    ///
    /// It has no secret, because the seal is what opens it, and remembers no writes. [`decode`](Self::decode) reads it, once
    /// the seal has been verified.
    #[cfg(feature = "sealed")]
    pub fn encode_sealed(&self, out: &mut Vec<u8>) {
        self.push_head(out, SEALED);
        self.push_times(out);
        self.push_rest(out);
    }

    /// How many bytes [`encode`](Self::encode) makes, without making them.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        const FIXED: usize = 1 + 1 + 16 + 8 + 4 + 8 * REMEMBERED_WRITES + 4 * 8 + SecretHash::LEN + 4;
        let replaced = self.0.credentials.replaced().len();
        let subjects = [self.subject(), self.acting_as()].into_iter().flatten().count();
        FIXED
            + if self.0.authenticated_at.is_some() { 8 } else { 0 }
            + if replaced > 0 { 1 + replaced * REPLACED_LEN } else { 0 }
            + 2 * subjects
            + self.variable_len()
    }

    fn push_head(&self, out: &mut Vec<u8>, flags: u8) {
        let inner = &*self.0;
        let flag = |yes: bool, flag: u8| if yes { flag } else { 0 };
        out.push(VERSION);
        out.push(
            flags
                | flag(inner.remembered, REMEMBERED)
                | flag(inner.authenticated_at.is_some(), AUTHENTICATED)
                | flag(inner.subject.is_some(), SUBJECT)
                | flag(inner.sequence != 0, SEQUENCE),
        );
        out.extend_from_slice(inner.id.as_bytes());
        out.extend_from_slice(&inner.version.to_le_bytes());
        out.extend_from_slice(&inner.epoch.to_le_bytes());
    }

    fn push_times(&self, out: &mut Vec<u8>) {
        let inner = &*self.0;
        push_time(out, inner.created_at);
        push_time(out, inner.last_active);
        out.extend_from_slice(&inner.idle.get().to_le_bytes());
        push_time(out, inner.deadline);
        inner.authenticated_at.iter().for_each(|at| push_time(out, *at));
        if inner.sequence != 0 {
            out.extend_from_slice(&inner.sequence.to_le_bytes());
        }
    }

    fn push_rest(&self, out: &mut Vec<u8>) {
        let inner = &*self.0;
        if let Some(subject) = &inner.subject {
            push_subject(out, subject, if inner.acting_as.is_some() { ACTS } else { 0 });
            inner.acting_as.iter().for_each(|acting| push_subject(out, acting, 0));
        }
        let extra = inner.extra.as_deref().map_or(&[][..], Vec::as_slice);
        out.extend_from_slice(&u32::try_from(extra.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(extra);
        out.extend_from_slice(inner.data.as_bytes());
    }

    /// Reads all but the data from the first bytes of what [`encode`](Self::encode) wrote: for a list of sessions, which needs no
    /// data.
    ///
    /// The first [`HEAD_LEN`] bytes suffice. The result has no data, so it must never be written.
    ///
    /// # Errors
    /// [`InvalidRecord`] if it is of another version or damaged.
    pub fn decode_head(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => decode_head(&mut Reader(rest))
                .map(|inner| Self(Arc::new(inner)))
                .ok_or(InvalidRecord::Damaged),
            Some((&version, _)) => Err(InvalidRecord::UnknownVersion(version)),
            None => Err(InvalidRecord::Damaged),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote, in this version or an earlier one. Hostile bytes are refused, not trusted.
    ///
    /// # Errors
    /// [`InvalidRecord`] if it is of another version or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => decode_v1(&mut Reader(rest)).ok_or(InvalidRecord::Damaged),
            Some((&version, _)) => Err(InvalidRecord::UnknownVersion(version)),
            None => Err(InvalidRecord::Damaged),
        }
    }
}

const fn whereabouts_flag(migration_state: MigrationState) -> u8 {
    match migration_state {
        MigrationState::Resident => 0,
        MigrationState::Arriving => ARRIVING,
        MigrationState::Departed => LEFT,
    }
}

fn push_time(out: &mut Vec<u8>, at: Timestamp) {
    out.extend_from_slice(&at.as_millis().to_le_bytes());
}

fn push_subject(out: &mut Vec<u8>, subject: &Subject, mark: u16) {
    // `log_in` refuses a longer subject.
    let len = u16::try_from(subject.as_str().len()).unwrap_or(u16::MAX).min(ACTS - 1);
    out.extend_from_slice(&(len | mark).to_le_bytes());
    out.extend_from_slice(&subject.as_str().as_bytes()[..usize::from(len)]);
}

fn push_credentials(out: &mut Vec<u8>, credentials: &Credentials) {
    push_hash(out, &credentials.current);
    let Some(replaced) = &credentials.replaced else { return };
    // There are no more than `MAX_REPLACED`.
    out.push(u8::try_from(replaced.len()).unwrap_or(u8::MAX));
    for Replaced { secret, at, honoured_until, clock } in replaced.iter() {
        push_hash(out, secret);
        push_time(out, *at);
        push_time(out, honoured_until.unwrap_or(Timestamp::MIN));
        out.extend_from_slice(&clock.0.to_le_bytes());
    }
}

/// The hash of a secret; where there is none, bytes that are the hash of nothing.
fn push_hash(out: &mut Vec<u8>, kept: &Kept) {
    match kept.hash() {
        Some(hash) => out.extend_from_slice(hash.as_bytes()),
        None => out.extend_from_slice(&[0; SecretHash::LEN]),
    }
}

fn decode_v1(reader: &mut Reader<'_>) -> Option<Record> {
    let mut inner = decode_head(reader)?;
    inner.extra = reader.extra()?;
    inner.data = Data::from_bytes(reader.0).ok()?;
    Some(Record(Arc::new(inner)))
}

/// All of a record but what stands behind its subject.
fn decode_head(reader: &mut Reader<'_>) -> Option<Inner> {
    let [flags] = reader.array()?;
    let has = |flag| flags & flag != 0;
    if has(SEALED) && has(REPLACED | ARRIVING | LEFT) {
        return None;
    }
    let migration_state = match flags & (ARRIVING | LEFT) {
        0 => MigrationState::Resident,
        ARRIVING => MigrationState::Arriving,
        LEFT => MigrationState::Departed,
        _ => return None,
    };
    let mut inner = Inner {
        id: SessionId::from_bytes(reader.array()?),
        version: u64::from_le_bytes(reader.array()?),
        epoch: u32::from_le_bytes(reader.array()?),
        writes: if has(SEALED) { [WriteId::from_u64(0); REMEMBERED_WRITES] } else { reader.writes()? },
        remembered: has(REMEMBERED),
        migration_state,
        lifetime_changed: false,
        created_at: reader.time()?,
        last_active: reader.time()?,
        idle: Millis::new(i64::from_le_bytes(reader.array()?))?,
        deadline: reader.time()?,
        authenticated_at: if has(AUTHENTICATED) { Some(reader.time()?) } else { None },
        sequence: if has(SEQUENCE) { u64::from_le_bytes(reader.array()?) } else { 0 },
        credentials: Credentials {
            current: if has(SEALED) {
                Kept::Nothing
            } else {
                Kept::Hashed(SecretHash::from_bytes(reader.array()?))
            },
            fresh: false,
            due: false,
            replaced: if has(REPLACED) { Some(Arc::new(reader.replaced()?)) } else { None },
        },
        subject: None,
        acting_as: None,
        extra: None,
        data: Data::default(),
    };
    if has(SUBJECT) {
        let (subject, acts) = reader.subject()?;
        inner.subject = Some(subject);
        inner.acting_as = if acts { Some(Box::new(reader.acting()?)) } else { None };
    }
    Some(inner)
}

/// The bytes that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.array().map(|bytes| Timestamp::from_millis(i64::from_le_bytes(bytes)))
    }

    fn writes(&mut self) -> Option<[WriteId; REMEMBERED_WRITES]> {
        let mut writes = [WriteId::from_u64(0); REMEMBERED_WRITES];
        for write in &mut writes {
            *write = WriteId::from_u64(u64::from_le_bytes(self.array()?));
        }
        Some(writes)
    }

    fn replaced(&mut self) -> Option<Vec<Replaced>> {
        let [number] = self.array()?;
        if !(1..=MAX_REPLACED).contains(&usize::from(number)) {
            return None;
        }
        let secret = |reader: &mut Self| {
            Some(Replaced {
                secret: Kept::Hashed(SecretHash::from_bytes(reader.array()?)),
                at: reader.time()?,
                honoured_until: Some(reader.time()?).filter(|until| *until != Timestamp::MIN),
                clock: ClockId(u64::from_le_bytes(reader.array()?)),
            })
        };
        (0..number).map(|_| secret(self)).collect()
    }

    /// A subject, and whether it acts as another one.
    fn subject(&mut self) -> Option<(Subject, bool)> {
        let len = u16::from_le_bytes(self.array()?);
        let name = self.take(usize::from(len & !ACTS))?;
        Some((Subject::new(std::str::from_utf8(name).ok()?), len & ACTS != 0))
    }

    /// Whom the subject acts as.
    fn acting(&mut self) -> Option<Subject> {
        self.subject().filter(|(_, acts)| !acts).map(|(subject, _)| subject)
    }

    #[expect(clippy::option_option, reason = "the outer one is damage, the inner one absence")]
    fn extra(&mut self) -> Option<Option<Arc<Vec<u8>>>> {
        let len = u32::from_le_bytes(self.array()?);
        let extra = self.take(usize::try_from(len).ok()?)?;
        Some((!extra.is_empty()).then(|| Arc::new(extra.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        record::{Lifetime, Rotation},
        secret::Secret,
        testing::random::check,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn rich() -> Record {
        let lifetime = Lifetime { idle: Duration::from_secs(1800), absolute: Duration::from_secs(43_200) };
        let new = Record::new(
            SessionId::from_bytes([1; 16]),
            Secret::from_bytes([2; 16]),
            WriteId::from_u64(3),
            lifetime,
            NOW,
        );
        new.successor(WriteId::from_u64(4))
            .logged_in(Subject::new("alice"), NOW)
            .rotated(Secret::from_bytes([5; 16]), Rotation::with_grace(NOW, Duration::from_secs(30)))
            .remembered(true)
            .data(Data::default().with("cart", b"[1,2]").unwrap())
            .finish()
    }

    /// Written by format version 1 on its first day. It must stay readable for ever.
    const GOLDEN: &str = include_str!("golden_v1.hex");

    fn golden() -> Vec<u8> {
        GOLDEN.trim().as_bytes().chunks(2).map(|pair| crate::hex::parse::<1>(pair).unwrap()[0]).collect()
    }

    #[test]
    fn records_of_format_version_1_stay_readable() {
        let record = Record::decode(&golden()).unwrap();
        assert_eq!(record.encode(), rich().encode());
        assert_eq!(record.subject(), Some("alice"));
        assert_eq!(record.data().get("cart"), Some(&b"[1,2]"[..]));
        assert_eq!(
            record.compare_secret(&Secret::from_bytes([5; 16]), NOW),
            super::super::SecretMatch::Current
        );
        assert_eq!(
            record.compare_secret(&Secret::from_bytes([2; 16]), NOW),
            super::super::SecretMatch::Previous
        );
    }

    #[test]
    fn every_prefix_of_the_fixed_part_and_every_unknown_version_is_refused() {
        let bytes = rich().encode();
        let data_len = rich().data().len();
        for end in 0..bytes.len() - data_len {
            assert!(Record::decode(&bytes[..end]).is_err(), "{end}");
        }
        let mut newer = bytes;
        newer[0] = 2;
        assert_eq!(Record::decode(&newer).unwrap_err(), InvalidRecord::UnknownVersion(2));
    }

    fn acting() -> Record {
        let write = WriteId::from_u64(7);
        rich().successor(write).acting(Some(Subject::new("bob"))).finish()
    }

    #[test]
    fn who_acts_and_as_whom_is_read_again() {
        let mut sealed = Vec::new();
        acting().encode_sealed(&mut sealed);
        for bytes in [acting().encode(), sealed] {
            let read = Record::decode(&bytes).unwrap();
            assert_eq!((read.subject(), read.acting_as()), (Some("alice"), Some("bob")));
        }
    }

    #[test]
    fn the_head_of_a_record_is_all_but_its_data() {
        let secret = |byte: u8| Secret::from_bytes([byte; 16]);
        let renewed = (0..=u8::MAX).fold(rich(), |record, byte| {
            let rotation = Rotation::with_grace(NOW, Duration::from_secs(30));
            record.successor(WriteId::from_u64(byte.into())).rotated(secret(byte), rotation).finish()
        });
        let longest = Subject::new(&"s".repeat(crate::record::MAX_SUBJECT_LEN));
        let large = renewed
            .successor(WriteId::from_u64(7))
            .logged_in(longest.clone(), NOW)
            .acting(Some(longest))
            .data(Data::default().with("cart", &[b'1'; 5000]).unwrap())
            .finish();
        for record in [rich(), acting(), large] {
            let bytes = record.encode();
            let head = Record::decode_head(&bytes[..bytes.len().min(HEAD_LEN)]).unwrap();
            assert_eq!(head.subject(), record.subject());
            assert_eq!(head.acting_as(), record.acting_as());
            assert_eq!((head.id(), head.expires_at()), (record.id(), record.expires_at()));
            assert!(head.data().is_empty());
        }
        assert!(Record::decode_head(&rich().encode()[..60]).is_err());
    }

    #[test]
    fn what_a_newer_writer_added_survives_a_rewrite() {
        let mut record = rich();
        Arc::make_mut(&mut record.0).extra = Some(Arc::new(b"from the future".to_vec()));
        let read = Record::decode(&record.encode()).unwrap();
        let rewritten = Record::decode(&read.successor(WriteId::from_u64(9)).finish().encode()).unwrap();
        assert_eq!(rewritten.0.extra.as_deref().map(Vec::as_slice), Some(&b"from the future"[..]));
    }

    #[test]
    fn the_length_is_known_without_the_bytes() {
        let plain = Record::new(
            SessionId::from_bytes([1; 16]),
            Secret::from_bytes([2; 16]),
            WriteId::from_u64(3),
            Lifetime { idle: Duration::from_secs(1), absolute: Duration::from_secs(1) },
            NOW,
        );
        let mut extended = rich();
        Arc::make_mut(&mut extended.0).extra = Some(Arc::new(b"from the future".to_vec()));
        for record in [plain, rich(), acting(), extended] {
            assert_eq!(record.encoded_len(), record.encode().len());
        }
    }

    #[test]
    fn no_secret_stands_in_the_bytes() {
        let bytes = rich().encode();
        for secret in [[2u8; 16], [5u8; 16]] {
            assert!(!bytes.windows(16).any(|window| window == secret));
        }
    }

    #[test]
    #[cfg(feature = "sealed")]
    fn a_record_that_its_client_carries_keeps_all_but_its_secret_and_its_writes() {
        let record = rich();
        let mut bytes = Vec::new();
        record.encode_sealed(&mut bytes);
        assert!(bytes.len() <= SEALED_OVERHEAD + record.variable_len());
        let read = Record::decode(&bytes).unwrap();
        let mut again = Vec::new();
        read.encode_sealed(&mut again);
        assert_eq!(again, bytes);
        assert_eq!((read.id(), read.subject(), read.data()), (record.id(), record.subject(), record.data()));
        assert_eq!(read.compare_secret(&Secret::from_bytes([5; 16]), NOW), super::super::SecretMatch::None);
    }

    #[test]
    fn hostile_bytes_never_panic() {
        fn holds(mut bytes: Vec<u8>) {
            let _ = Record::decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = Record::decode(&bytes);
        }
        check(holds as fn(Vec<u8>));
    }

    #[test]
    fn a_damaged_record_is_refused_or_read_but_never_panics() {
        let whole = acting().encode();
        for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(record) = Record::decode(&bytes) {
                assert_eq!(record.encode(), bytes, "bit {bit} of byte {at}");
            }
        }
    }
}
