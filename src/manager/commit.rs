//! From a session's log to the store: carries out a plan, and what follows from the store's answers.

use std::time::Duration;

use tracing::{debug, warn};

use super::{
    core::Core,
    delivery::{Client, SaveError, Saved},
    session_limit,
    store_calls::{Effect, MOST_ATTEMPTS, StoreCalls, WriteError},
    writers::{self, WriteTurn},
};
use crate::{
    error::{SessionError, StoreError, StoreErrorKind},
    id::SessionId,
    plan::{self, Draws, OnConflict, Plan, PlanError, Write},
    random,
    record::{Record, Version},
    session::{Base, Changes, Delivery, Sent, View, conflict},
    store::{
        Absence, Created, End, EndedBy, Found, Guarantees, Replaced, Scope, SessionInfo, Token, Touched,
        Updates, Upkeep,
    },
};

/// Writes the changes; `keeps` says whether the response's status lets them be kept.
pub(super) async fn commit(core: &Core, changes: &mut Changes, keeps: bool) -> Result<Saved, SaveError> {
    changes.view.was_renewed = plan::was_renewed(changes.request, changes.delivery);
    let mut commit = Commit { core, calls: StoreCalls::new(core), changes, sequence: 0 };
    let plan = commit.plan(keeps)?;
    if plan.write == Write::Withheld {
        core.notices.change_dropped();
    }
    let written = commit.carry_out(&plan).await;
    let client = commit.client();
    let (base, token) = written.map_err(|error| client.failed(error, plan.removes_cookie))?;
    client.tell(base, token, plan.removes_cookie, commit.calls.cx.now)
}

/// What a session is based on after a write, and the token that the client must be told.
type Written = (Base, Option<Token>);

/// A commit that is carried out. The changes are borrowed mutably throughout, because the log's closures are `Send` but not
/// `Sync`.
struct Commit<'a> {
    core: &'a Core,
    calls: StoreCalls<'a>,
    changes: &'a mut Changes,
    /// Which revocations a session comes after that begins or logs in.
    sequence: u64,
}

impl<'a> Commit<'a> {
    fn plan(&self, keeps: bool) -> Result<Plan, SaveError> {
        plan::plan(&self.core.situation(self.changes, keeps, self.calls.cx.now))
            .map_err(|PlanError { error, removes_cookie }| self.client().failed(error, removes_cookie))
    }

    fn client(&self) -> Client<'a> {
        Client::new(self.core, self.changes.request, self.changes.delivery)
    }

    /// A login counts the sessions of its subject. A logout before it is carried out in any case.
    async fn carry_out(&mut self, plan: &Plan) -> Result<Written, SessionError> {
        self.end_all(&plan.ends).await?;
        if let Some(error) = &plan.unconfirmed {
            return Err(error.clone());
        }
        if self.changes.logout.is_some() {
            self.changes.base = Base::Absent(None);
        }
        let loaded = self.changes.base.record().cloned();
        let logs_in = self.changes.view.logged_in;
        let beyond = self.check_session_limit().await?;
        if logs_in || plan.write == Write::Create {
            self.sequence = self.calls.sequence(logs_in).await?;
        }
        let written = match (plan.write, loaded) {
            (Write::Create, _) => self.create_or_join().await?,
            (Write::Touch, Some(record)) => unless_failed(self.touch(&record).await, record),
            (Write::Reissue, Some(record)) => unless_failed(self.reissue(&record).await, record),
            (Write::Replace, Some(record)) => self.replace(record).await?,
            _ => (self.changes.base.clone(), None),
        };
        session_limit::enforce(&self.calls, &beyond).await;
        if let (true, Some(record)) = (logs_in, written.0.record()) {
            session_limit::enforce_default(&self.calls, &self.core.policy, record).await;
        }
        Ok(written)
    }

    /// The sessions that have to end for a login.
    async fn check_session_limit(&mut self) -> Result<Vec<SessionInfo>, SessionError> {
        let Changes { view, base, .. } = &*self.changes;
        match view.subject.clone().filter(|_| view.logged_in) {
            Some(subject) => {
                session_limit::check(&self.calls, &self.core.policy, subject.as_str(), base.id()).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// Ends sessions: each is tried, even if another one fails.
    async fn end_all(&mut self, ends: &[End]) -> Result<(), SessionError> {
        let mut outcome = Ok(());
        for end in ends {
            outcome = self.calls.end(*end).await.map(drop).and(outcome);
        }
        Ok(outcome?)
    }

    /// For how long a remembered session goes on, if its client can be sent the cookie that says so.
    fn prolonged(&self, record: &Record) -> Option<Duration> {
        self.changes.token.as_ref().and_then(|_| self.core.policy.prolongs(record, self.calls.cx.now))
    }

    /// Stores the last-activity time.
    async fn touch(&mut self, record: &Record) -> Result<Written, SessionError> {
        let next = self.next(record, &View::of(record), false)?;
        Ok(match self.calls.store.touch(&next, record.version(), self.calls.cx).await? {
            Touched::Done(token) => (Base::written(next), token),
            Touched::Gone(absence) => (Base::Absent(Some(absence)), None),
        })
    }

    /// Writes a record that has not changed: its rotation is confirmed, its form is outdated, or its client needs its cookie again.
    async fn reissue(&mut self, record: &Record) -> Result<Written, SessionError> {
        let mut view = View::of(record);
        view.prolong(self.prolonged(record));
        let next = self.next(record, &view, true)?;
        Ok(match self.calls.store.replace(&next, record.version(), self.calls.cx).await? {
            Replaced::Done(token) => (Base::written(next), token.or(self.changes.token.take())),
            // Another request has written meanwhile; the next one repeats this.
            Replaced::Conflict(stored) => (self.continued(record, stored), None),
            Replaced::Gone(absence) => (Base::Absent(Some(absence)), None),
        })
    }

    /// The base of a session that was loaded as one record and is stored as another: a later login is not its own.
    fn continued(&self, loaded: &Record, stored: Record) -> Base {
        if plan::is_continued_by(loaded, &stored) {
            return Base::written(stored);
        }
        Base::Absent(Some(Absence::Rotated { id: stored.id(), at: self.calls.cx.now }))
    }

    /// Replaces `loaded` by the changed record, and replays the log whenever another request was faster.
    async fn replace(&mut self, loaded: Record) -> Result<Written, SessionError> {
        let mut reissue = matches!(self.changes.base, Base::Live { upkeep: Upkeep::Reissue, .. });
        self.changes.view.prolong(self.prolonged(&loaded));
        let mut turn = self.write_turn(loaded.id()).await?;
        let mut known = turn.as_ref().and_then(|turn| turn.later_than(&loaded));
        let (mut current, mut conflicts) = (None, 0);
        loop {
            let base = current.as_ref().unwrap_or(&loaded);
            let stored = if let Some(known) = known.take() {
                known
            } else {
                let next = self.next(base, &self.changes.view, reissue)?;
                match self.replace_once(&next, base.version()).await? {
                    Replaced::Done(token) => {
                        turn.iter_mut().for_each(|turn| turn.leave(&next));
                        let due = self.changes.token.take();
                        return Ok((Base::written(next), token.or(due)));
                    }
                    Replaced::Conflict(stored) => {
                        conflicts += 1;
                        self.give_way(turn.is_some(), conflicts).await?;
                        stored
                    }
                    Replaced::Gone(absence) => return self.gone(absence).await,
                }
            };
            match plan::on_conflict(&loaded, &stored, self.changes, &self.core.policy, self.calls.cx.now) {
                OnConflict::Refuse => {
                    return Err(conflict("another request logged in while this one was under way"));
                }
                OnConflict::StartAnew => return self.start_anew().await,
                OnConflict::Join(twin) => {
                    // It takes a turn of its own.
                    drop(turn);
                    return self.join(twin).await;
                }
                OnConflict::Replay => {}
            }
            self.check_deadline()?;
            debug!(session = %stored.id(), "another request was faster; its session's changes are replayed");
            self.changes.view = self.replay(&loaded, &stored)?;
            // The other request may have sent the client another one.
            self.changes.token = None;
            reissue = false;
            // A client learns no secret from another's write.
            current = Some(stored.opened_as(&loaded));
        }
    }

    /// The turn to write a session, where writers on other nodes or in this process could meet while the store is at work.
    async fn write_turn(&mut self, id: SessionId) -> Result<Option<WriteTurn>, StoreError> {
        let Guarantees { scope, updates, .. } = self.core.guarantees;
        if scope == Scope::Process || updates != Updates::NeverLost {
            return Ok(None);
        }
        self.core.writers.turn(id, self.calls.cx.deadline).await.map(Some)
    }

    async fn give_way(&mut self, is_shared: bool, conflicts: u32) -> Result<(), SessionError> {
        if is_shared {
            writers::give_way(&*self.core.random, conflicts).await?;
        }
        Ok(())
    }

    fn replay(&self, loaded: &Record, stored: &Record) -> Result<View, SessionError> {
        let Changes { log, view, delivery, .. } = &*self.changes;
        let mut replayed = log.replay(loaded.data(), stored, self.core.max_data())?;
        let was_renewed = *delivery == Delivery::AsPresented && !stored.has_secret_of(loaded);
        replayed.was_renewed = view.was_renewed || was_renewed;
        Ok(replayed)
    }

    /// One compare-and-swap.
    async fn replace_once(&mut self, next: &Record, expected: Version) -> Result<Replaced, SessionError> {
        self.changes.sent = Some(Sent { record: next.clone(), expected: Some(expected) });
        let answer = self.calls.replace(next, expected, Effect::None).await;
        self.answered(answer, |replaced| matches!(replaced, Replaced::Done(_)))
    }

    async fn gone(&mut self, absence: Absence) -> Result<Written, SessionError> {
        if self.changes.log.logs_in() {
            return self.start_anew().await;
        }
        debug!(?absence, "a session ended while a request was under way");
        Err(conflict("the session was ended while this request was under way"))
    }

    /// Begins a fresh session for a login whose session no longer exists. What was logged before the login is dropped: it may
    /// belong to someone else.
    async fn start_anew(&mut self) -> Result<Written, SessionError> {
        let changes = &mut *self.changes;
        changes.log = std::mem::take(&mut changes.log).since_login();
        let mut view = View::default();
        changes.log.apply(&mut view, self.core.max_data())?;
        changes.view = view;
        self.create().await
    }

    /// Goes on in the session of the same login, like the second request of a double click in that of the first: with its data,
    /// and with a new secret beside the one that the first response brings.
    async fn join(&mut self, twin: Record) -> Result<Written, SessionError> {
        let changes = &mut *self.changes;
        changes.log = std::mem::take(&mut changes.log).joining_login();
        let mut view = View::of(&twin);
        changes.log.apply(&mut view, self.core.max_data())?;
        changes.view = view;
        // Boxed, because a login that finds another twin would join that.
        Box::pin(self.replace(twin)).await
    }

    /// Creates the session that the changes describe, unless the token that was presented names one to go on in.
    async fn create_or_join(&mut self) -> Result<Written, SessionError> {
        match self.changes.base {
            Base::Absent(Some(Absence::Rotated { id, .. })) => {
                if let Some(twin) = self.twin(id).await? {
                    return self.join(twin).await;
                }
            }
            Base::Absent(Some(Absence::Ended { id, by: EndedBy::Other, .. })) => {
                if !self.changes.view.logged_in {
                    self.check_overtaken(id).await?;
                }
                self.supersede(id).await?;
            }
            _ => {}
        }
        self.create().await
    }

    /// Lets no other session begin in place of one that somebody else has ended: a request that was sent before, and comes late,
    /// would displace whatever the client has made of the session that begins now.
    async fn supersede(&mut self, id: SessionId) -> Result<(), SessionError> {
        self.calls.end(End { id, until: self.calls.cx.now, by: EndedBy::Client }).await?;
        Ok(())
    }

    /// Refuses to begin a session in place of one that was ended, if its client has logged in since this request was loaded.
    async fn check_overtaken(&mut self, id: SessionId) -> Result<(), SessionError> {
        let now = self.calls.cx.now;
        match self.calls.find(&id).await? {
            Some(Found::Absent(absence)) if plan::was_overtaken(Some(absence), &self.core.policy, now) => {
                Err(plan::overtaken())
            }
            _ => Ok(()),
        }
    }

    /// The session in which the same subject has just logged in with the token that was presented here: the second
    /// request of a double click finds the first one's.
    async fn twin(&mut self, id: SessionId) -> Result<Option<Record>, StoreError> {
        if !self.changes.view.logged_in {
            return Ok(None);
        }
        let (calls, view, policy) = (self.calls, &self.changes.view, &self.core.policy);
        let found = calls.find(&id).await?.and_then(Found::live);
        Ok(found.filter(|found| plan::is_same_login(found, view, policy, calls.cx.now)))
    }

    async fn create(&mut self) -> Result<Written, SessionError> {
        let core = self.core;
        for _ in 0..MOST_ATTEMPTS {
            let (drawn, secret) = random::id_and_secret(&*core.random)?;
            let id = self.changes.reserved_id.unwrap_or(drawn);
            let write = core.write_ids.next(&*core.random)?;
            let view = &self.changes.view;
            let record =
                plan::first_record((id, secret), write, self.sequence, view, &core.policy, self.calls.cx.now);
            match self.create_once(&record).await? {
                Created::Done(token) => return Ok((Base::written(record), Some(token))),
                Created::Ended => return Err(conflict("the session was ended while it was being created")),
                Created::Taken(_) => {
                    warn!(session = %id, "a random session ID was taken; is the random generator sound?");
                    // The handler may have written it down.
                    if self.changes.reserved_id.is_some() {
                        break;
                    }
                }
            }
        }
        Err(StoreError::new(StoreErrorKind::Corrupt, "a random session ID was taken").into())
    }

    /// One creation.
    async fn create_once(&mut self, record: &Record) -> Result<Created, SessionError> {
        self.changes.sent = Some(Sent { record: record.clone(), expected: None });
        let answer = self.calls.create(record, Effect::None).await;
        self.answered(answer, |created| matches!(created, Created::Done(_)))
    }

    /// Forgets what was sent if it is known not to be stored. Otherwise it is remembered until the save has ended: a save that
    /// is dropped behind its write, or fails there, must not be made again as if it had written nothing.
    fn answered<T>(
        &mut self,
        answer: Result<T, WriteError>,
        is_stored: impl FnOnce(&T) -> bool,
    ) -> Result<T, SessionError> {
        let may_be_stored = match &answer {
            Ok(answer) => is_stored(answer),
            Err(failed) => failed.effect == Effect::InDoubt,
        };
        if !may_be_stored {
            self.changes.sent = None;
        }
        answer.map_err(|failed| failed.error.into())
    }

    /// The state after `view` on top of `base`.
    fn next(&self, base: &Record, view: &View, reissue: bool) -> Result<Record, SessionError> {
        let random = &*self.core.random;
        let draws = Draws {
            write: self.core.write_ids.next(random)?,
            secret: if view.rotates() || base.is_token_due() { Some(random::secret(random)?) } else { None },
            clock: self.core.clock_id,
            sequence: self.sequence,
        };
        let confirms = reissue && !self.changes.request.has_previous_secret;
        Ok(plan::next_record(base, view, draws, confirms, &self.core.policy, self.calls.cx.now))
    }

    fn check_deadline(&self) -> Result<(), StoreError> {
        if self.calls.cx.deadline.is_over() {
            let message = "too many other requests wrote the same session";
            return Err(StoreError::new(StoreErrorKind::Timeout, message));
        }
        Ok(())
    }
}

/// The outcome of a write that no handler asked for: its failure is logged, and does not concern the response.
fn unless_failed(outcome: Result<Written, SessionError>, record: Record) -> Written {
    outcome.unwrap_or_else(|error| {
        warn!(%error, kind = ?error.kind(), session = %record.id(), "failed to update a session's last-activity time or token");
        (Base::written(record), None)
    })
}
