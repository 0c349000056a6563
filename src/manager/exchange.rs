//! One request and its response: what an adapter holds while a handler runs.

use std::{fmt, sync::Arc};

use tracing::debug;

use super::{Core, LazySession, save::FinalSave};
use crate::{
    error::SessionError,
    plan::Write,
    session::{BoxFuture, Shared, State, Unsaved},
    transport::{ResponseEdits, ResponseHeaders},
};

/// One request and its response: an adapter begins it, puts [`lazy`](Self::lazy) where extractors find it, and
/// [finishes](Self::finish) it when the handler has answered.
///
/// Dropped before that, because the client went away or the handler panicked, it carries a login or log-out through
/// all the same, in a task of its own.
#[derive(Debug)]
pub struct Exchange {
    lazy: LazySession,
    is_finished: bool,
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
    /// Its transports say on which request headers the response depends. `None` if no handler has asked for the session.
    core: Option<Arc<Core>>,
}

impl Finished {
    pub(super) fn new(core: Arc<Core>, edits: ResponseEdits, error: Option<SessionError>) -> Self {
        Self { edits, error, core: Some(core) }
    }

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
        let allows_cross_site = core.allows_cross_site(path);
        let max_data = core.max_data();
        let lazy = LazySession { shared: Arc::new(Shared::new(core, max_data)), allows_cross_site };
        Self { lazy, is_finished: false }
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
        self.is_finished = true;
        let core = self.lazy.core();
        let mut state = self.lazy.shared.lock();
        state.close();
        if !state.is_loaded() {
            return Finish::Ready(Finished::default());
        }
        let (unsaved, is_saving) = (state.unsaved(), state.is_saving());
        // The most frequent end by far: the handler has only looked.
        if unsaved == Unsaved::Nothing && !is_saving && core.needs_nothing(&state) {
            return Finish::Ready(Finished::new(Arc::clone(core), state.take_edits(), None));
        }
        drop(state);
        let save = FinalSave::new(core, self.lazy.session(), status);
        // A save that is under way may be of a login or logout.
        if unsaved == Unsaved::Identity || is_saving { save.carried_through() } else { save.with_request() }
    }
}

impl Core {
    /// Whether a session that no handler has changed can stay as it was loaded.
    fn needs_nothing(&self, state: &State) -> bool {
        let request = state.request();
        matches!(self.upkeep(state.base(), request, request.loaded_at), Write::Nothing)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let mut state = self.lazy.shared.lock();
        state.close();
        let unsaved = state.unsaved();
        drop(state);
        if unsaved == Unsaved::Identity {
            debug!("a request was dropped after a login or logout, which is carried through");
            // A panic is answered as a server error; a client that disconnects was to get a success.
            let status = if std::thread::panicking() { 500 } else { 200 };
            drop(FinalSave::new(self.lazy.core(), self.lazy.session(), status).carried_through());
        }
    }
}
