//! Reading replies. Each script repeats a tag of its call, and each record names its session, so the reply to another
//! call is noticed. What cannot be noticed is another call's "nothing there" to a `GET`: it names nobody.

use redis::Value;

use super::stored::{Stored, Unread};
use crate::{id::SessionId, record::Record, store::Absence};

/// The outcome of a swap.
#[derive(Debug)]
pub(super) enum Swap {
    Done,
    Absent,
    Found(Stored),
}

/// The outcome of a touch.
#[derive(Debug)]
pub(super) enum Touching {
    Done,
    Rotated,
    Gone(Absence),
    Ended(Stored),
}

/// The outcome of an end.
#[derive(Debug)]
pub(super) enum Ending {
    /// With the record that stood there, if it can be read.
    Done(Option<Record>),
    Already,
}

/// The reply to `GET`.
pub(super) fn stored(reply: &Value, id: &SessionId) -> Result<Option<Stored>, Unread> {
    match reply {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Stored::read(bytes, id).map(Some),
        _ => Err(Unread::Foreign),
    }
}

pub(super) fn swap(reply: Value, tag: &[u8], id: &SessionId) -> Result<Swap, Unread> {
    match tagged(&reply, tag)? {
        (b"done", _) => Ok(Swap::Done),
        (b"absent", _) => Ok(Swap::Absent),
        (b"found", Some(bytes)) => Stored::read(bytes, id).map(Swap::Found),
        _ => Err(Unread::Foreign),
    }
}

pub(super) fn touching(reply: Value, id: &SessionId) -> Result<Touching, Unread> {
    match tagged(&reply, id.as_bytes())? {
        (b"touched", _) => Ok(Touching::Done),
        (b"absent", _) => Ok(Touching::Gone(Absence::Unknown)),
        (b"expired", _) => Ok(Touching::Gone(Absence::Expired)),
        (b"rotated", _) => Ok(Touching::Rotated),
        (b"found", Some(bytes)) => Stored::read(bytes, id).map(Touching::Ended),
        _ => Err(Unread::Foreign),
    }
}

pub(super) fn ending(reply: Value, id: &SessionId) -> Result<Ending, Unread> {
    match tagged(&reply, id.as_bytes())? {
        (b"already", _) => Ok(Ending::Already),
        (b"ended", stood) => Ok(Ending::Done(stood.and_then(|bytes| Record::decode(bytes).ok()))),
        // It is no tombstone and no record of this version: to read it says why.
        (b"found", Some(bytes)) => Stored::read(bytes, id).and(Err(Unread::Foreign)),
        _ => Err(Unread::Foreign),
    }
}

/// The entries of a subject's page, and when each was confirmed.
pub(super) fn page(reply: Value, tag: &[u8]) -> Result<Vec<(SessionId, String)>, Unread> {
    let Value::Array(parts) = &reply else { return Err(Unread::Foreign) };
    let mut texts = parts.iter().map(|part| match part {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).map_err(|_| Unread::Foreign),
        _ => Err(Unread::Foreign),
    });
    if texts.next().transpose()?.map(str::as_bytes) != Some(tag) {
        return Err(Unread::Foreign);
    }
    let mut page = Vec::with_capacity(parts.len() / 2);
    while let (Some(id), Some(at)) = (texts.next().transpose()?, texts.next().transpose()?) {
        page.push((id.parse().map_err(|_| Unread::Foreign)?, at.to_owned()));
    }
    Ok(page)
}

/// The number of entries on a subject's page.
pub(super) fn entries(reply: Value, tag: &[u8]) -> Result<i64, Unread> {
    match &reply {
        Value::Array(parts) => match &parts[..] {
            [Value::BulkString(echo), Value::Int(entries)] if echo == tag => Ok(*entries),
            _ => Err(Unread::Foreign),
        },
        _ => Err(Unread::Foreign),
    }
}

/// What a script says, and what it adds, if the reply is its own.
fn tagged<'a>(reply: &'a Value, tag: &[u8]) -> Result<(&'a [u8], Option<&'a [u8]>), Unread> {
    let Value::Array(parts) = reply else { return Err(Unread::Foreign) };
    match &parts[..] {
        [Value::BulkString(echo), Value::BulkString(says)] if echo == tag => Ok((says, None)),
        [Value::BulkString(echo), Value::BulkString(says), Value::BulkString(adds)] if echo == tag => {
            Ok((says, Some(adds)))
        }
        _ => Err(Unread::Foreign),
    }
}
