//! Flaws of expiry, touches and clocks.

use std::{collections::HashSet, sync::Mutex};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore as _, StoreError,
    record::{Record, Version},
    store::{
        Absence, Created, Loaded, PresentedToken, Replaced, StoreContext, Stored, Touched, authenticate,
    },
    time::Timestamp,
};

use super::{Flaw, live, named};
use crate::plain::{Plain, stored};

/// Lets sessions in that have expired.
#[derive(Debug, Default)]
pub(crate) struct IgnoresExpiry;

#[async_trait]
impl Flaw for IgnoresExpiry {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let expired = named(presented).filter(|_| good.rows().is_ok()).and_then(|token| {
            let Stored::Record(record) = good.rows().unwrap().get(&token.id()).map(|row| stored(row))? else {
                return None;
            };
            Some(authenticate(&record, &token, record.created_at()))
        });
        if let Some(Loaded::Live { record, .. }) = expired {
            return Ok(live(record));
        }
        good.load(presented, cx).await
    }
}

/// Looks at the deadline only.
#[derive(Debug, Default)]
pub(crate) struct IgnoresIdleTimeout;

#[async_trait]
impl Flaw for IgnoresIdleTimeout {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        match IgnoresExpiry.load(good, presented, cx).await? {
            Loaded::Live { record, .. } if cx.now >= record.deadline() => {
                Ok(Loaded::Absent(Absence::Expired))
            }
            answer => Ok(answer),
        }
    }
}

/// Saves and touches what has expired.
#[derive(Debug, Default)]
pub(crate) struct RevivesExpired;

#[async_trait]
impl Flaw for RevivesExpired {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Gone(Absence::Expired) => {
                good.put(record)?;
                Ok(Replaced::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Removes all that has expired whenever a session begins.
#[derive(Debug, Default)]
pub(crate) struct SweepsEverything;

#[async_trait]
impl Flaw for SweepsEverything {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let is_expired =
            |row: &Vec<u8>| matches!(stored(row), Stored::Record(record) if record.is_expired(cx.now));
        good.rows()?.retain(|_, row| !is_expired(row));
        good.create(record, cx).await
    }
}

/// Removes sessions that claim to begin later than now.
#[derive(Debug, Default)]
pub(crate) struct SweepsTheFuture;

#[async_trait]
impl Flaw for SweepsTheFuture {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let is_ahead =
            |row: &Vec<u8>| matches!(stored(row), Stored::Record(record) if record.created_at() > cx.now);
        good.rows()?.retain(|_, row| !is_ahead(row));
        good.create(record, cx).await
    }
}

/// What the good store loads, if `lives` says so of its record: the clock has no say.
async fn load_if(
    good: &Plain,
    presented: PresentedToken<'_>,
    cx: StoreContext,
    lives: impl Fn(&Record) -> bool + Send,
) -> Result<Loaded, StoreError> {
    match IgnoresExpiry.load(good, presented, cx).await? {
        Loaded::Live { record, .. } if !lives(&record) => Ok(Loaded::Absent(Absence::Expired)),
        Loaded::Live { record, .. } if record.is_expired(cx.now) => Ok(live(record)),
        _ => good.load(presented, cx).await,
    }
}

/// Counts the idle timeout from the beginning, used or not.
#[derive(Debug, Default)]
pub(crate) struct CountsIdleFromTheBeginning;

#[async_trait]
impl Flaw for CountsIdleFromTheBeginning {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let lives =
            |record: &Record| cx.now < record.deadline().min(record.created_at() + record.idle_timeout());
        load_if(good, presented, cx, lives).await
    }
}

/// Believes a last use that lies in the future, whatever the deadline.
#[derive(Debug, Default)]
pub(crate) struct TrustsTheFuture;

#[async_trait]
impl Flaw for TrustsTheFuture {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let lives = |record: &Record| record.last_active() > cx.now || !record.is_expired(cx.now);
        load_if(good, presented, cx, lives).await
    }
}

/// Adds times until they overflow.
#[derive(Debug, Default)]
pub(crate) struct OverflowsTimes;

#[async_trait]
impl Flaw for OverflowsTimes {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let lives = |record: &Record| {
            let idle = i64::try_from(record.idle_timeout().as_millis()).unwrap_or(i64::MAX);
            let end = record.last_active().as_millis().wrapping_add(idle);
            cx.now < record.deadline().min(Timestamp::from_millis(end))
        };
        load_if(good, presented, cx, lives).await
    }
}

/// Moves the deadline with each touch.
#[derive(Debug, Default)]
pub(crate) struct TouchesTheDeadline(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for TouchesTheDeadline {
    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.0.lock().unwrap().insert(record.id());
        good.touch(record, expected, cx).await
    }

    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let touched = named(presented).is_some_and(|token| self.0.lock().unwrap().contains(&token.id()));
        let lives = |record: &Record| {
            let idle_end = record.last_active() + record.idle_timeout();
            if touched { cx.now < idle_end } else { !record.is_expired(cx.now) }
        };
        load_if(good, presented, cx, lives).await
    }
}

/// Writes down the time that a touch brings, however old.
#[derive(Debug, Default)]
pub(crate) struct TouchesBackwards;

#[async_trait]
impl Flaw for TouchesBackwards {
    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        _: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        match good.live(&record.id(), cx.now)? {
            Ok(_) => {
                good.put(record)?;
                Ok(Touched::Done(None))
            }
            Err(absence) => Ok(Touched::Gone(absence)),
        }
    }
}

/// Touches without a look whether there is a session.
#[derive(Debug, Default)]
pub(crate) struct TouchesWhatIsGone;

#[async_trait]
impl Flaw for TouchesWhatIsGone {
    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        match good.touch(record, expected, cx).await? {
            Touched::Gone(_) => {
                good.put(record)?;
                Ok(Touched::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Writes no touch down.
#[derive(Debug, Default)]
pub(crate) struct IgnoresTouches;

#[async_trait]
impl Flaw for IgnoresTouches {
    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        _: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        Ok(good.live(&record.id(), cx.now)?.map_or_else(Touched::Gone, |_| Touched::Done(None)))
    }
}
