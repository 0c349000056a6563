//! From a session's log to the store: carries out a plan, and what follows from the store's answers.

use tracing::{debug, warn};

use super::Core;
use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    id::SessionId,
    plan::{self, Draws, OnConflict, Plan, Refusal, Write},
    random,
    record::{REMEMBERED_WRITES, Record, Version},
    session::{Backend as _, Base, Changes, RequestFacts, Session, Turn, View, conflict, max_data},
    store::{Absence, Created, Cx, Ended, Replaced, Token, Touched, within},
    time::Timestamp,
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
    fn new(core: &Core, error: SessionError, request: RequestFacts, removes_cookie: bool) -> Self {
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
    within(core.cx().deadline, async { Ok(session.turn().await) }).await
}

/// Writes what a handler asked to be saved before its response leaves, or after.
pub(super) async fn save(core: &Core, session: &Session) -> Result<(), SessionError> {
    let _turn = turn(core, session).await?;
    let mut taken = Taken { session, changes: session.take_changes(), written: false };
    if taken.changes.is_empty() {
        return Ok(());
    }
    if session.is_detached() && needs_token(core, &taken.changes) {
        return Err(SessionError::new(
            SessionErrorKind::TokenUndeliverable,
            "the response is gone, so the client cannot be told the new token that this change needs",
        ));
    }
    let written =
        commit(core, &mut taken.changes, session.request(), true).await.map_err(|failed| failed.error)?;
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
            self.session.restore(self.changes.ends, std::mem::take(&mut self.changes.log));
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
pub(super) async fn commit(
    core: &Core,
    changes: &mut Changes,
    request: RequestFacts,
    keeps: bool,
) -> Result<Written, Failed> {
    let call = Call { core, cx: core.cx() };
    let plan = call
        .plan(changes, request, keeps)
        .map_err(|refusal| Failed::new(core, refusal.error, request, refusal.removes_cookie))?;
    let removes_cookie = plan.removes_cookie;
    let done = call.carry_out(plan, changes).await;
    let (base, token) = done.map_err(|error| Failed::new(core, error, request, removes_cookie))?;
    let mut edits = ResponseEdits::default();
    let mut way = None;
    if let (Some(token), Some(record)) = (&token, base.record()) {
        let chosen = core.way(request, changes.bearer);
        check_length(token, chosen).map_err(|error| Failed::new(core, error, request, removes_cookie))?;
        chosen.hand_out(token, record.deadline().since(call.cx.now), request.highest_part, &mut edits);
        way = Some(chosen);
    }
    if removes_cookie {
        core.take_back(request, way, &mut edits);
    }
    Ok(Written { base, edits, token })
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
struct Call<'a> {
    core: &'a Core,
    cx: Cx,
}

impl Call<'_> {
    // The log's closures are `Send` but not `Sync`: no reference to the changes may be held across a wait.
    fn plan(&self, changes: &Changes, request: RequestFacts, keeps: bool) -> Result<Plan, Refusal> {
        plan::plan(&self.core.situation(changes, request, keeps, self.cx.now))
    }

    async fn carry_out(&self, plan: Plan, changes: &mut Changes) -> Result<Done, SessionError> {
        if let Some((id, until)) = plan.end {
            self.end(id, until).await?;
        }
        if changes.ends {
            changes.base = Base::Absent(None);
        }
        match plan.write {
            Write::Nothing => Ok((changes.base.clone(), None)),
            Write::Touch(record) => Ok(self.touch(record).await),
            Write::Reissue(record) => Ok(self.reissue(record).await),
            Write::Replace(record) => self.replace(record, changes).await,
            Write::Create => self.create_for(changes).await,
        }
    }

    /// Ends a session; repeated until it is confirmed, because ending twice is ending.
    async fn end(&self, id: SessionId, until: Timestamp) -> Result<(), SessionError> {
        for attempt in 1.. {
            match within(self.cx.deadline, self.core.store.end(&id, until, self.cx)).await {
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
            Ok(match within(self.cx.deadline, call).await? {
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
            Ok(match within(self.cx.deadline, call).await? {
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
        let mut reissue = matches!(changes.base, Base::Live { reissue: true, .. });
        let mut current = loaded.clone();
        loop {
            let next = self.next(&current, &changes.view, reissue)?;
            let stored = match self.try_replace(&next, current.version()).await? {
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
        // Somebody else has renewed it since: that is what was asked for, unless the token is to go another way.
        view.renewed &= changes.bearer || stored.has_secret_of(loaded);
        Ok(view)
    }

    /// One compare-and-swap, repeated where its reply may have been lost: the store recognises its own write.
    async fn try_replace(&self, next: &Record, expected: Version) -> Result<Replaced, SessionError> {
        let mut reply_lost = false;
        for attempt in 1.. {
            match within(self.cx.deadline, self.core.store.replace(next, expected, self.cx)).await {
                Ok(Replaced::Conflict(stored)) if reply_lost && is_beyond_memory(&stored, expected) => break,
                Ok(answer) => return Ok(answer),
                Err(error) if self.may_retry(&error, attempt) => reply_lost = true,
                Err(error) => return Err(error.into()),
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
        self.create(&changes.view).await
    }

    /// Creates the session that the changes describe.
    async fn create_for(&self, changes: &mut Changes) -> Result<Done, SessionError> {
        if let Base::Absent(Some(Absence::Rotated { id, .. })) = changes.base
            && let Some(twin) = self.twin(id, &changes.view).await
        {
            return self.start_anew(changes, Some(twin)).await;
        }
        self.create(&changes.view).await
    }

    /// The session that the same subject has just logged in to with the token that was presented here: the second
    /// request of a double click finds the first one's.
    async fn twin(&self, id: SessionId, view: &View) -> Option<Record> {
        if !view.logged_in {
            return None;
        }
        let found = within(self.cx.deadline, self.core.store.find(&id, self.cx)).await.ok()??;
        plan::is_same_login(&found, view, &self.core.policy, self.cx.now).then_some(found)
    }

    async fn create(&self, view: &View) -> Result<Done, SessionError> {
        let core = self.core;
        for _ in 0..MOST_ATTEMPTS {
            let (id, secret) = random::id_and_secret(&*core.random)?;
            let write = core.write_ids.next(&*core.random)?;
            let record = plan::first_record(id, secret, write, view, &core.policy, self.cx.now);
            match self.try_create(&record).await? {
                Created::Done(token) => return Ok((live(record), Some(token))),
                Created::Ended => return Err(conflict("the session was ended while it was being created")),
                Created::Taken(_) => {
                    warn!(session = %id, "a random session ID was taken; is the generator sound?");
                }
            }
        }
        Err(StoreError::new(StoreErrorKind::Corrupt, "every random session ID was taken").into())
    }

    async fn try_create(&self, record: &Record) -> Result<Created, SessionError> {
        for attempt in 1..MOST_ATTEMPTS {
            match within(self.cx.deadline, self.core.store.create(record, self.cx)).await {
                Err(error) if self.may_retry(&error, attempt) => {}
                answer => return Ok(answer?),
            }
        }
        Ok(within(self.cx.deadline, self.core.store.create(record, self.cx)).await?)
    }

    /// The state after `view` on top of `base`.
    fn next(&self, base: &Record, view: &View, reissue: bool) -> Result<Record, SessionError> {
        let random = &*self.core.random;
        let draws = Draws {
            write: self.core.write_ids.next(random)?,
            secret: if view.rotates() || base.is_token_due() { Some(random::secret(random)?) } else { None },
        };
        Ok(plan::next_record(base, view, draws, reissue, &self.core.policy, self.cx.now))
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

fn live(record: Record) -> Base {
    Base::Live { record: record.settled(), reissue: false }
}
