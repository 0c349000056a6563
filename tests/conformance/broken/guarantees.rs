//! Flaws of everything else that a store declares: limits, servers, outages, answers that agree.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore as _, StoreError,
    record::{Record, Version},
    store::{
        Absence, Created, Durability, End, Ended, Found, Guarantees, Index, Loaded, PresentedToken,
        ReferenceToken, Replaced, SessionIndex as _, SessionInfo, StoreContext, authenticate,
    },
    time::Timestamp,
};

use super::{Flaw, live, named};
use crate::plain::{MAX_DATA, Plain};

/// Takes an outage for an empty store.
#[derive(Debug, Default)]
pub(crate) struct TakesOutagesForAbsence;

#[async_trait]
impl Flaw for TakesOutagesForAbsence {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        Ok(good.load(presented, cx).await.unwrap_or(Loaded::Absent(Absence::Unknown)))
    }
}

/// Claims to have ended what it could not reach.
#[derive(Debug, Default)]
pub(crate) struct ClaimsToEndInOutages;

#[async_trait]
impl Flaw for ClaimsToEndInOutages {
    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        Ok(good.end(end, cx).await.unwrap_or(Ended::Done))
    }
}

/// Comes back empty from an outage.
#[derive(Debug, Default)]
pub(crate) struct ComesBackEmpty(AtomicU64);

#[async_trait]
impl Flaw for ComesBackEmpty {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        if good.rows().is_err() {
            self.0.store(1, Ordering::SeqCst);
        } else if self.0.swap(0, Ordering::SeqCst) == 1 {
            good.rows()?.clear();
        }
        good.load(presented, cx).await
    }
}

/// Answers at once from what it saw first.
#[derive(Debug, Default)]
pub(crate) struct AnswersFromMemory(Arc<Mutex<HashMap<Vec<u8>, Record>>>);

#[async_trait]
impl Flaw for AnswersFromMemory {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let loaded = good.load(presented, cx).await?;
        if let Loaded::Live { record, .. } = &loaded {
            self.0.lock().unwrap().entry(presented.bytes().into()).or_insert_with(|| record.clone());
        }
        Ok(loaded)
    }

    fn load_now(
        &self,
        _: &Plain,
        presented: PresentedToken<'_>,
        _: Timestamp,
    ) -> Option<Result<Loaded, StoreError>> {
        Some(Ok(live(self.0.lock().unwrap().get(presented.bytes())?.clone())))
    }
}

/// Takes less than it declares.
#[derive(Debug, Default)]
pub(crate) struct TakesLess;

impl Flaw for TakesLess {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        good.guarantees().max_data(Some(MAX_DATA + 1))
    }
}

/// Takes more than it declares.
#[derive(Debug, Default)]
pub(crate) struct TakesMore;

impl Flaw for TakesMore {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        good.guarantees().max_data(Some(MAX_DATA - 1))
    }
}

/// Declares no limit and has one.
#[derive(Debug, Default)]
pub(crate) struct HidesItsLimit;

impl Flaw for HidesItsLimit {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        good.guarantees().max_data(None)
    }
}

/// Declares something else each time.
#[derive(Debug, Default)]
pub(crate) struct ChangesItsMind(AtomicU64);

impl Flaw for ChangesItsMind {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        let index = if self.0.fetch_add(1, Ordering::SeqCst) == 0 { Index::AllNodes } else { Index::Process };
        good.guarantees().index(index)
    }
}

/// Keeps no longer than a handle lives what it has ended.
#[derive(Debug, Default)]
pub(crate) struct EndsForItself(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for EndsForItself {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let ended = named(presented).is_some_and(|token| self.0.lock().unwrap().contains(&token.id()));
        if ended { Ok(Loaded::Absent(Absence::Unknown)) } else { good.load(presented, cx).await }
    }

    async fn end(&self, good: &Plain, end: End, _: StoreContext) -> Result<Ended, StoreError> {
        drop(good.rows()?);
        Ok(if self.0.lock().unwrap().insert(end.id) { Ended::Done } else { Ended::Already })
    }
}

/// Keeps a session's data in the handle that has written them.
#[derive(Debug, Default)]
pub(crate) struct WritesForItself(Mutex<HashMap<SessionId, Record>>);

#[async_trait]
impl Flaw for WritesForItself {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let own = self.0.lock().unwrap().get(&record.id()).map(Record::version);
        if own.is_some_and(|own| own != expected) {
            return good.replace(record, expected, cx).await;
        }
        self.0.lock().unwrap().insert(record.id(), record.clone().settled());
        drop(good.rows()?);
        Ok(Replaced::Done(ReferenceToken::issue(record, None)))
    }

    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let own = named(presented).and_then(|token| self.0.lock().unwrap().get(&token.id()).cloned());
        match (own, named(presented)) {
            (Some(record), Some(token)) => Ok(authenticate(&record, &token, cx.now)),
            _ => good.load(presented, cx).await,
        }
    }
}

/// Knows only the sessions that it has created itself.
#[derive(Debug, Default)]
pub(crate) struct KnowsOnlyItsOwn(Mutex<HashSet<SessionId>>);

impl KnowsOnlyItsOwn {
    fn knows(&self, id: SessionId) -> bool {
        self.0.lock().unwrap().contains(&id)
    }
}

#[async_trait]
impl Flaw for KnowsOnlyItsOwn {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.0.lock().unwrap().insert(record.id());
        good.create(record, cx).await
    }

    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        match named(presented) {
            Some(token) if !self.knows(token.id()) => Ok(Loaded::Absent(Absence::Unknown)),
            _ => good.load(presented, cx).await,
        }
    }

    async fn list(
        &self,
        good: &Plain,
        subject: &str,
        cx: StoreContext,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        let mut sessions = good.list(subject, cx).await?;
        sessions.retain(|session| self.knows(session.id()));
        Ok(sessions)
    }
}

/// Never finds a session by its ID.
#[derive(Debug, Default)]
pub(crate) struct FindsNothing;

#[async_trait]
impl Flaw for FindsNothing {
    async fn find(&self, good: &Plain, _: &SessionId, _: StoreContext) -> Result<Found, StoreError> {
        drop(good.rows()?);
        Ok(Found::Absent(Absence::Unknown))
    }
}

/// A state that only this server has, in its memory, although another one may be stored.
#[derive(Debug, Default)]
struct Unsaved(Mutex<HashMap<SessionId, Record>>);

impl Unsaved {
    /// Keeps `record` in place of what is here, or else stored, if that is in the state `expected`.
    fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let mut unsaved = self.0.lock().unwrap();
        let latest = match unsaved.get(&record.id()) {
            Some(latest) => latest.clone(),
            None => match good.live(&record.id(), cx.now)? {
                Ok(stored) => stored,
                Err(absence) => return Ok(Replaced::Gone(absence)),
            },
        };
        if latest.version() != expected {
            return Ok(Replaced::Conflict(latest));
        }
        unsaved.insert(record.id(), record.clone());
        Ok(Replaced::Done(ReferenceToken::issue(record, None)))
    }

    fn declared(good: &Plain) -> Guarantees {
        good.guarantees().durability(Durability::Within(Duration::from_millis(20)))
    }
}

/// Acknowledges changes, and never writes them.
#[derive(Debug, Default)]
pub(crate) struct WritesNothingBehind(Unsaved);

#[async_trait]
impl Flaw for WritesNothingBehind {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        Unsaved::declared(good)
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.0.replace(good, record, expected, cx)
    }
}

/// Acknowledges logins before they are written.
#[derive(Debug, Default)]
pub(crate) struct WritesLoginsBehind(Unsaved);

#[async_trait]
impl Flaw for WritesLoginsBehind {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        Unsaved::declared(good)
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match record.is_to_be_listed() || self.0.0.lock().unwrap().contains_key(&record.id()) {
            true => self.0.replace(good, record, expected, cx),
            false => good.replace(record, expected, cx).await,
        }
    }
}
