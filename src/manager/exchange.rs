//! One request and its response: what an adapter holds while a handler runs.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::{sync::OnceCell, task::JoinError};
use tracing::{debug, warn};

use super::{
    Core,
    commit::{self, Failed, Written},
    doubt, load,
};
use crate::{
    error::{SessionError, StoreError, StoreErrorKind},
    plan::Write,
    session::{Base, BoxFuture, Session},
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
}

/// The session of a request, loaded when it is first asked for. Clones share it.
#[derive(Clone)]
pub struct LazySession(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    session: OnceCell<Result<Session, SessionError>>,
    /// Whether the response is gone, or nobody waits for it any more.
    is_over: AtomicBool,
}

impl fmt::Debug for LazySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazySession").field("session", &self.0.session.get()).finish_non_exhaustive()
    }
}

impl LazySession {
    /// The session, loaded at the first call and at no other.
    ///
    /// # Errors
    /// The store's failure, unless the manager carries on without it.
    pub async fn load(&self, head: &RequestHead<'_>) -> Result<Session, SessionError> {
        let session = self.0.session.get_or_init(|| load::load(&self.0.core, head)).await.clone()?;
        // Either this or the end of the exchange comes second and sees the other.
        if self.0.is_over.load(SeqCst) {
            session.close();
        }
        Ok(session)
    }

    /// Like [`load`](Self::load), but `None` unless a live session came with the request.
    ///
    /// # Errors
    /// The store's failure, unless the manager carries on without it: then this is `None`.
    pub async fn load_existing(&self, head: &RequestHead<'_>) -> Result<Option<Session>, SessionError> {
        let session = self.load(head).await?;
        Ok((!session.is_new()).then_some(session))
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
}

impl Finished {
    /// Why the session could not be saved: the adapter answers with this error in place of the handler's response.
    #[must_use]
    pub fn error(&self) -> Option<&SessionError> {
        self.error.as_ref()
    }

    /// Adds the headers that the session needs to the response, whichever it is.
    pub fn apply(&self, headers: &mut dyn ResponseHeaders) {
        self.edits.apply(headers);
    }
}

impl Exchange {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            lazy: LazySession(Arc::new(Inner {
                core,
                session: OnceCell::new(),
                is_over: AtomicBool::new(false),
            })),
        }
    }

    /// What an extractor asks for the session.
    #[must_use]
    pub fn lazy(&self) -> LazySession {
        self.lazy.clone()
    }

    /// Ends the exchange with the status of the handler's response: writes what has changed and tells what the response
    /// needs.
    #[must_use]
    pub fn finish(self, status: u16) -> Finish {
        let LazySession(inner) = &self.lazy;
        inner.is_over.store(true, SeqCst);
        match inner.session.get() {
            None => Finish::Ready(Finished::default()),
            // The extractor has answered with it.
            Some(Err(_)) => Finish::Ready(Finished {
                edits: ResponseEdits::read(Read::Absent, &inner.core.vary),
                error: None,
            }),
            Some(Ok(session)) => Closing::new(&inner.core, session, status).finish(),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let LazySession(inner) = &self.lazy;
        if inner.is_over.swap(true, SeqCst) {
            return;
        }
        let Some(Ok(session)) = inner.session.get() else { return };
        // A panic is answered as a server error, a vanished client like any success.
        let status = if std::thread::panicking() { 500 } else { 200 };
        let closing = Closing::new(&inner.core, session, status);
        if session.changes_identity() {
            debug!("a request was dropped after a login or log-out, which is carried through");
            carry_through(closing);
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
    fn new(core: &Arc<Core>, session: &Session, status: u16) -> Self {
        session.close();
        Self { core: Arc::clone(core), session: session.clone(), keeps: core.policy.save_on.keeps(status) }
    }

    fn finish(self) -> Finish {
        let turn = self.session.try_turn();
        // A save under way may be about anything.
        if turn.is_none() || self.session.changes_identity() {
            drop(turn);
            return carry_through(self);
        }
        if self.has_nothing_to_write() {
            return Finish::Ready(Finished { edits: self.edits(), error: None });
        }
        drop(turn);
        Finish::Pending(Box::pin(self.run()))
    }

    /// The most frequent end by far: the handler has only looked, and no upkeep was due when the session was loaded.
    fn has_nothing_to_write(&self) -> bool {
        let request = self.session.request();
        let upkeep = || self.core.upkeep(self.session.loaded(), request, request.loaded_at);
        !self.session.has_changes() && matches!(upkeep(), Write::Nothing)
    }

    async fn run(self) -> Finished {
        let (edits, error) = match self.write().await {
            Ok(edits) => (edits, None),
            Err(Failed { error, edits }) => {
                warn!(%error, kind = ?error.kind(), "a session was not saved");
                (edits, Some(error))
            }
        };
        let mut all = self.edits();
        all.merge(edits);
        Finished { edits: all, error }
    }

    async fn write(&self) -> Result<ResponseEdits, Failed> {
        let _turn = commit::turn(&self.core, &self.session).await?;
        let settled = if self.keeps { doubt::settle(&self.core, &self.session).await } else { Ok(()) };
        let mut changes = self.session.take_changes();
        let written = match settled {
            Ok(()) => commit::commit(&self.core, &mut changes, self.session.request(), self.keeps).await,
            Err(failed) => Err(failed),
        };
        let (base, outcome) = match written {
            Ok(Written { base, edits, .. }) => (base, Ok(edits)),
            // The client is told that nothing was saved, so nothing of it may be saved later.
            Err(failed) => (changes.base, Err(failed)),
        };
        self.stand_on(base);
        outcome
    }

    /// The task that was to write it has panicked or was stopped. Whatever it did: who logged out keeps no cookie.
    fn outcome_unknown(&self, logged_out: bool, error: JoinError) -> Finished {
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
        Finished { edits, error: Some(error.into()) }
    }

    /// What the response has to say of the session, apart from what is still to be written.
    fn edits(&self) -> ResponseEdits {
        let read = if self.session.loaded().record().is_some() { Read::Live } else { Read::Absent };
        let mut edits = ResponseEdits::read(read, &self.core.vary);
        edits.merge(self.session.take_edits());
        edits
    }

    /// A handler that outlives the response goes on from what was written.
    fn stand_on(&self, base: Base) {
        if self.session.is_detached()
            && let Err(error) = self.session.rebase(base)
        {
            warn!(%error, "a change that was made while the response left is lost");
        }
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
