//! Flaws of the index.

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore as _, StoreError,
    record::{Record, Version},
    store::{End, Ended, Replaced, SessionIndex as _, SessionInfo, StoreContext},
    time::Timestamp,
};

use super::Flaw;
use crate::plain::Plain;

/// Lists sessions that have ended, from memory.
#[derive(Debug, Default)]
pub(crate) struct ListsEnded(Mutex<HashMap<SessionId, Record>>);

#[async_trait]
impl Flaw for ListsEnded {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        if let Ok(record) = good.live(&end.id, cx.now)? {
            self.0.lock().unwrap().insert(end.id, record);
        }
        good.end(end, cx).await
    }

    async fn list(
        &self,
        good: &Plain,
        subject: &str,
        cx: StoreContext,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        let mut sessions = good.list(subject, cx).await?;
        let ended = self.0.lock().unwrap();
        sessions
            .extend(ended.values().filter(|record| record.subject() == Some(subject)).map(SessionInfo::of));
        Ok(sessions)
    }
}

/// Lists a session under every subject that it ever had.
#[derive(Debug, Default)]
pub(crate) struct ListsFormerSubjects(Mutex<Vec<(String, SessionId)>>);

#[async_trait]
impl Flaw for ListsFormerSubjects {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let subject = record.subject().map(|subject| (subject.to_owned(), record.id()));
        self.0.lock().unwrap().extend(subject);
        good.replace(record, expected, cx).await
    }

    async fn list(
        &self,
        good: &Plain,
        subject: &str,
        cx: StoreContext,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        let mut sessions = good.list(subject, cx).await?;
        let entries = self.0.lock().unwrap().clone();
        for (_, id) in entries.iter().filter(|(entry, _)| entry == subject) {
            if let Ok(record) = good.live(id, cx.now)?
                && sessions.iter().all(|session| session.id() != *id)
            {
                sessions.push(SessionInfo::of(&record));
            }
        }
        Ok(sessions)
    }
}

/// Lists the oldest first.
#[derive(Debug, Default)]
pub(crate) struct ListsTheOldestFirst;

#[async_trait]
impl Flaw for ListsTheOldestFirst {
    async fn list(
        &self,
        good: &Plain,
        subject: &str,
        cx: StoreContext,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        good.list(subject, cx).await.map(|sessions| sessions.into_iter().rev().collect())
    }
}

/// Takes subjects for the beginnings of names.
#[derive(Debug, Default)]
pub(crate) struct ListsByPrefix;

#[async_trait]
impl Flaw for ListsByPrefix {
    async fn list(
        &self,
        good: &Plain,
        subject: &str,
        cx: StoreContext,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        let ids: Vec<_> = good.rows()?.keys().copied().collect();
        let found = ids.iter().filter_map(|id| good.live(id, cx.now).ok()?.ok());
        let of = |record: &Record| record.subject().is_some_and(|name| name.starts_with(subject));
        let mut records: Vec<_> = found.filter(of).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.created_at()));
        Ok(records.iter().map(SessionInfo::of).collect())
    }
}

/// Declares an index and has none.
#[derive(Debug, Default)]
pub(crate) struct HasNoIndex;

impl Flaw for HasNoIndex {
    fn has_index(&self) -> bool {
        false
    }
}

/// Lists sessions that have expired.
#[derive(Debug, Default)]
pub(crate) struct ListsExpired;

#[async_trait]
impl Flaw for ListsExpired {
    async fn list(
        &self,
        good: &Plain,
        subject: &str,
        cx: StoreContext,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        let earlier = Timestamp::from_millis(cx.now.as_millis() - 60_000);
        good.list(subject, StoreContext::new(earlier, cx.deadline)).await
    }
}

/// Counts one session less than there are.
#[derive(Debug, Default)]
pub(crate) struct CountsTooFew;

#[async_trait]
impl Flaw for CountsTooFew {
    async fn count(&self, good: &Plain, subject: &str, cx: StoreContext) -> Result<usize, StoreError> {
        Ok(good.count(subject, cx).await?.saturating_sub(1))
    }
}
