//! From a session's log to the store: carries out a plan, and what follows from the store's answers.

use tracing::{debug, warn};

use super::{
    Core, doubt,
    store_calls::{Call, Failed, MOST_ATTEMPTS, Written, live},
};
use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    id::SessionId,
    plan::{self, Draws, OnConflict, Plan, Refusal, Write},
    random,
    record::{Record, Version},
    session::{Backend as _, Base, Changes, Ending, Sent, Session, Turn, View, conflict, max_data},
    store::{Absence, Created, Replaced, Token, Touched, within},
};

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

fn asks_for_reissue(changes: &Changes) -> bool {
    matches!(changes.base, Base::Live { reissue: true, .. })
}

/// What a session stands on after a write, and the token that the client must be told.
type Done = (Base, Option<Token>);

impl Call<'_> {
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

    /// Ends sessions: each is tried, whatever became of the others.
    async fn end_all(&self, ends: &[Ending]) -> Result<(), SessionError> {
        let mut outcome = Ok(());
        for ending in ends {
            outcome = self.end(*ending).await.and(outcome);
        }
        outcome
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
        let found = self.in_time(self.core.store.find(&id, self.cx)).await.ok()?.live()?;
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

/// The outcome of upkeep; its failure is logged and changes nothing.
fn unless_failed(outcome: Result<Done, SessionError>, record: Record) -> Done {
    outcome.unwrap_or_else(|error| {
        warn!(%error, kind = ?error.kind(), session = %record.id(), "a session's last use or form could not be written down");
        (live(record), None)
    })
}
