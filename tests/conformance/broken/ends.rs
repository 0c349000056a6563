//! Flaws of ending sessions.

use std::{collections::HashSet, sync::Mutex};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore as _, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{Absence, Created, End, Ended, EndedBy, Replaced, StoreContext, Stored},
    time::Timestamp,
};

use super::Flaw;
use crate::plain::{Plain, stored};

/// Ends a session by removing it, without a trace.
#[derive(Debug, Default)]
pub(crate) struct LeavesNoTombstone;

#[async_trait]
impl Flaw for LeavesNoTombstone {
    async fn end(&self, good: &Plain, end: End, _: StoreContext) -> Result<Ended, StoreError> {
        let removed = good.rows()?.remove(&end.id);
        Ok(if removed.is_some() { Ended::Done } else { Ended::Already })
    }
}

/// Keeps no tombstone where nothing was stored.
#[derive(Debug, Default)]
pub(crate) struct EndsOnlyWhatIsThere;

#[async_trait]
impl Flaw for EndsOnlyWhatIsThere {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let nothing = !good.rows()?.contains_key(&end.id);
        if nothing { Ok(Ended::Done) } else { good.end(end, cx).await }
    }
}

/// Says every time that it has ended the session just now.
#[derive(Debug, Default)]
pub(crate) struct EndsTwice;

#[async_trait]
impl Flaw for EndsTwice {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        good.end(end, cx).await.map(|_| Ended::Done)
    }
}

/// Notes every end as one by somebody else.
#[derive(Debug, Default)]
pub(crate) struct EndsForOthers;

#[async_trait]
impl Flaw for EndsForOthers {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        good.end(End { by: EndedBy::Other, ..end }, cx).await
    }
}

/// Keeps tombstones for a day at the most.
#[derive(Debug, Default)]
pub(crate) struct ForgetsTombstones;

#[async_trait]
impl Flaw for ForgetsTombstones {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let day = std::time::Duration::from_secs(86_400);
        good.end(End { until: end.until.min(cx.now + day), ..end }, cx).await
    }
}

/// Overflows where an ID is to be blocked for ever.
#[derive(Debug, Default)]
pub(crate) struct OverflowsForEver;

#[async_trait]
impl Flaw for OverflowsForEver {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let until = Timestamp::from_millis(end.until.as_millis().wrapping_add(1));
        good.end(End { until, ..end }, cx).await
    }
}

/// Creates over tombstones.
#[derive(Debug, Default)]
pub(crate) struct CreatesOverTombstones;

#[async_trait]
impl Flaw for CreatesOverTombstones {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        if matches!(good.live(&record.id(), cx.now)?, Err(Absence::Ended { .. })) {
            good.rows()?.remove(&record.id());
        }
        good.create(record, cx).await
    }
}

/// A save that has begun before the end brings the session back.
#[derive(Debug, Default)]
pub(crate) struct SavesOverTombstones;

#[async_trait]
impl Flaw for SavesOverTombstones {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Gone(Absence::Ended { .. }) => {
                good.put(record)?;
                Ok(Replaced::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Says that it has ended a session, and does nothing.
#[derive(Debug, Default)]
pub(crate) struct EndsNothing(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for EndsNothing {
    async fn end(&self, good: &Plain, end: End, _: StoreContext) -> Result<Ended, StoreError> {
        drop(good.rows()?);
        Ok(if self.0.lock().unwrap().insert(end.id) { Ended::Done } else { Ended::Already })
    }
}

/// Ends all sessions with each.
#[derive(Debug, Default)]
pub(crate) struct EndsEverything;

#[async_trait]
impl Flaw for EndsEverything {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let ended = good.end(end, cx).await?;
        good.rows()?.retain(|_, row| matches!(stored(row), Stored::Tombstone(_)));
        Ok(ended)
    }
}

/// Fails to end what has ended.
#[derive(Debug, Default)]
pub(crate) struct FailsToEndTwice;

#[async_trait]
impl Flaw for FailsToEndTwice {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        match good.end(end, cx).await? {
            Ended::Already => Err(StoreError::new(StoreErrorKind::Corrupt, "there is nothing to end")),
            ended => Ok(ended),
        }
    }
}
