//! What the engine does with a session: it hands over the request's facts, closes the session, takes what is to be written
//! and says what came of it.

use super::{
    Base, Changes, Opening, Sent, Session,
    backend::Backend,
    state::{Pending, State},
};
use crate::{error::SessionError, store::Token, time::Timestamp, transport::ResponseEdits};

/// The right to load or write a session.
pub(crate) type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;

/// What the engine has to know of the request when it writes the session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFacts {
    /// When the session was loaded.
    pub(crate) loaded_at: Timestamp,
    /// Whether another site began it with a method that may change something.
    pub(crate) cross_site: bool,
    /// Whether its client holds a cookie of the session's name, or is about to get one.
    pub(crate) holds_cookie: bool,
    /// The highest number of a cookie with a part of a token.
    pub(crate) highest_part: usize,
    /// In which of the manager's ways the token came; the first where none came.
    pub(crate) transport: usize,
    /// The size of the token that was believed.
    pub(crate) token_len: Option<usize>,
    /// Whether it has the secret before the present one, within its grace.
    pub(crate) is_outdated: bool,
}

impl RequestFacts {
    /// Those of a request that presented nothing at this time.
    pub(crate) const fn at(now: Timestamp) -> Self {
        Self {
            loaded_at: now,
            cross_site: false,
            holds_cookie: false,
            highest_part: 0,
            transport: 0,
            token_len: None,
            is_outdated: false,
        }
    }
}

/// What the engine does with a session.
impl Session {
    /// What it begins with, once it is loaded.
    pub(crate) fn opened(&self) -> Option<&Opening> {
        self.0.opening.get()
    }

    /// Begins with this, unless it was loaded already.
    pub(crate) fn open(&self, opening: Opening) -> Result<(), Opening> {
        self.0.opening.set(opening)
    }

    /// The session as its handler gets it.
    pub(crate) fn admitted(&self) -> Result<Self, SessionError> {
        match &self.opening().refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(self.clone()),
        }
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0.backend
    }

    pub(crate) fn request(&self) -> RequestFacts {
        let loaded = self.opening().request;
        self.peek().map_or(loaded, |state| state.request(loaded))
    }

    /// What is not written yet.
    pub(crate) fn pending(&self) -> Pending {
        self.peek().map(|state| state.pending()).unwrap_or_default()
    }

    /// Whether it was logged out, and that is not written yet.
    pub(crate) fn logs_out(&self) -> bool {
        self.peek().is_some_and(|state| state.ends())
    }

    /// Ends the request: nobody can change the session any more, unless the handler said that it lives on. Whether there
    /// may be more to see than what was loaded.
    pub(crate) fn close(&self) -> bool {
        let was_touched = self.0.stage.close();
        if was_touched {
            self.lock().close();
        }
        was_touched
    }

    /// Waits for the load or the save under way; the next one begins when the guard is dropped.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        self.0.turn.lock().await
    }

    /// The turn, unless a save is under way.
    pub(crate) fn try_turn(&self) -> Option<Turn<'_>> {
        self.0.turn.try_lock().ok()
    }

    /// Hands out what is to be written, to whoever has the turn.
    pub(crate) fn take_changes(&self) -> Changes {
        let loaded = self.opening().request;
        self.lock().take(loaded)
    }

    /// Puts back what could not be written.
    pub(crate) fn restore(&self, changes: &mut Changes) {
        self.lock().restore(changes);
    }

    /// What an earlier save has sent without learning whether it arrived.
    pub(crate) fn in_doubt(&self) -> Option<Sent> {
        self.peek()?.in_doubt()
    }

    /// Stands on what was in doubt: it has arrived.
    pub(crate) fn settle(&self, base: Base) -> Result<(), SessionError> {
        let mut state = self.lock();
        self.hand_over_reads(&mut state);
        state.settle(base, self.max_data())
    }

    /// Writes what was in doubt like any other change: it has not arrived.
    pub(crate) fn log_again(&self) {
        self.lock().log_again();
    }

    /// Forgets what was in doubt: whether it arrived can no longer be told.
    pub(crate) fn give_up(&self) {
        // What no longer applies without it is refused when it is written.
        let mut state = self.lock();
        self.hand_over_reads(&mut state);
        let _ = state.give_up(self.max_data());
    }

    /// Whether the handler wants the token for a client that is no browser.
    pub(crate) fn wants_bearer(&self) -> bool {
        self.lock().bearer
    }

    /// What earlier saves have to tell the client.
    pub(crate) fn take_edits(&self) -> ResponseEdits {
        self.peek().map(|mut state| std::mem::take(&mut state.edits)).unwrap_or_default()
    }

    /// Keeps what the client has to be told until the response leaves, and the token for the handler.
    pub(crate) fn deposit(&self, edits: ResponseEdits, token: Option<Token>) {
        self.lock().deposit(edits, token);
    }

    /// Stands on what was written from now on.
    pub(crate) fn rebase(&self, base: Base) -> Result<(), SessionError> {
        let mut state = self.lock();
        self.mark_changed();
        self.hand_over_reads(&mut state);
        state.rebase(base, self.max_data())
    }

    /// What was read in what was loaded is from now on compared with what is written.
    fn hand_over_reads(&self, state: &mut State) {
        let read = self.loaded().map(|data| self.0.reads.keys(data));
        read.into_iter().flatten().for_each(|key| state.seen.add_earlier(key));
    }

    pub(crate) fn max_data(&self) -> usize {
        max_data(&*self.0.backend)
    }
}

/// The largest session data that both the policy and the store allow.
pub(crate) fn max_data(backend: &dyn Backend) -> usize {
    backend.policy().max_data.min(backend.guarantees().max_data.unwrap_or(usize::MAX))
}
