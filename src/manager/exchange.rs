//! One request and its response: what an adapter holds while a handler runs.

use std::{fmt, sync::Arc};

use tokio::task::JoinError;
use tracing::{debug, warn};

use super::{
    Core, commit, doubt,
    store_calls::{Failed, Written},
};
use crate::{
    error::{SessionError, StoreError, StoreErrorKind},
    plan::Write,
    session::{Arrival, Base, BoxFuture, Changes, Opening, Session},
    transport::{Read, RequestHead, ResponseEdits, ResponseHeaders},
};

/// One request and its response: an adapter begins it, puts [`lazy`](Self::lazy) where extractors find it, and
/// [finishes](Self::finish) it when the handler has answered.
///
/// Dropped before that, because the client went away or the handler panicked, it carries a login or log-out through
/// all the same, in a task of its own.
#[derive(Debug)]
pub struct Exchange {
    lazy: LazySession,
    /// Taken by whoever ends it.
    core: Option<Arc<Core>>,
}

/// The session of a request, loaded when it is first asked for. Clones share it.
#[derive(Clone)]
pub struct LazySession {
    session: Session,
    /// Whether another site may begin the request, whatever it does.
    allows_cross_site: bool,
}

impl fmt::Debug for LazySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazySession").field("session", &self.session).finish_non_exhaustive()
    }
}

impl LazySession {
    /// The session, loaded at the first call and at no other.
    ///
    /// # Errors
    /// The store's failure, unless the manager carries on without it.
    pub async fn load(&self, head: &RequestHead<'_>) -> Result<Session, SessionError> {
        if self.session.opened().is_none() {
            let arrival = self.session.backend().arrival(head, self.allows_cross_site);
            match self.session.backend().load_now(&arrival) {
                Some(opening) => self.begin(opening, head),
                None => self.load_in_turn(&arrival, head).await,
            }
        }
        self.session.admitted()
    }

    /// Like [`load`](Self::load), but `None` unless a live session came with the request.
    ///
    /// # Errors
    /// The store's failure, unless the manager carries on without it: then this is `None`.
    pub async fn load_existing(&self, head: &RequestHead<'_>) -> Result<Option<Session>, SessionError> {
        let session = self.load(head).await?;
        Ok((!session.is_new()).then_some(session))
    }

    /// Loads a session that takes time, once: whoever comes second waits for the first.
    async fn load_in_turn(&self, arrival: &Arrival<'_>, head: &RequestHead<'_>) {
        let _turn = self.session.turn().await;
        if self.session.opened().is_none() {
            self.begin(self.session.backend().load(arrival).await, head);
        }
    }

    fn begin(&self, opening: Opening, head: &RequestHead<'_>) {
        let is_ambiguous = matches!(opening.base, Base::Ambiguous(_));
        if self.session.open(opening).is_ok() && is_ambiguous {
            self.session.deposit(self.session.backend().refuse_both(head), None);
        }
    }
}

/// How an exchange ends.
pub enum Finish {
    /// At once: there is nothing to write.
    Ready(Finished),
    /// When this future is done.
    Pending(BoxFuture<'static, Finished>),
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Pending(_) => "Pending",
        })
    }
}

/// What an exchange does to the response.
#[derive(Debug, Default)]
pub struct Finished {
    edits: ResponseEdits,
    error: Option<SessionError>,
    /// Whose request headers the response depends on; missing where nobody has asked for the session.
    core: Option<Arc<Core>>,
}

impl Finished {
    /// Why the session could not be saved: the adapter answers with this error in place of the handler's response.
    #[must_use]
    pub fn error(&self) -> Option<&SessionError> {
        self.error.as_ref()
    }

    /// Adds the headers that the session needs to the response, whichever it is.
    pub fn apply(&self, headers: &mut dyn ResponseHeaders) {
        let vary = self.core.as_ref().map_or(&[][..], |core| &core.vary);
        self.edits.apply(headers, vary);
    }
}

impl Exchange {
    pub(super) fn new(core: Arc<Core>, path: &str) -> Self {
        let session = Session::new(Arc::clone(&core) as _);
        let lazy = LazySession { session, allows_cross_site: core.allows_cross_site(path) };
        Self { lazy, core: Some(core) }
    }

    /// What an extractor asks for the session.
    #[must_use]
    pub fn lazy(&self) -> LazySession {
        self.lazy.clone()
    }

    /// Ends the exchange with the status of the handler's response: writes what has changed and tells what the response
    /// needs.
    #[must_use]
    pub fn finish(mut self, status: u16) -> Finish {
        let core = self.core.take();
        let was_touched = self.lazy.session.close();
        let (Some(opening), Some(core)) = (self.lazy.session.opened(), core) else {
            return Finish::Ready(Finished::default());
        };
        // The most frequent end by far: the handler has only looked.
        if !was_touched && core.needs_nothing(opening) {
            return Finish::Ready(core.finished(ResponseEdits::read(read(opening)), None));
        }
        Closing::new(core, &self.lazy.session, status).finish()
    }
}

/// How much of a session its response may reveal.
fn read(opening: &Opening) -> Read {
    if opening.base.record().is_some() { Read::Live } else { Read::Absent }
}

impl Core {
    fn finished(self: Arc<Self>, edits: ResponseEdits, error: Option<SessionError>) -> Finished {
        Finished { edits, error, core: Some(self) }
    }

    /// Whether a session that nobody has changed can stay as it was loaded.
    fn needs_nothing(&self, Opening { base, request, .. }: &Opening) -> bool {
        matches!(self.upkeep(base, *request, request.loaded_at), Write::Nothing)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        self.lazy.session.close();
        if self.lazy.session.pending().changes_identity {
            debug!("a request was dropped after a login or log-out, which is carried through");
            // A panic is answered as a server error, a vanished client like any success.
            let status = if std::thread::panicking() { 500 } else { 200 };
            carry_through(Closing::new(core, &self.lazy.session, status));
        }
    }
}

/// A session whose request is over, on its way to the store.
#[derive(Clone)]
struct Closing {
    core: Arc<Core>,
    session: Session,
    /// Whether the response's status lets the handler's changes be kept.
    keeps: bool,
}

impl Closing {
    fn new(core: Arc<Core>, session: &Session, status: u16) -> Self {
        Self { keeps: core.policy.save_on.keeps(status), session: session.clone(), core }
    }

    fn finish(self) -> Finish {
        // A save under way may be about anything.
        let Some(turn) = self.session.try_turn() else { return carry_through(self) };
        let pending = self.session.pending();
        if pending.changes_identity {
            drop(turn);
            return carry_through(self);
        }
        if !pending.changes && self.needs_nothing() {
            return Finish::Ready(Arc::clone(&self.core).finished(self.edits(), None));
        }
        drop(turn);
        // A handler that lives on may have logged in just now.
        if self.session.pending().changes_identity {
            return carry_through(self);
        }
        Finish::Pending(Box::pin(self.run()))
    }

    fn needs_nothing(&self) -> bool {
        self.session.opened().is_none_or(|opening| self.core.needs_nothing(opening))
    }

    async fn run(self) -> Finished {
        let written = self.write().await;
        self.told(written)
    }

    /// What the response has to say of what was written.
    fn told(self, written: Result<ResponseEdits, Failed>) -> Finished {
        let (edits, error) = match written {
            Ok(edits) => (edits, None),
            Err(Failed { error, edits }) => {
                warn!(%error, kind = ?error.kind(), "a session was not saved");
                (edits, Some(error))
            }
        };
        let mut all = self.edits();
        all.merge(edits);
        self.core.finished(all, error)
    }

    async fn write(&self) -> Result<ResponseEdits, Failed> {
        let _turn = commit::turn(&self.core, &self.session).await?;
        let settled = if self.keeps { doubt::settle(&self.core, &self.session).await } else { Ok(()) };
        let mut changes = self.session.take_changes();
        let written = match settled {
            Ok(()) => commit::commit(&self.core, &mut changes, self.keeps).await,
            Err(failed) => Err(failed),
        };
        self.stand_on(changes, written)
    }

    /// A handler that outlives the response goes on from what was written.
    fn stand_on(&self, changes: Changes, written: Result<Written, Failed>) -> Result<ResponseEdits, Failed> {
        let is_detached = changes.is_detached;
        let (base, outcome) = match written {
            Ok(Written { base, edits, .. }) => (base, Ok(edits)),
            // The client is told that nothing was saved, so nothing of it may be saved later.
            Err(failed) => (changes.base, Err(failed)),
        };
        if is_detached && let Err(error) = self.session.rebase(base) {
            warn!(%error, "a change that was made while the response left is lost");
        }
        outcome
    }

    /// The task that was to write it has panicked or was stopped. Whatever it did: who logged out keeps no cookie.
    fn outcome_unknown(self, logged_out: bool, error: JoinError) -> Finished {
        let request = self.session.request();
        let error =
            StoreError::new(StoreErrorKind::OutcomeUnknown, "the task that saved a session did not end")
                .with_source(error);
        let mut edits = self.edits();
        if logged_out && request.holds_cookie && !request.cross_site {
            let mut end = ResponseEdits::default();
            self.core.take_back(request, None, &mut end);
            edits.merge(end);
        }
        self.core.finished(edits, Some(error.into()))
    }

    /// What the response has to say of the session, apart from what is still to be written.
    fn edits(&self) -> ResponseEdits {
        let mut edits = ResponseEdits::read(self.session.opened().map_or(Read::Absent, read));
        edits.merge(self.session.take_edits());
        edits
    }
}

/// Runs in a task of its own, so that nobody who goes away can stop it half way.
fn carry_through(closing: Closing) -> Finish {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return Finish::Pending(Box::pin(closing.run()));
    };
    let logs_out = closing.session.logs_out();
    let task = runtime.spawn(closing.clone().run());
    Finish::Pending(Box::pin(async move {
        task.await.unwrap_or_else(|error| closing.outcome_unknown(logs_out, error))
    }))
}
