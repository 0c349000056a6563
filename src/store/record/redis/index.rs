//! The sessions of one subject: a page of IDs, in a key of its own.
//!
//! An entry is written before the session is, so a crash in between leaves an entry without a session and never a session
//! that its owner cannot end. Touches confirm it. Entries may outlive their sessions, which end by time without anybody
//! noticing, so whoever reads a page looks at each session and strikes out those that are over. A session that is not
//! there may be one that is about to be written: its entry has to be older than any write can take.
//!
//! The page lives as long as the longest of its sessions may.

use std::{cmp::Reverse, collections::HashSet, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use tracing::debug;

use super::{
    RedisStore, answer,
    link::{IfLost, Question},
    millis,
    script::{ENTER, PAGE, STRIKE},
    stored::Stored,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::Record,
    store::{MOST_LISTED, SessionIndex, SessionInfo, StoreContext},
    time::Timestamp,
};

/// A page with more entries than this is tidied whenever one is added.
const CROWDED: i64 = 64;

/// How many entries are looked at then, those confirmed the longest ago; more than the one that is added.
const TIDIED: usize = 16;

/// An entry that was confirmed within this time may belong to a session that is still being written: longer than any
/// store call takes, by clocks that differ by a minute.
const GRACE: Duration = Duration::from_secs(120);

/// How much longer than its sessions a page lives, in milliseconds.
const MARGIN: Duration = Duration::from_secs(60);

/// An entry of a page: the session, and when it was confirmed, as Redis writes it.
type Entry = (SessionId, String);

/// What stands behind some entries.
struct Looked {
    live: Vec<Record>,
    /// How many of the entries were struck out.
    struck: usize,
}

#[async_trait]
impl SessionIndex for RedisStore {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let (mut records, mut from) = (Vec::new(), 0);
        // Entries outlive their sessions: behind a thousand that are over there may be one that is not.
        loop {
            let page =
                self.page(subject, (&from.to_string(), &(from + MOST_LISTED - 1).to_string()), cx).await?;
            let read = page.len();
            let Looked { live, struck } = self.look_at(subject, page, cx).await?;
            from += read - struck;
            records.extend(live);
            if read < MOST_LISTED || records.len() >= MOST_LISTED {
                break;
            }
        }
        // Whoever is confirmed meanwhile moves the others on, so one may have been read twice.
        let mut seen = HashSet::new();
        records.retain(|record| seen.insert(record.id()));
        records.sort_by_key(|record| Reverse(record.created_at()));
        Ok(records.iter().map(SessionInfo::of).collect())
    }
}

impl RedisStore {
    /// Enters a session on its subject's page; without a subject there is nothing to do.
    pub(super) async fn enter(&self, record: &Record, cx: StoreContext) -> Result<(), StoreError> {
        let Some(subject) = record.subject() else { return Ok(()) };
        let (id, now) = (record.id().to_string(), millis(cx.now));
        // What is larger than the server takes as an expiry is for ever to anybody.
        let life =
            (record.deadline().since(cx.now) + MARGIN).as_millis().min(1_000_000_000_000_000).to_string();
        let key = self.keys.subject(subject);
        let call = ENTER.on(&key, [id.as_bytes(), now.as_bytes(), life.as_bytes()]);
        let entries = self.run(call, cx, |reply| answer::entries(reply, id.as_bytes())).await?;
        if entries > CROWDED
            && let Err(error) = self.tidy(subject, cx).await
        {
            // No reason to refuse a login: one of its other sessions may be damaged.
            debug!(%error, "the page of a subject with many sessions was not tidied");
        }
        // After this the session is written. It must not happen so late that its entry counts as forgotten.
        if cx.deadline.is_over() {
            return Err(StoreError::new(StoreErrorKind::Timeout, "Redis did not answer before the deadline"));
        }
        Ok(())
    }

    /// Strikes a session that has ended off its subject's page. A failure leaves an entry that nobody is shown.
    pub(super) async fn leave(&self, subject: &str, id: &SessionId, cx: StoreContext) {
        let leave = redis::Cmd::zrem(self.keys.subject(subject), id.to_string());
        if let Err(error) = self.ask(&Question::Command(leave), IfLost::AskAgain, cx, |_| Ok(())).await {
            debug!(%error, session = %id, "an ended session is still on its subject's page");
        }
    }

    /// Looks at the entries confirmed the longest ago, so that a page does not grow by what is over.
    async fn tidy(&self, subject: &str, cx: StoreContext) -> Result<(), StoreError> {
        let oldest = self.page(subject, (&format!("-{TIDIED}"), "-1"), cx).await?;
        self.look_at(subject, oldest, cx).await.map(drop)
    }

    async fn page(
        &self,
        subject: &str,
        ranks: (&str, &str),
        cx: StoreContext,
    ) -> Result<Vec<Entry>, StoreError> {
        let key = self.keys.subject(subject);
        // The key is tag enough: no two pages are confused.
        let call = PAGE.on(&key, [key.as_bytes(), ranks.0.as_bytes(), ranks.1.as_bytes()]);
        self.run(call, cx, |reply| answer::page(reply, key.as_bytes())).await
    }

    /// The live sessions behind entries; entries without one are struck out.
    async fn look_at(&self, subject: &str, page: Vec<Entry>, cx: StoreContext) -> Result<Looked, StoreError> {
        let sessions = join_all(page.iter().map(|(id, _)| self.fetch(id, cx))).await;
        let (mut live, mut over) = (Vec::new(), Vec::new());
        for (entry, stored) in page.iter().zip(sessions) {
            match stored? {
                Some(Stored::Live(record))
                    if record.subject() == Some(subject) && !record.is_expired(cx.now) =>
                {
                    live.push(record);
                }
                Some(Stored::Ended { .. }) => over.push(entry),
                _ if is_old(entry, cx.now) => over.push(entry),
                _ => {}
            }
        }
        if !over.is_empty() {
            self.strike(subject, &over, cx).await?;
        }
        // One that was confirmed meanwhile was not struck out, but it has moved to the front.
        Ok(Looked { live, struck: over.len() })
    }

    async fn strike(&self, subject: &str, over: &[&Entry], cx: StoreContext) -> Result<(), StoreError> {
        let ids: Vec<_> = over.iter().map(|(id, _)| id.to_string()).collect();
        let args: Vec<_> =
            ids.iter().zip(over).flat_map(|(id, (_, at))| [id.as_bytes(), at.as_bytes()]).collect();
        let key = self.keys.subject(subject);
        self.run(STRIKE.on(&key, args), cx, |_| Ok(())).await
    }
}

fn is_old((_, confirmed): &Entry, now: Timestamp) -> bool {
    confirmed.parse().is_ok_and(|at| now.since(Timestamp::from_millis(at)) > GRACE)
}
