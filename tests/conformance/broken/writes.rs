//! Flaws of beginning and changing sessions.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore as _, StoreError, WriteId,
    record::{Record, Version},
    store::{Absence, Created, Loaded, PresentedToken, ReferenceToken, Replaced, StoreContext, Token},
};

use super::Flaw;
use crate::plain::Plain;

/// Replaces what is not there by creating it.
#[derive(Debug, Default)]
pub(crate) struct UpsertsOnReplace;

#[async_trait]
impl Flaw for UpsertsOnReplace {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Gone(Absence::Unknown) => {
                good.put(record)?;
                Ok(Replaced::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Writes whatever the expected version was.
#[derive(Debug, Default)]
pub(crate) struct LosesUpdates;

#[async_trait]
impl Flaw for LosesUpdates {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Conflict(stored) => good.replace(record, stored.version(), cx).await,
            answer => Ok(answer),
        }
    }
}

/// Compares how often a record was written, not by whom.
#[derive(Debug, Default)]
pub(crate) struct ComparesCountsOnly;

#[async_trait]
impl Flaw for ComparesCountsOnly {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Conflict(stored) if stored.version().counter == expected.counter => {
                good.replace(record, stored.version(), cx).await
            }
            answer => Ok(answer),
        }
    }
}

/// Keeps no more than fifteen digits of a number, as a database with a column of JSON may.
#[derive(Debug, Default)]
pub(crate) struct RoundsNumbers;

#[async_trait]
impl Flaw for RoundsNumbers {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let answer = good.replace(record, expected, cx).await;
        for row in good.rows()?.values_mut() {
            let mut digits = 0;
            for byte in row {
                digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
                if digits > 15 {
                    *byte = b'0';
                }
            }
        }
        answer
    }
}

/// Looks and writes in two steps.
#[derive(Debug, Default)]
pub(crate) struct WritesInTwoSteps;

#[async_trait]
impl Flaw for WritesInTwoSteps {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        if let Ok(stored) = good.live(&record.id(), cx.now)?
            && stored.version() == expected
        {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            good.put(record)?;
            return Ok(Replaced::Done(ReferenceToken::issue(record, None)));
        }
        good.replace(record, expected, cx).await
    }
}

/// Does not recognise its own writes.
#[derive(Debug, Default)]
pub(crate) struct ForgetsItsReplaces;

#[async_trait]
impl Flaw for ForgetsItsReplaces {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.live(&record.id(), cx.now)? {
            Ok(stored) if stored.version() != expected => Ok(Replaced::Conflict(stored)),
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Recognises its last write, and none before it.
#[derive(Debug, Default)]
pub(crate) struct RemembersOneWrite;

#[async_trait]
impl Flaw for RemembersOneWrite {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.live(&record.id(), cx.now)? {
            Ok(stored) if stored.version() != expected && stored.version() != record.version() => {
                Ok(Replaced::Conflict(stored))
            }
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Does not recognise its own creations.
#[derive(Debug, Default)]
pub(crate) struct ForgetsItsCreates;

#[async_trait]
impl Flaw for ForgetsItsCreates {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        match good.live(&record.id(), cx.now)? {
            Ok(stored) => Ok(Created::Taken(stored)),
            Err(_) => good.create(record, cx).await,
        }
    }
}

/// Tells the token of a rotation only once.
#[derive(Debug, Default)]
pub(crate) struct TellsATokenOnce(Mutex<HashSet<WriteId>>);

#[async_trait]
impl Flaw for TellsATokenOnce {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let first = self.0.lock().unwrap().insert(record.version().write);
        match good.replace(record, expected, cx).await? {
            Replaced::Done(Some(_)) if !first => Ok(Replaced::Done(None)),
            answer => Ok(answer),
        }
    }
}

/// Creates over whatever is there.
#[derive(Debug, Default)]
pub(crate) struct CreatesOverOthers;

#[async_trait]
impl Flaw for CreatesOverOthers {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        if good.live(&record.id(), cx.now)?.is_ok() {
            good.put(record)?;
        }
        good.create(record, cx).await
    }
}

/// Says that it has saved, and has not.
#[derive(Debug, Default)]
pub(crate) struct DropsSaves;

#[async_trait]
impl Flaw for DropsSaves {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.live(&record.id(), cx.now)? {
            Ok(stored) if stored.version() == expected => {
                Ok(Replaced::Done(ReferenceToken::issue(record, None)))
            }
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Keeps the subject that a session began with.
#[derive(Debug, Default)]
pub(crate) struct DropsLogins;

#[async_trait]
impl Flaw for DropsLogins {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.live(&record.id(), cx.now)? {
            Ok(stored) if stored.subject() != record.subject() => {
                DropsSaves.replace(good, record, expected, cx).await
            }
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Takes a session that somebody else has written for one that is gone.
#[derive(Debug, Default)]
pub(crate) struct TakesConflictsForEnds;

#[async_trait]
impl Flaw for TakesConflictsForEnds {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Conflict(_) => Ok(Replaced::Gone(Absence::Unknown)),
            answer => Ok(answer),
        }
    }
}

/// Tells a token with every save.
#[derive(Debug, Default)]
pub(crate) struct AlwaysTellsAToken(Mutex<HashMap<SessionId, Token>>);

#[async_trait]
impl Flaw for AlwaysTellsAToken {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let created = good.create(record, cx).await?;
        if let Created::Done(token) = &created {
            self.0.lock().unwrap().insert(record.id(), token.clone());
        }
        Ok(created)
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Done(None) => Ok(Replaced::Done(self.0.lock().unwrap().get(&record.id()).cloned())),
            answer => Ok(answer),
        }
    }
}

/// Takes a session without data for none.
#[derive(Debug, Default)]
pub(crate) struct LosesEmptySessions;

#[async_trait]
impl Flaw for LosesEmptySessions {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        match good.load(presented, cx).await? {
            Loaded::Live { record, .. } if record.data().is_empty() => Ok(Loaded::Absent(Absence::Unknown)),
            answer => Ok(answer),
        }
    }
}
