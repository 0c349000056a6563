//! Calls of the store under one deadline, repeated where a reply may have been lost.

use std::time::Duration;

use tracing::debug;

use super::core::Core;
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{Record, Version},
    store::{
        Created, End, Ended, Found, Replaced, Revocations, SessionIndex, SessionInfo, SessionStore,
        StoreContext,
    },
    time::Timestamp,
};

/// How often a call that may safely be repeated is made before its failure counts.
pub(super) const MOST_ATTEMPTS: u32 = 3;

/// The store calls of one save, under one deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoreCalls<'a> {
    pub(super) store: &'a dyn SessionStore,
    pub(super) cx: StoreContext,
    /// No token that is issued now is good for longer.
    longest_lifetime: Duration,
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
        Self::with(core, core.cx())
    }

    pub(super) fn with(core: &'a Core, cx: StoreContext) -> Self {
        Self { store: &*core.store, cx, longest_lifetime: core.policy.longest_lifetime() }
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
    pub(super) async fn end(&self, mut end: End) -> Result<Ended, StoreError> {
        // A store that keeps records knows how long the session lives. One that does not may have issued a token that lives longer than
        // the one at hand.
        if self.store.revocations().is_some() {
            end.until = end.until.max(self.longest_end());
        }
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

    /// Ends all sessions of a subject but this one by one write, repeated until it is confirmed.
    pub(super) async fn end_subject(
        &self,
        revocations: &dyn Revocations,
        subject: &str,
        except: Option<SessionId>,
    ) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            match revocations.end_subject(subject, except, self.longest_end(), self.cx).await {
                Err(error) if self.may_retry(&error, attempt) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// Every token that was issued until now has ended by then.
    fn longest_end(&self) -> Timestamp {
        self.cx.now + self.longest_lifetime
    }

    /// The number of the last revocation that a session comes after which begins or logs in now; 0 where nothing counts them.
    pub(super) async fn sequence(&self, is_login: bool) -> Result<u64, StoreError> {
        match self.store.revocations() {
            Some(revocations) => revocations.sequence(is_login, self.cx).await,
            None => Ok(0),
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
