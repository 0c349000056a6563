//! Calls of the store under one deadline, repeated where a reply may have been lost.

use tracing::debug;

use super::core::Core;
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{Record, Version},
    store::{Created, End, Ended, Found, Replaced, SessionIndex, SessionInfo, SessionStore, StoreContext},
};

/// How often a call that may safely be repeated is made before its failure counts.
pub(super) const MOST_ATTEMPTS: u32 = 3;

/// The store calls of one save, under one deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoreCalls<'a> {
    pub(super) store: &'a dyn SessionStore,
    pub(super) cx: StoreContext,
}

/// Whether a write that failed may have taken effect all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    InDoubt,
}

/// A write that failed.
#[derive(Debug)]
pub(super) struct WriteError {
    pub(super) error: StoreError,
    pub(super) effect: Effect,
}

impl<'a> StoreCalls<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { store: &*core.store, cx: core.cx() }
    }

    /// One compare-and-swap, repeated where its reply may have been lost: the store recognises its own write.
    pub(super) async fn replace(
        &self,
        next: &Record,
        expected: Version,
        mut effect: Effect,
    ) -> Result<Replaced, WriteError> {
        let mut attempt = 1;
        loop {
            match self.store.replace(next, expected, self.cx).await {
                Ok(Replaced::Conflict(stored))
                    if effect == Effect::InDoubt && stored.may_have_forgotten(next.version()) =>
                {
                    return Err(WriteError { error: outcome_unknown(), effect });
                }
                Ok(answer) => return Ok(answer),
                Err(error) => effect = self.retry(error, attempt, effect)?,
            }
            attempt += 1;
        }
    }

    /// Creates a session, repeated in the same way.
    pub(super) async fn create(&self, record: &Record, mut effect: Effect) -> Result<Created, WriteError> {
        let mut attempt = 1;
        loop {
            match self.store.create(record, self.cx).await {
                Ok(answer) => return Ok(answer),
                Err(error) => effect = self.retry(error, attempt, effect)?,
            }
            attempt += 1;
        }
    }

    /// Ends a session, repeated until it is confirmed, because ending twice is ending.
    pub(super) async fn end(&self, end: End) -> Result<Ended, StoreError> {
        let mut attempt = 1;
        loop {
            match self.store.end(end, self.cx).await {
                // By an earlier attempt, whose reply was lost.
                Ok(Ended::Already) if attempt > 1 => return Ok(Ended::Done),
                Ok(ended) => return Ok(ended),
                Err(error) if self.may_retry(&error, attempt) => {}
                Err(error) => {
                    debug!(%error, session = %end.id, "the store did not confirm that a session has ended");
                    return Err(error);
                }
            }
            attempt += 1;
        }
    }

    /// What is stored of a session; `None` if the store cannot look one up, because clients carry its sessions.
    pub(super) async fn find(&self, id: &SessionId) -> Result<Option<Found>, StoreError> {
        match self.store.find(id, self.cx).await {
            Err(error) if error.kind() == StoreErrorKind::Unsupported => Ok(None),
            found => found.map(Some),
        }
    }

    /// The live sessions of a subject, the newest first.
    pub(super) async fn list(&self, subject: &str) -> Result<Vec<SessionInfo>, StoreError> {
        self.index()?.list(subject, self.cx).await
    }

    pub(super) fn index(&self) -> Result<&'a dyn SessionIndex, StoreError> {
        self.store.index().ok_or_else(|| StoreError::unsupported("list the sessions of a subject"))
    }

    /// Passes if a write that failed may be repeated, and tells whether it may have taken effect.
    fn retry(&self, error: StoreError, attempt: u32, effect: Effect) -> Result<Effect, WriteError> {
        let effect = if error.is_transient() { Effect::InDoubt } else { effect };
        if self.may_retry(&error, attempt) { Ok(effect) } else { Err(WriteError { error, effect }) }
    }

    fn may_retry(&self, error: &StoreError, attempt: u32) -> bool {
        error.is_transient() && attempt < MOST_ATTEMPTS && !self.cx.deadline.is_over()
    }
}

fn outcome_unknown() -> StoreError {
    StoreError::new(
        StoreErrorKind::OutcomeUnknown,
        "a write was sent and its reply lost; so much was written since that its effect cannot be told",
    )
}
