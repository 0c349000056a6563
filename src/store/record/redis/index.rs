//! The sessions of one subject: a sorted set of IDs, in a key of its own.
//!
//! An entry is written before its session, so a crash in between leaves an entry without a session and never a session
//! that its owner cannot end. Touches confirm it. Entries may outlive their sessions, which expire without a notification,
//! so a reader of the set looks at each session and removes the entries of those that have ended. A session that is not
//! stored may be one that is about to be written, so its entry is removed only once it is older than any write can take.
//!
//! The set lives as long as the longest of its sessions may.

use std::{cmp::Reverse, collections::HashSet, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use tracing::debug;

use super::{
    database::{Database, millis},
    reply,
    script::{COUNT, DELIST, ENLIST, ENTRIES, HEAD},
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{HEAD_LEN, Record},
    store::{MOST_LISTED, SessionIndex, SessionInfo, StoreContext, Stored},
    time::Timestamp,
};

/// A set with more entries than this is tidied whenever one is added.
const CROWDED: i64 = 64;

/// How many entries are inspected then, those confirmed the longest ago; more than the one that is added.
const TIDIED: usize = 16;

/// An entry that was confirmed within this time may belong to a session that is still being written: longer than any
/// store call takes, by clocks that differ by a minute.
const GRACE: Duration = Duration::from_secs(120);

/// How much longer than its sessions a set lives.
const MARGIN: Duration = Duration::from_secs(60);

/// The session of an entry, and when it was confirmed, as Redis writes it.
type Confirmed = (SessionId, String);

/// The outcome of inspecting entries.
struct Inspected {
    live: Vec<Record>,
    /// How many of the entries were removed.
    removed: usize,
}

#[async_trait]
impl SessionIndex for Database {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let (mut records, mut from) = (Vec::new(), 0);
        // Entries outlive their sessions: behind a thousand whose session has ended there may be one of a live session.
        loop {
            let ranks = (&*from.to_string(), &*(from + MOST_LISTED - 1).to_string());
            let entries = self.entries(subject, ranks, cx).await?;
            let read = entries.len();
            let Inspected { live, removed } = self.inspect(subject, entries, cx).await?;
            from += read - removed;
            records.extend(live);
            if read < MOST_LISTED || records.len() >= MOST_LISTED {
                break;
            }
        }
        // An entry that is confirmed meanwhile moves to the front, so another one may have been read twice.
        let mut seen = HashSet::new();
        records.retain(|record| seen.insert(record.id()));
        records.sort_by_key(|record| Reverse(record.created_at()));
        Ok(records.iter().map(SessionInfo::of).collect())
    }

    /// The number of entries, some of which may have outlived their sessions.
    async fn count(&self, subject: &str, cx: StoreContext) -> Result<usize, StoreError> {
        let key = self.keys.subject(subject);
        self.run(COUNT.on(&key, []), cx, reply::count).await
    }
}

impl Database {
    /// Adds a session to its subject's set; without a subject there is nothing to do.
    pub(super) async fn enlist(&self, record: &Record, cx: StoreContext) -> Result<(), StoreError> {
        let Some(subject) = record.subject() else { return Ok(()) };
        let (id, now) = (record.id().to_string(), millis(cx.now));
        // The server refuses larger expiries; this one is thirty thousand years.
        let life =
            (record.deadline().since(cx.now) + MARGIN).as_millis().min(1_000_000_000_000_000).to_string();
        let key = self.keys.subject(subject);
        let call = ENLIST.on(&key, [id.as_bytes(), now.as_bytes(), life.as_bytes()]);
        let entries = self.run(call, cx, reply::enlist).await?;
        if entries > CROWDED
            && let Err(error) = self.tidy(subject, cx).await
        {
            // No reason to refuse a login: another session of the subject may be damaged.
            debug!(%error, "the index of a subject with many sessions was not tidied");
        }
        // After this the session is written. It must not happen so late that its entry counts as abandoned.
        if cx.deadline.is_over() {
            return Err(StoreError::new(StoreErrorKind::Timeout, "Redis did not answer before the deadline"));
        }
        Ok(())
    }

    /// Removes an ended session from its subject's set. A failure leaves an entry that is never shown.
    pub(super) async fn delist(&self, subject: &str, id: &SessionId, cx: StoreContext) {
        let remove = redis::Cmd::zrem(self.keys.subject(subject), id.to_string());
        if let Err(error) = self.command(remove, cx, reply::zrem).await {
            debug!(%error, session = %id, "an ended session was not removed from its subject's index");
        }
    }

    /// Inspects the entries confirmed the longest ago, so that a set does not grow by ended sessions.
    async fn tidy(&self, subject: &str, cx: StoreContext) -> Result<(), StoreError> {
        let oldest = self.entries(subject, (&format!("-{TIDIED}"), "-1"), cx).await?;
        self.inspect(subject, oldest, cx).await.map(drop)
    }

    async fn entries(
        &self,
        subject: &str,
        ranks: (&str, &str),
        cx: StoreContext,
    ) -> Result<Vec<Confirmed>, StoreError> {
        let key = self.keys.subject(subject);
        let call = ENTRIES.on(&key, [ranks.0.as_bytes(), ranks.1.as_bytes()]);
        self.run(call, cx, reply::entries).await
    }

    /// The live sessions of entries; entries without one are removed.
    async fn inspect(
        &self,
        subject: &str,
        entries: Vec<Confirmed>,
        cx: StoreContext,
    ) -> Result<Inspected, StoreError> {
        let sessions = join_all(entries.iter().map(|(id, _)| self.head(id, cx))).await;
        let (mut live, mut ended) = (Vec::new(), Vec::new());
        for (entry, stored) in entries.iter().zip(sessions) {
            match stored? {
                Some(Stored::Record(record))
                    if record.subject() == Some(subject) && !record.is_expired(cx.now) =>
                {
                    live.push(record);
                }
                Some(Stored::Tombstone(_)) => ended.push(entry),
                _ if is_old(entry, cx.now) => ended.push(entry),
                _ => {}
            }
        }
        if !ended.is_empty() {
            self.remove(subject, &ended, cx).await?;
        }
        // An entry that was confirmed meanwhile was not removed, but it has moved to the front.
        Ok(Inspected { live, removed: ended.len() })
    }

    /// What is stored under the key of a session, without its data: a list need not read all that its sessions hold.
    async fn head(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        let (key, last) = (self.keys.session(id), (HEAD_LEN - 1).to_string());
        let call = HEAD.on(&key, [last.as_bytes()]);
        self.run(call, cx, |parts| reply::head(parts, id)).await
    }

    async fn remove(
        &self,
        subject: &str,
        entries: &[&Confirmed],
        cx: StoreContext,
    ) -> Result<(), StoreError> {
        let ids: Vec<_> = entries.iter().map(|(id, _)| id.to_string()).collect();
        let args: Vec<_> =
            ids.iter().zip(entries).flat_map(|(id, (_, at))| [id.as_bytes(), at.as_bytes()]).collect();
        let key = self.keys.subject(subject);
        self.run(DELIST.on(&key, args), cx, reply::delist).await
    }
}

fn is_old((_, confirmed): &Confirmed, now: Timestamp) -> bool {
    confirmed.parse().is_ok_and(|at| now.since(Timestamp::from_millis(at)) > GRACE)
}
