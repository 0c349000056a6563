//! Rows to what is stored, and back.

use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::{Value, database::Row};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{InvalidRecord, Record, Version},
    store::{EndedBy, Stored, Tombstone},
    time::Timestamp,
};

/// The largest time and the longest duration that a column holds, in milliseconds: half of what an integer holds, so that no
/// statement overflows that adds two of them. It is 73 million years.
const MOST: i64 = i64::MAX / 4;

/// The arguments that `Create` and `Replace` share: the record in columns.
pub(super) fn arguments(record: &Record, now: Timestamp) -> Vec<Value> {
    vec![
        id(&record.id()),
        version(record.version()),
        i64::from(record.epoch()).into(),
        record.subject().map_or(Value::Null, subject),
        time(record.last_active()),
        duration(record.idle_timeout()),
        time(record.deadline()),
        record.encode().into(),
        time(now),
    ]
}

pub(super) fn id(id: &SessionId) -> Value {
    id.as_bytes()[..].into()
}

pub(super) fn version(version: Version) -> Value {
    [version.counter.to_le_bytes(), version.write.as_u64().to_le_bytes()].concat().into()
}

/// A subject's name is hashed, so that a copy of the index names nobody and each entry is of one length.
pub(super) fn subject(name: &str) -> Value {
    digest(&SHA256, name.as_bytes()).as_ref()[..16].into()
}

pub(super) fn time(at: Timestamp) -> Value {
    at.as_millis().clamp(-MOST, MOST).into()
}

fn duration(duration: Duration) -> Value {
    i64::try_from(duration.as_millis()).map_or(MOST, |millis| millis.min(MOST)).into()
}

pub(super) fn ended_by(by: EndedBy) -> Value {
    i64::from(by == EndedBy::Client).into()
}

/// The row that `Read` returns.
pub(super) fn stored(session: &SessionId, row: Row) -> Result<Stored, StoreError> {
    let [bytes, last_active, deadline, ended_at, ended_by] = columns(row)?;
    if ended_at == Value::Null {
        return record(Record::decode(&bytes.bytes()?), last_active).map(Stored::Record);
    }
    let [at, until] = [ended_at, deadline].map(|value| value.integer().map(Timestamp::from_millis));
    let by = if ended_by.integer()? == 1 { EndedBy::Client } else { EndedBy::Other };
    Ok(Stored::Tombstone(Tombstone { id: *session, at: at?, until: until?, by }))
}

/// A row that `List` returns: a record without its data.
pub(super) fn head(row: Row) -> Result<Record, StoreError> {
    let [bytes, last_active] = columns(row)?;
    record(Record::decode_head(&bytes.bytes()?), last_active)
}

fn record(decoded: Result<Record, InvalidRecord>, last_active: Value) -> Result<Record, StoreError> {
    let mut record = decoded.map_err(|invalid| {
        let message = "what the database stores for this session is not a record that this version reads";
        StoreError::new(StoreErrorKind::Corrupt, message).with_source(invalid)
    })?;
    record.touch(Timestamp::from_millis(last_active.integer()?));
    Ok(record)
}

/// The number that a statement returns in its first row.
pub(super) fn number(rows: Vec<Row>) -> Result<i64, StoreError> {
    let [number] = columns(rows.into_iter().next().unwrap_or_default())?;
    number.integer()
}

fn columns<const N: usize>(row: Row) -> Result<[Value; N], StoreError> {
    row.try_into().map_err(|_| {
        StoreError::new(
            StoreErrorKind::Corrupt,
            "a statement returned another number of columns than it names",
        )
    })
}
