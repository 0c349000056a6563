//! One commit's calls of the store: under one deadline, repeated where a reply may have been lost; and what the client is told
//! of what came of them.

use tracing::warn;

use super::Core;
use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    record::{REMEMBERED_WRITES, Record, Version},
    session::{Backend as _, Base, Ending, RequestFacts},
    store::{Created, Ended, Replaced, StoreContext, Token},
    transport::{ResponseEdits, Transport},
};

/// How often a call that may safely be repeated is made before its failure counts.
pub(super) const MOST_ATTEMPTS: u32 = 3;

/// What a commit has achieved.
#[derive(Debug)]
pub(super) struct Written {
    /// What the session stands on now.
    pub(super) base: Base,
    /// What the client has to be told.
    pub(super) edits: ResponseEdits,
    /// Its new token, if it gets one.
    pub(super) token: Option<Token>,
}

/// A commit that failed, and what the client has to be told all the same.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: SessionError,
    pub(super) edits: ResponseEdits,
}

impl Failed {
    pub(super) fn new(core: &Core, error: SessionError, request: RequestFacts, removes_cookie: bool) -> Self {
        let mut edits = ResponseEdits::default();
        if removes_cookie {
            core.take_back(request, None, &mut edits);
        }
        Self { error, edits }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { error: error.into(), edits: ResponseEdits::default() }
    }
}

/// The store calls of one commit, under one deadline.
pub(super) struct Call<'a> {
    pub(super) core: &'a Core,
    pub(super) cx: StoreContext,
    pub(super) request: RequestFacts,
}

impl<'a> Call<'a> {
    pub(super) fn new(core: &'a Core, request: RequestFacts) -> Self {
        Self { core, cx: core.cx(), request }
    }

    /// What was written, and what the client has to be told of it.
    pub(super) fn told(
        &self,
        base: Base,
        token: Option<Token>,
        bearer: bool,
        removes_cookie: bool,
    ) -> Result<Written, Failed> {
        let Self { core, request, .. } = *self;
        let mut edits = ResponseEdits::default();
        let mut way = None;
        if let (Some(token), Some(record)) = (&token, base.record()) {
            let chosen = core.way(request, bearer);
            check_length(token, chosen).map_err(|error| Failed::new(core, error, request, removes_cookie))?;
            chosen.hand_out(token, record.deadline().since(self.cx.now), request.highest_part, &mut edits);
            way = Some(chosen);
        }
        if removes_cookie {
            core.take_back(request, way, &mut edits);
        }
        Ok(Written { base, edits, token })
    }

    /// The answer of a call of the store, or a timeout.
    pub(super) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.core.in_time(self.cx.deadline, call).await
    }

    /// Ends a session; repeated until it is confirmed, because ending twice is ending.
    pub(super) async fn end(&self, Ending { id, until }: Ending) -> Result<(), SessionError> {
        for attempt in 1.. {
            match self.in_time(self.core.store.end(&id, until, self.cx)).await {
                Ok(Ended::Done | Ended::Already | Ended::ClientOnly) => break,
                Err(error) if self.may_retry(&error, attempt) => {}
                Err(error) => {
                    warn!(%error, session = %id, "a log-out could not be confirmed by the store");
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// One compare-and-swap, repeated where its reply may have been lost: the store recognises its own write.
    pub(super) async fn try_replace(
        &self,
        next: &Record,
        expected: Version,
        reply_lost: &mut bool,
    ) -> Result<Replaced, SessionError> {
        for attempt in 1.. {
            match self.in_time(self.core.store.replace(next, expected, self.cx)).await {
                Ok(Replaced::Conflict(stored)) if *reply_lost && is_beyond_memory(&stored, expected) => break,
                Ok(answer) => return Ok(answer),
                Err(error) => self.check_retry(error, attempt, reply_lost)?,
            }
        }
        Err(outcome_unknown().into())
    }

    pub(super) async fn try_create(
        &self,
        record: &Record,
        reply_lost: &mut bool,
    ) -> Result<Created, SessionError> {
        let mut attempt = 1;
        loop {
            match self.in_time(self.core.store.create(record, self.cx)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.check_retry(error, attempt, reply_lost)?,
            }
            attempt += 1;
        }
    }

    /// Passes if a call that failed may be repeated, and notes whether it may have taken effect.
    fn check_retry(&self, error: StoreError, attempt: u32, reply_lost: &mut bool) -> Result<(), StoreError> {
        *reply_lost |= error.is_transient();
        if self.may_retry(&error, attempt) { Ok(()) } else { Err(error) }
    }

    fn may_retry(&self, error: &StoreError, attempt: u32) -> bool {
        error.is_transient() && attempt < MOST_ATTEMPTS && !self.cx.deadline.is_over()
    }
}

/// A token that cannot travel is an error, not a cookie that browsers throw away.
fn check_length(token: &Token, way: &Transport) -> Result<(), SessionError> {
    let size = token.expose().len();
    match way.longest_token() {
        Some(limit) if size > limit => Err(SessionError::new(
            SessionErrorKind::TooLarge { size, limit },
            format!("the session's token has {size} bytes, but its cookies hold at most {limit}"),
        )),
        _ => Ok(()),
    }
}

impl Core {
    /// The way in which a client gets its new token: that of the last one, or the one that its handler asked for.
    fn way(&self, request: RequestFacts, bearer: bool) -> &Transport {
        let asked = if bearer { self.bearer() } else { None };
        asked.unwrap_or(&self.transports[request.transport])
    }

    /// Takes the token back from wherever the client may hold it, apart from where it gets a new one.
    pub(super) fn take_back(
        &self,
        request: RequestFacts,
        way: Option<&Transport>,
        edits: &mut ResponseEdits,
    ) {
        let others = self.transports.iter().filter(|transport| Some(*transport) != way);
        others.for_each(|transport| transport.take_back(request.highest_part, edits));
    }
}

/// Whether so much was written since `expected` that the record no longer remembers all of it.
fn is_beyond_memory(stored: &Record, expected: Version) -> bool {
    stored.version().counter.saturating_sub(expected.counter) > REMEMBERED_WRITES as u64
}

fn outcome_unknown() -> StoreError {
    StoreError::new(
        StoreErrorKind::OutcomeUnknown,
        "a write was sent and its reply lost; so much was written since that its effect cannot be told",
    )
}

/// A record that the store keeps, as a session stands on it.
pub(super) fn live(record: Record) -> Base {
    Base::Live { record: record.settled(), reissue: false }
}
