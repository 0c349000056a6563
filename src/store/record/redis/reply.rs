//! Reading replies. Each script repeats the tag of its call, and each record names its session, so the reply to another
//! call is noticed. Only a `GET` that finds nothing has an answer that could be another call's, so it is asked again by a
//! script.

use redis::Value;

use super::tag::Tag;
use crate::{
    id::SessionId,
    record::{InvalidRecord, Record},
    store::{Absence, Ended, RevocationPage, Revoked, Stored, Swapped, Touched},
    time::Timestamp,
};

/// Whether a call was sent more than once, so that an earlier attempt may have taken effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeated(pub(super) bool);

/// Why a reply was not understood.
#[derive(Debug)]
pub(super) enum ReplyError {
    /// It belongs to another call: replies on the connection are out of order.
    Mismatched,
    /// It is the call's own, but does not tell whether an earlier attempt took effect.
    InDoubt,
    /// What is stored is not a record that this version reads.
    Corrupt(InvalidRecord),
}

impl From<InvalidRecord> for ReplyError {
    fn from(invalid: InvalidRecord) -> Self {
        Self::Corrupt(invalid)
    }
}

/// The reply to `GET`, and to `read.lua`.
pub(super) fn get(parts: &[Value], id: &SessionId) -> Result<Option<Stored>, ReplyError> {
    match parts {
        [Value::Nil] => Ok(None),
        [Value::BulkString(bytes)] => stored(bytes, id).map(Some),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `ZREM`.
pub(super) fn zrem(parts: &[Value]) -> Result<(), ReplyError> {
    match parts {
        [Value::Int(_)] => Ok(()),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `delist.lua`.
pub(super) fn delist(parts: &[Value]) -> Result<(), ReplyError> {
    zrem(parts)
}

/// The reply to `PING` with a word, which it repeats.
pub(super) fn ping(parts: &[Value], word: &[u8]) -> Result<(), ReplyError> {
    match parts {
        [Value::BulkString(echo)] if echo == word => Ok(()),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `head.lua`: what is stored, without its data.
pub(super) fn head(parts: &[Value], id: &SessionId) -> Result<Option<Stored>, ReplyError> {
    match parts {
        [Value::BulkString(bytes)] if bytes.is_empty() => Ok(None),
        [Value::BulkString(bytes)] => named(Stored::decode_head(bytes)?, id).map(Some),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `count.lua`.
pub(super) fn count(parts: &[Value]) -> Result<usize, ReplyError> {
    match parts {
        [Value::Int(entries)] => usize::try_from(*entries).map_err(|_| ReplyError::Mismatched),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `swap.lua`.
///
/// If the call was made more than once, an earlier attempt may have been the one that wrote. The record remembers that,
/// unless so many writes have followed that it has forgotten it, which is for the engine to judge.
pub(super) fn swap(parts: &[Value], repeated: Repeated, next: &Record) -> Result<Swapped, ReplyError> {
    match verdict(parts)? {
        (b"done", _) => Ok(Swapped::Done),
        (b"absent", _) => Ok(Swapped::Found(None)),
        (b"found", Some(bytes)) => match stored(bytes, &next.id())? {
            Stored::Record(record) if repeated.0 && record.may_have_forgotten(next.version()) => {
                Err(ReplyError::InDoubt)
            }
            stored => Ok(Swapped::Found(Some(stored))),
        },
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `touch.lua`.
pub(super) fn touch(parts: &[Value], id: &SessionId, now: Timestamp) -> Result<Touched, ReplyError> {
    let absence = match verdict(parts)? {
        (b"touched", _) => return Ok(Touched::Done(None)),
        (b"absent", _) => Absence::Unknown,
        (b"expired", _) => Absence::Expired,
        (b"rotated", _) => Absence::Rotated { id: *id, at: now },
        (b"found", Some(bytes)) => stored(bytes, id)?.live(now).err().ok_or(ReplyError::Mismatched)?,
        _ => return Err(ReplyError::Mismatched),
    };
    Ok(Touched::Gone(absence))
}

/// The reply to `bury.lua`, with the record that was stored, without its data, if it can be read.
pub(super) fn bury(parts: &[Value], id: &SessionId) -> Result<(Ended, Option<Record>), ReplyError> {
    match verdict(parts)? {
        (b"already", _) => Ok((Ended::Already, None)),
        (b"ended", bytes) => Ok((Ended::Done, bytes.and_then(|bytes| Record::decode_head(bytes).ok()))),
        // It is neither a tombstone nor a record of this version: reading it tells why.
        (b"found", Some(bytes)) => stored(bytes, id).and(Err(ReplyError::Mismatched)),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `enlist.lua`: the number of entries in a subject's sorted set.
pub(super) fn enlist(parts: &[Value]) -> Result<i64, ReplyError> {
    match parts {
        [Value::Int(entries)] => Ok(*entries),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `entries.lua`: sessions of a subject, and when each entry was confirmed.
pub(super) fn entries(parts: &[Value]) -> Result<Vec<(SessionId, String)>, ReplyError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let entry = |pair: &[Value]| match pair {
        [Value::BulkString(id), Value::BulkString(at)] => Some((text(id)?.parse().ok()?, text(at)?)),
        _ => None,
    };
    parts.chunks(2).map(|pair| entry(pair).ok_or(ReplyError::Mismatched)).collect()
}

/// The reply to `append_revocation.lua`: the number of the entry.
pub(super) fn append_revocation(parts: &[Value]) -> Result<u64, ReplyError> {
    match parts {
        [Value::BulkString(number)] => parse(number).ok_or(ReplyError::Mismatched),
        _ => Err(ReplyError::Mismatched),
    }
}

/// The reply to `revocations.lua`, which has so many entries at most.
pub(super) fn revocations(parts: &[Value], most: usize) -> Result<RevocationPage, ReplyError> {
    let [Value::BulkString(newest), Value::Array(entries)] = parts else {
        return Err(ReplyError::Mismatched);
    };
    let entry = |value: &Value| match value {
        Value::BulkString(bytes) => {
            let (number, entry) = numbered(bytes).ok_or(ReplyError::Mismatched)?;
            let entry = Revoked::decode(entry).ok_or(ReplyError::Corrupt(InvalidRecord::Damaged))?;
            Ok((number, entry))
        }
        _ => Err(ReplyError::Mismatched),
    };
    let entries = entries.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let is_last = entries.len() < most;
    let read_to = match entries.last() {
        Some((number, _)) if !is_last => *number,
        _ if newest.is_empty() => 0,
        _ => numbered(newest).ok_or(ReplyError::Mismatched)?.0,
    };
    Ok(RevocationPage { entries, read_to, is_last })
}

/// An entry of the log of revocations, behind its number and the time until which it is kept.
fn numbered(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut parts = bytes.splitn(3, |byte| *byte == b':');
    let (_, number, entry) = (parts.next()?, parts.next()?, parts.next()?);
    Some((parse(number)?, entry))
}

fn parse(number: &[u8]) -> Option<u64> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// What is stored under the key of `id`.
fn stored(bytes: &[u8], id: &SessionId) -> Result<Stored, ReplyError> {
    named(Stored::decode(bytes)?, id)
}

fn named(stored: Stored, id: &SessionId) -> Result<Stored, ReplyError> {
    if stored.id() == *id { Ok(stored) } else { Err(ReplyError::Mismatched) }
}

/// A script's verdict and what comes with it.
fn verdict(parts: &[Value]) -> Result<(&[u8], Option<&[u8]>), ReplyError> {
    match parts {
        [Value::BulkString(verdict)] => Ok((verdict, None)),
        [Value::BulkString(verdict), Value::BulkString(detail)] => Ok((verdict, Some(detail))),
        _ => Err(ReplyError::Mismatched),
    }
}

/// What follows the tag in a script's reply, if it is the tag of the call.
pub(super) fn tagged(reply: &Value, tag: Tag) -> Result<&[Value], ReplyError> {
    match reply {
        Value::Array(parts) => match &parts[..] {
            [Value::BulkString(echo), rest @ ..] if echo == tag.as_bytes() => Ok(rest),
            _ => Err(ReplyError::Mismatched),
        },
        _ => Err(ReplyError::Mismatched),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        id::WriteId,
        record::Lifetime,
        secret::Secret,
        store::{End, EndedBy, Tombstone},
    };

    /// The reply to a repeated swap whose record was written by others so many times since.
    fn swapped_after(others: u64, remembered: bool) -> Result<Swapped, ReplyError> {
        let id = SessionId::from_bytes([1; 16]);
        let lifetime = Lifetime { idle: Duration::from_secs(1), absolute: Duration::from_secs(1) };
        let secret = Secret::from_bytes([2; 16]);
        let first = Record::new(id, secret, WriteId::from_u64(1), lifetime, Timestamp::from_millis(5));
        let next = first.successor(WriteId::from_u64(2)).finish();
        let mut stored = if remembered { next.clone() } else { first };
        for other in 0..others {
            stored = stored.successor(WriteId::from_u64(100 + other)).finish();
        }
        let parts = [Value::BulkString(b"found".to_vec()), Value::BulkString(stored.encode())];
        swap(&parts, Repeated(true), &next)
    }

    #[test]
    fn a_repeated_write_is_in_doubt_only_if_it_may_have_been_forgotten() {
        assert!(matches!(swapped_after(1, false), Ok(Swapped::Found(_))), "another was faster");
        assert!(matches!(swapped_after(4, false), Ok(Swapped::Found(_))));
        assert!(matches!(swapped_after(5, false), Err(ReplyError::InDoubt)));
        assert!(matches!(swapped_after(3, true), Ok(Swapped::Found(_))), "it is recognised");
        assert!(matches!(swapped_after(4, true), Err(ReplyError::InDoubt)));
    }

    #[test]
    fn what_is_stored_of_another_session_is_a_mismatched_reply() {
        let [id, other] = [1, 9].map(|byte| SessionId::from_bytes([byte; 16]));
        let lifetime = Lifetime { idle: Duration::from_secs(1), absolute: Duration::from_secs(1) };
        let secret = Secret::from_bytes([2; 16]);
        let record = Record::new(id, secret, WriteId::from_u64(1), lifetime, Timestamp::from_millis(5));
        let tombstone =
            Stored::Tombstone(Tombstone::of(End::of(&record, EndedBy::Client), record.created_at()));
        for bytes in [record.encode(), tombstone.encode()] {
            let reply = [Value::BulkString(bytes)];
            assert!(matches!(get(&reply, &id), Ok(Some(_))));
            assert!(matches!(get(&reply, &other), Err(ReplyError::Mismatched)));
        }
    }
}
