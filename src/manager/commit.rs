//! From a session's log to the store: carries out a plan, and what follows from the store's answers.

use tracing::{debug, warn};

use super::{Core, doubt};
use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    id::SessionId,
    plan::{self, Draws, OnConflict, Plan, Refusal, Write},
    random,
    record::{REMEMBERED_WRITES, Record, Version},
    session::{
        Backend as _, Base, Changes, Ending, RequestFacts, Sent, Session, Turn, View, conflict, max_data,
    },
    store::{Absence, Created, Cx, Ended, Replaced, Token, Touched, within},
    time::Deadline,
    transport::{ResponseEdits, Transport},
};

/// How often a call that may safely be repeated is made before its failure counts.
const MOST_ATTEMPTS: u32 = 3;

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

/// Waits until no other handle writes the session.
pub(super) async fn turn<'a>(core: &Core, session: &'a Session) -> Result<Turn<'a>, StoreError> {
    // Hardly ever is there anybody to wait for, and then no clock is read.
    if let Some(turn) = session.try_turn() {
        return Ok(turn);
    }
    within(core.cx().deadline, async { Ok(session.turn().await) }).await
}

/// Writes what a handler asked to be saved before its response leaves, or after.
pub(super) async fn save(core: &Core, session: &Session) -> Result<(), SessionError> {
    let _turn = turn(core, session).await?;
    doubt::settle(core, session).await.map_err(|failed| failed.error)?;
    let mut taken = Taken { session, changes: session.take_changes(), written: false };
    if taken.changes.is_empty() {
        return Ok(());
    }
    if taken.changes.is_detached && needs_token(core, &taken.changes) {
        return Err(SessionError::new(
            SessionErrorKind::TokenUndeliverable,
            "the response is gone, so the client cannot be told the new token that this change needs",
        ));
    }
    let written = commit(core, &mut taken.changes, true).await.map_err(|failed| failed.error)?;
    taken.written = true;
    session.deposit(written.edits, written.token);
    session.rebase(written.base)
}

/// Changes on their way to the store; put back if they do not get there.
struct Taken<'a> {
    session: &'a Session,
    changes: Changes,
    written: bool,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.written {
            self.session.restore(&mut self.changes);
        }
    }
}

/// Whether these changes end in a token for the client.
fn needs_token(core: &Core, changes: &Changes) -> bool {
    core.guarantees.token.is_self_contained()
        || changes.base.record().is_none_or(Record::needs_token)
        || changes.view.rotates()
        || (changes.ends && !changes.log.is_empty())
}

/// Writes the changes; `keeps` says whether the response's status lets them be kept.
pub(super) async fn commit(core: &Core, changes: &mut Changes, keeps: bool) -> Result<Written, Failed> {
    let request = changes.request;
    let call = Call::new(core, request);
    changes.view.was_renewed = plan::was_renewed(request, changes.bearer);
    let plan = call
        .plan(changes, keeps)
        .map_err(|refusal| Failed::new(core, refusal.error, request, refusal.removes_cookie))?;
    let removes_cookie = plan.removes_cookie;
    let done = call.carry_out_within_limits(plan, changes).await;
    let (base, token) = done.map_err(|error| Failed::new(core, error, request, removes_cookie))?;
    call.told(base, token, changes.bearer, removes_cookie)
}

/// Writes the changes, if one replacement does it, which is no login's, and the store answers that at once. `None`: nothing was
/// written.
pub(super) fn commit_now(core: &Core, changes: &mut Changes, keeps: bool) -> Option<Result<Written, Failed>> {
    let request = changes.request;
    let call = Call { core, cx: Cx::new(core.now(), Deadline::NONE), request };
    changes.view.was_renewed = plan::was_renewed(request, changes.bearer);
    let Ok(Plan { write: Write::Replace, removes_cookie, .. }) = call.plan(changes, keeps) else {
        return None;
    };
    if changes.view.logged_in {
        return None;
    }
    let loaded = changes.base.record()?;
    let next = call.next(loaded, &changes.view, asks_for_reissue(changes)).ok()?;
    let Replaced::Done(token) = core.store.replace_now(&next, loaded.version(), call.cx.now)? else {
        return None;
    };
    Some(call.told(live(next), token, changes.bearer, removes_cookie))
}

fn asks_for_reissue(changes: &Changes) -> bool {
    matches!(changes.base, Base::Live { reissue: true, .. })
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

/// What a session stands on after a write, and the token that the client must be told.
type Done = (Base, Option<Token>);

/// The store calls of one commit, under one deadline.
pub(super) struct Call<'a> {
    pub(super) core: &'a Core,
    pub(super) cx: Cx,
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

    // The log's closures are `Send` but not `Sync`: no reference to the changes may be held across a wait.
    fn plan(&self, changes: &Changes, keeps: bool) -> Result<Plan, Refusal> {
        plan::plan(&self.core.situation(changes, self.request, keeps, self.cx.now))
    }

    /// A login counts the sessions of its subject. Whoever logged out before it is logged out, whatever becomes of it.
    async fn carry_out_within_limits(&self, plan: Plan, changes: &mut Changes) -> Result<Done, SessionError> {
        self.end_all(&plan.ends).await?;
        if changes.ends {
            changes.base = Base::Absent(None);
        }
        if !changes.view.logged_in || self.core.policy.sessions_per_subject.is_none() {
            return self.carry_out(plan.write, changes).await;
        }
        if let Some(subject) = changes.view.subject.clone() {
            self.admit(subject.as_str(), changes.base.record().map(Record::id)).await?;
        }
        let done = self.carry_out(plan.write, changes).await?;
        if let Some(record) = done.0.record() {
            self.make_room(record).await;
        }
        Ok(done)
    }

    async fn carry_out(&self, write: Write, changes: &mut Changes) -> Result<Done, SessionError> {
        match (write, changes.base.record().cloned()) {
            (Write::Create, _) => self.create_for(changes).await,
            (Write::Touch, Some(record)) => Ok(self.touch(record).await),
            (Write::Reissue, Some(record)) => Ok(self.reissue(record).await),
            (Write::Replace, Some(record)) => self.replace(record, changes).await,
            _ => Ok((changes.base.clone(), None)),
        }
    }

    /// The answer of a call of the store, or a timeout.
    pub(super) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.core.in_time(self.cx.deadline, call).await
    }

    /// Ends sessions: each is tried, whatever became of the others.
    async fn end_all(&self, ends: &[Ending]) -> Result<(), SessionError> {
        let mut outcome = Ok(());
        for ending in ends {
            outcome = self.end(*ending).await.and(outcome);
        }
        outcome
    }

    /// Ends a session; repeated until it is confirmed, because ending twice is ending.
    pub(super) async fn end(&self, Ending { id, until }: Ending) -> Result<(), SessionError> {
        for attempt in 1.. {
            match self.in_time(self.core.store.end(&id, until, self.cx)).await {
                Ok(Ended::Done | Ended::Already | Ended::AtClientOnly) => break,
                Err(error) if self.may_retry(&error, attempt) => {}
                Err(error) => {
                    warn!(%error, session = %id, "a log-out could not be confirmed by the store");
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Writes down the last use. A failure is no concern of the response.
    async fn touch(&self, record: Record) -> Done {
        let touched = async {
            let next = self.next(&record, &View::of(&record), false)?;
            let call = self.core.store.touch(&next, record.version(), self.cx);
            Ok(match self.in_time(call).await? {
                Touched::Done(token) => (live(next), token),
                Touched::Gone(absence) => (Base::Absent(Some(absence)), None),
            })
        };
        unless_failed(touched.await, record)
    }

    /// Writes a record that has not changed: its rotation is confirmed, or its form is outdated.
    async fn reissue(&self, record: Record) -> Done {
        let reissued = async {
            let next = self.next(&record, &View::of(&record), true)?;
            let call = self.core.store.replace(&next, record.version(), self.cx);
            Ok(match self.in_time(call).await? {
                Replaced::Done(token) => (live(next), token),
                // Somebody else has written meanwhile; the next request sees to it.
                Replaced::Conflict(stored) => (self.continued(&record, stored), None),
                Replaced::Gone(absence) => (Base::Absent(Some(absence)), None),
            })
        };
        unless_failed(reissued.await, record)
    }

    /// What a session stands on that was loaded as one record and is stored as another: a later login is not its own.
    fn continued(&self, loaded: &Record, stored: Record) -> Base {
        if plan::is_continued_by(loaded, &stored) {
            return live(stored);
        }
        Base::Absent(Some(Absence::Rotated { id: stored.id(), at: self.cx.now }))
    }

    /// Puts the changed record in place of `loaded`, replaying the log as often as others are faster.
    async fn replace(&self, loaded: Record, changes: &mut Changes) -> Result<Done, SessionError> {
        let mut reissue = asks_for_reissue(changes);
        let mut current = loaded.clone();
        loop {
            let next = self.next(&current, &changes.view, reissue)?;
            let stored = match self.replace_once(&next, current.version(), changes).await? {
                Replaced::Done(token) => return Ok((live(next), token)),
                Replaced::Conflict(stored) => stored,
                Replaced::Gone(absence) => return self.gone(absence, changes).await,
            };
            match plan::on_conflict(&loaded, &stored, changes, &self.core.policy, self.cx.now) {
                OnConflict::Refuse => {
                    return Err(conflict("somebody logged in while this request was under way"));
                }
                OnConflict::StartAnew(twin) => return self.start_anew(changes, twin).await,
                OnConflict::Replay => {}
            }
            self.check_deadline()?;
            debug!(session = %stored.id(), "another request was faster; its session's changes are replayed");
            changes.view = self.replay(&loaded, &stored, changes)?;
            reissue = false;
            current = stored;
        }
    }

    fn replay(&self, loaded: &Record, stored: &Record, changes: &Changes) -> Result<View, SessionError> {
        let mut view = changes.log.replay(loaded.data(), stored, max_data(self.core))?;
        view.was_renewed = changes.view.was_renewed || (!changes.bearer && !stored.has_secret_of(loaded));
        Ok(view)
    }

    /// One compare-and-swap; it stays in doubt where no reply tells what became of it.
    async fn replace_once(
        &self,
        next: &Record,
        expected: Version,
        changes: &mut Changes,
    ) -> Result<Replaced, SessionError> {
        changes.sent = Some(Sent { record: next.clone(), expected: Some(expected) });
        let mut reply_lost = false;
        let answer = self.try_replace(next, expected, &mut reply_lost).await;
        changes.sent = changes.sent.take().filter(|_| answer.is_err() && reply_lost);
        answer
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

    async fn gone(&self, absence: Absence, changes: &mut Changes) -> Result<Done, SessionError> {
        if changes.log.logs_in() {
            return self.start_anew(changes, None).await;
        }
        debug!(?absence, "a session ended while a request was under way");
        Err(conflict("the session was ended while this request was under way"))
    }

    /// Begins a fresh session for a login whose session is no longer there to be logged in to. What was logged
    /// before the login is dropped: it may be a stranger's.
    async fn start_anew(&self, changes: &mut Changes, twin: Option<Record>) -> Result<Done, SessionError> {
        changes.log = std::mem::take(&mut changes.log).since_login();
        let data = twin.map(|record| record.data().clone()).unwrap_or_default();
        let mut view = View { data, ..View::default() };
        changes.log.apply(&mut view, max_data(self.core))?;
        changes.view = view;
        self.create(changes).await
    }

    /// Creates the session that the changes describe.
    async fn create_for(&self, changes: &mut Changes) -> Result<Done, SessionError> {
        if let Base::Absent(Some(Absence::Rotated { id, .. })) = changes.base
            && let Some(twin) = self.twin(id, &changes.view).await
        {
            return self.start_anew(changes, Some(twin)).await;
        }
        self.create(changes).await
    }

    /// The session that the same subject has just logged in to with the token that was presented here: the second
    /// request of a double click finds the first one's.
    async fn twin(&self, id: SessionId, view: &View) -> Option<Record> {
        if !view.logged_in {
            return None;
        }
        let found = self.in_time(self.core.store.find(&id, self.cx)).await.ok()??;
        plan::is_same_login(&found, view, &self.core.policy, self.cx.now).then_some(found)
    }

    async fn create(&self, changes: &mut Changes) -> Result<Done, SessionError> {
        let core = self.core;
        for _ in 0..MOST_ATTEMPTS {
            let (id, secret) = random::id_and_secret(&*core.random)?;
            let write = core.write_ids.next(&*core.random)?;
            let record = plan::first_record(id, secret, write, &changes.view, &core.policy, self.cx.now);
            match self.create_once(&record, changes).await? {
                Created::Done(token) => return Ok((live(record), Some(token))),
                Created::Ended => return Err(conflict("the session was ended while it was being created")),
                Created::Taken(_) => {
                    warn!(session = %id, "a random session ID was taken; is the generator sound?");
                }
            }
        }
        Err(StoreError::new(StoreErrorKind::Corrupt, "every random session ID was taken").into())
    }

    /// One creation; it stays in doubt where no reply tells what became of it.
    async fn create_once(&self, record: &Record, changes: &mut Changes) -> Result<Created, SessionError> {
        changes.sent = Some(Sent { record: record.clone(), expected: None });
        let mut reply_lost = false;
        let answer = self.try_create(record, &mut reply_lost).await;
        changes.sent = changes.sent.take().filter(|_| answer.is_err() && reply_lost);
        answer
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

    /// The state after `view` on top of `base`.
    fn next(&self, base: &Record, view: &View, reissue: bool) -> Result<Record, SessionError> {
        let random = &*self.core.random;
        let draws = Draws {
            write: self.core.write_ids.next(random)?,
            secret: if view.rotates() || base.is_token_due() { Some(random::secret(random)?) } else { None },
        };
        let confirms = reissue && !self.request.is_outdated;
        Ok(plan::next_record(base, view, draws, confirms, &self.core.policy, self.cx.now))
    }

    /// Passes if a call that failed may be repeated, and notes whether it may have taken effect.
    fn check_retry(&self, error: StoreError, attempt: u32, reply_lost: &mut bool) -> Result<(), StoreError> {
        *reply_lost |= error.is_transient();
        if self.may_retry(&error, attempt) { Ok(()) } else { Err(error) }
    }

    fn may_retry(&self, error: &StoreError, attempt: u32) -> bool {
        error.is_transient() && attempt < MOST_ATTEMPTS && !self.cx.deadline.is_over()
    }

    fn check_deadline(&self) -> Result<(), SessionError> {
        if self.cx.deadline.is_over() {
            return Err(StoreError::new(
                StoreErrorKind::Timeout,
                "too many other requests wrote the same session",
            )
            .into());
        }
        Ok(())
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

/// The outcome of upkeep; its failure is logged and changes nothing.
fn unless_failed(outcome: Result<Done, SessionError>, record: Record) -> Done {
    outcome.unwrap_or_else(|error| {
        warn!(%error, kind = ?error.kind(), session = %record.id(), "a session's last use or form could not be written down");
        (live(record), None)
    })
}

pub(super) fn live(record: Record) -> Base {
    Base::Live { record: record.settled(), reissue: false }
}
