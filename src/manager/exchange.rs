//! One request and its response: what an adapter holds while a handler runs.

use std::{fmt, sync::Arc};

use tokio::sync::OnceCell;
use tracing::{debug, warn};

use super::{
    Core,
    commit::{self, Failed, Written},
    load,
};
use crate::{
    error::{SessionError, SessionErrorKind},
    plan::Write,
    session::{Backend as _, Base, BoxFuture, Changes, RequestFacts, Session},
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
    finished: bool,
}

/// The session of a request, loaded when it is first asked for. Clones share it.
#[derive(Clone)]
pub struct LazySession(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    session: OnceCell<Result<Session, SessionError>>,
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
        self.0.session.get_or_init(|| load::load(&self.0.core, head)).await.clone()
    }

    /// Like [`load`](Self::load), but `None` unless a live session came with the request.
    ///
    /// # Errors
    /// The store's failure, unless the manager carries on without it: an outage is never "no session".
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
        Self { lazy: LazySession(Arc::new(Inner { core, session: OnceCell::new() })), finished: false }
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
        self.finished = true;
        match self.lazy.0.session.get() {
            None => Finish::Ready(Finished::default()),
            // The extractor has answered with it.
            Some(Err(_)) => Finish::Ready(Finished {
                edits: ResponseEdits::read(Read::Absent, &self.lazy.0.core.vary),
                error: None,
            }),
            Some(Ok(session)) => finish(&self.lazy.0.core, session, status),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(Ok(session)) = self.lazy.0.session.get() else { return };
        if self.finished || !session.changes_identity() {
            return;
        }
        // A panic is answered as a server error, a vanished client like any success.
        let status = if std::thread::panicking() { 500 } else { 200 };
        let keeps = self.lazy.0.core.policy.save_on.keeps(status);
        debug!("a request was dropped after a login or log-out, which is carried through");
        carry_through(Closing::new(&self.lazy.0.core, session, keeps));
    }
}

fn finish(core: &Arc<Core>, session: &Session, status: u16) -> Finish {
    match finish_unchanged(core, session) {
        Some(edits) => Finish::Ready(Finished { edits, error: None }),
        None => Closing::new(core, session, core.policy.save_on.keeps(status)).finish(),
    }
}

/// The most frequent end by far: the handler has only looked, and no upkeep was due at that time.
fn finish_unchanged(core: &Core, session: &Session) -> Option<ResponseEdits> {
    let request = session.request();
    match core.upkeep(session.loaded(), request, request.loaded_at) {
        Write::Nothing => session.close_unchanged().map(|saved| edits(core, session, saved)),
        _ => None,
    }
}

/// What the client has to be told of a session that was looked at, beside what was `saved` before.
fn edits(core: &Core, session: &Session, saved: ResponseEdits) -> ResponseEdits {
    let read = if session.loaded().record().is_some() { Read::Live } else { Read::Absent };
    let mut edits = ResponseEdits::read(read, &core.vary);
    edits.merge(saved);
    edits
}

/// A session on its way to the store.
struct Closing {
    core: Arc<Core>,
    changes: Changes,
    request: RequestFacts,
    keeps: bool,
    edits: ResponseEdits,
    session: Session,
}

impl Closing {
    fn new(core: &Arc<Core>, session: &Session, keeps: bool) -> Self {
        let (changes, saved) = session.close();
        Self {
            core: Arc::clone(core),
            changes,
            request: session.request(),
            keeps,
            edits: edits(core, session, saved),
            session: session.clone(),
        }
    }

    fn finish(self) -> Finish {
        if self.has_nothing_to_write() {
            return Finish::Ready(Finished { edits: self.edits, error: None });
        }
        if self.changes.change_identity() {
            carry_through(self)
        } else {
            Finish::Pending(Box::pin(self.run()))
        }
    }

    fn has_nothing_to_write(&self) -> bool {
        let Self { core, changes, request, .. } = self;
        let upkeep = || core.upkeep(&changes.base, *request, core.now());
        changes.is_empty() && matches!(upkeep(), Write::Nothing)
    }

    async fn run(mut self) -> Finished {
        match commit::commit(&self.core, &mut self.changes, self.request, self.keeps).await {
            Ok(Written { base, edits, .. }) => {
                self.edits.merge(edits);
                self.stand_on(base);
                Finished { edits: self.edits, error: None }
            }
            Err(Failed { error, edits }) => {
                warn!(%error, kind = ?error.kind(), "a session was not saved");
                self.edits.merge(edits);
                Finished { edits: self.edits, error: Some(error) }
            }
        }
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
    let task = runtime.spawn(closing.run());
    Finish::Pending(Box::pin(async move {
        task.await.unwrap_or_else(|error| Finished {
            edits: ResponseEdits::default(),
            error: Some(
                SessionError::new(SessionErrorKind::Conflict, "the task that saved the session did not end")
                    .with_source(error),
            ),
        })
    }))
}
