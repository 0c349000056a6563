//! Saving a session: waits for its turn, resolves what is in doubt, commits the changes, and goes on from what was written.

use std::sync::Arc;

use tokio::task::JoinError;
use tracing::warn;

use super::{
    commit::commit,
    core::Core,
    delivery::{Client, SaveError, Saved},
    finish::{Finish, Finished},
    in_doubt,
    reload::look_after_conflict,
    turn::turn,
};
use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    plan,
    record::Record,
    session::{Changes, Delivery, Phase, Session, conflict},
    transport::ResponseEdits,
};

/// Writes what a handler asked to be saved before its response leaves, or after.
pub(super) async fn save(core: &Core, session: &Session) -> Result<(), SessionError> {
    let _turn = turn(core, session).await?;
    in_doubt::resolve(core, session).await.map_err(|failed| failed.error)?;
    let outlives_response = session.lock().outlives_response();
    let outcome = write(core, session).await;
    match outcome.as_ref().map_err(SessionError::kind) {
        Err(SessionErrorKind::Conflict) if outlives_response => look_after_conflict(core, session).await,
        // Otherwise no save could succeed any more. A login is not forgotten, even if it cannot be told.
        Err(SessionErrorKind::TokenUndeliverable) => session.lock().discard_renewals(),
        _ => {}
    }
    outcome
}

/// The caller has the session's turn.
async fn write(core: &Core, session: &Session) -> Result<(), SessionError> {
    let mut taken = Taken { session, changes: Some(session.lock().take()) };
    let Some(changes) = &mut taken.changes else { return Ok(()) };
    check_writable(core, changes)?;
    if changes.is_empty() {
        return Ok(());
    }
    // It stays logged, so that the handler goes on seeing it. Whether it is dropped is decided when the response leaves.
    if plan::withholds(changes) {
        return Ok(());
    }
    let saved = commit(core, changes, true).await.map_err(|failed| failed.error)?;
    taken.changes = None;
    let mut state = session.lock();
    state.deposit(saved.edits, saved.token);
    state.rebase(saved.base)
}

/// Refuses what a handler that outlives its response cannot write any more.
fn check_writable(core: &Core, changes: &Changes) -> Result<(), SessionError> {
    let is_detached = changes.phase == Phase::Detached;
    if changes.is_lost && (is_detached || (changes.phase == Phase::KeptOpen && changes.is_empty())) {
        return Err(conflict("the session was ended, or is another login's now"));
    }
    if is_detached && !changes.is_empty() && needs_token(core, changes) && !is_delivered_by_handler(changes) {
        return Err(SessionError::new(
            SessionErrorKind::TokenUndeliverable,
            "the response is gone, so the client cannot be told the new token that this change needs",
        ));
    }
    Ok(())
}

/// Whether the handler has asked for a bearer token, which it reads and sends itself.
fn is_delivered_by_handler(changes: &Changes) -> bool {
    changes.delivery == Delivery::Bearer
}

/// Changes on their way to the store; put back unless they get there.
struct Taken<'a> {
    session: &'a Session,
    changes: Option<Changes>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(changes) = &mut self.changes {
            self.session.lock().restore(changes);
        }
    }
}

/// Whether these changes end in a token without which the client could not go on.
fn needs_token(core: &Core, changes: &Changes) -> bool {
    !core.guarantees.keeps_records
        || changes.base.record().is_none_or(Record::needs_token)
        || changes.view.rotates()
        || (changes.logout.is_some() && !changes.log.is_empty())
}

/// The save at the end of a request.
#[derive(Clone)]
pub(super) struct FinalSave {
    core: Arc<Core>,
    session: Session,
    /// Whether the response's status lets the handler's changes be kept.
    keeps: bool,
}

impl FinalSave {
    pub(super) fn new(core: &Arc<Core>, session: Session, status: u16) -> Self {
        Self { core: Arc::clone(core), session, keeps: core.policy.save_on.keeps(status) }
    }

    /// Runs as part of the request. If the client disconnects, it stops.
    pub(super) fn with_request(self) -> Finish {
        Finish::Pending(Box::pin(self.run()))
    }

    /// Runs in a task of its own, so that it is carried through even if the client disconnects.
    pub(super) fn carried_through(self) -> Finish {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return self.with_request() };
        let logs_out = self.session.lock().logs_out();
        let task = runtime.spawn(self.clone().run());
        Finish::Pending(Box::pin(async move {
            task.await.unwrap_or_else(|error| self.outcome_unknown(logs_out, error))
        }))
    }

    async fn run(self) -> Finished {
        let written = self.write().await;
        self.finished(written)
    }

    async fn write(&self) -> Result<ResponseEdits, SaveError> {
        let _turn = turn(&self.core, &self.session).await?;
        if self.keeps
            && let Err(failed) = in_doubt::resolve(&self.core, &self.session).await
        {
            let changes = self.session.lock().take();
            return self.go_on(&changes, Err(failed));
        }
        let mut changes = self.session.lock().take();
        let saved = commit(&self.core, &mut changes, self.keeps).await;
        let outcome = self.go_on(&changes, saved);
        let is_conflict =
            outcome.as_ref().is_err_and(|failed| failed.error.kind() == SessionErrorKind::Conflict);
        if changes.phase == Phase::Detached && is_conflict {
            look_after_conflict(&self.core, &self.session).await;
        }
        outcome
    }

    /// A handler that outlives the response goes on from what was written.
    fn go_on(&self, changes: &Changes, saved: Result<Saved, SaveError>) -> Result<ResponseEdits, SaveError> {
        let (base, outcome) = match saved {
            Ok(Saved { base, edits, .. }) => (Some(base), Ok(edits)),
            Err(failed) => (None, Err(failed)),
        };
        if changes.phase == Phase::Detached {
            // After a failure the client is told that nothing was saved, so nothing of it may be saved later.
            let base = base.unwrap_or_else(|| changes.base.clone());
            if let Err(error) = self.session.lock().rebase(base) {
                warn!(%error, "a change that was made while the response left is lost");
            }
        }
        outcome
    }

    /// What the response has to say of what was written.
    fn finished(self, written: Result<ResponseEdits, SaveError>) -> Finished {
        let (edits, error) = match written {
            Ok(edits) => (edits, None),
            Err(SaveError { error, edits }) => {
                error.log();
                (edits, Some(error))
            }
        };
        let mut all = self.session.lock().take_edits();
        all.merge(edits);
        Finished::new(self.core, all, error)
    }

    /// The task that was to save it has panicked or was stopped. A client that logged out keeps no cookie, whatever was written.
    fn outcome_unknown(self, logged_out: bool, _: JoinError) -> Finished {
        let error =
            // A panic's own words may quote anything.
            StoreError::new(StoreErrorKind::OutcomeUnknown, "the task that saved a session has panicked or was stopped");
        let mut state = self.session.lock();
        let request = state.request();
        let client = Client::new(&self.core, request, state.delivery());
        let removes_cookie = logged_out && request.removes_cookie() && !request.from_elsewhere;
        let SaveError { error, edits } = client.failed(error.into(), removes_cookie);
        error.log();
        let mut all = state.take_edits();
        drop(state);
        all.merge(edits);
        Finished::new(self.core, all, Some(error))
    }
}
