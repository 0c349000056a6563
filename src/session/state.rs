//! The part of a session that changes: what it stands on, what was logged, and whether it may still change.

use super::{
    RequestFacts,
    doubt::{Doubt, Sent},
    log::{Change, Log, Op, View, conflict},
    read_set::Seen,
};
use crate::{
    error::{SessionError, SessionErrorKind},
    id::SessionId,
    record::{Data, Record, Subject},
    store::{Absence, Token},
    time::Timestamp,
    transport::ResponseEdits,
};

/// A session to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) id: SessionId,
    /// How long its ID stays blocked.
    pub(crate) until: Timestamp,
}

impl Ending {
    pub(crate) fn of(record: &Record) -> Self {
        Self { id: record.id(), until: record.deadline() }
    }
}

/// What a session stands on: the outcome of its load, or of its last save.
#[derive(Debug, Clone)]
pub(crate) enum Base {
    /// A live record; `reissue` asks for a write although nothing changed.
    Live { record: Record, reissue: bool },
    /// No session, for this reason; `None` where no token was presented.
    Absent(Option<Absence>),
    /// Tokens of several live sessions were presented; none is believed.
    Ambiguous(Vec<Ending>),
    /// The store is out of reach, and the policy is to carry on.
    Outage(SessionError),
}

impl Base {
    pub(crate) fn record(&self) -> Option<&Record> {
        match self {
            Self::Live { record, .. } => Some(record),
            _ => None,
        }
    }

    /// What a log-out ends: every live session whose token came with the request. They are all this client's, for it
    /// knew their secrets.
    pub(crate) fn endings(&self) -> Vec<Ending> {
        match self {
            Self::Live { record, .. } => vec![Ending::of(record)],
            Self::Ambiguous(presented) => presented.clone(),
            Self::Absent(_) | Self::Outage(_) => Vec::new(),
        }
    }

    /// What it shows before anything is changed.
    fn view(&self) -> View {
        self.record().map_or_else(View::default, View::of)
    }
}

/// Whether a session may still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The handler runs; the response will carry what the client has to know.
    Open,
    /// The response is gone, but the handler said that it lives on and saves for itself.
    Detached,
    /// The request is over.
    Closed,
}

/// What of a session is not written yet.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Pending {
    /// Whether there is anything.
    pub(crate) changes: bool,
    /// Whether somebody logged in or out.
    pub(crate) changes_identity: bool,
    /// Whether an earlier save was sent without learning that it arrived.
    pub(crate) in_doubt: bool,
}

/// What is to be written: everything since the base.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) request: RequestFacts,
    /// Whether a token could no longer reach the client.
    pub(crate) is_detached: bool,
    pub(crate) base: Base,
    /// Whether the base was logged out; the log and the view then belong to a session yet to be created.
    pub(crate) ends: bool,
    /// The session that a log-out ends beside the base, if it ever began.
    pub(crate) abandoned: Option<Ending>,
    /// What the changes were last written as, until the store has answered.
    pub(crate) sent: Option<Sent>,
    pub(crate) log: Log,
    pub(crate) view: View,
    /// Whether the handler wants the token for a client that is no browser.
    pub(crate) bearer: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        !self.ends && self.log.is_empty()
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) keep_open: bool,
    pub(crate) base: Base,
    /// What the client has to be told of saves that were made before the response.
    pub(crate) edits: ResponseEdits,
    /// The token that the last save brought.
    pub(crate) token: Option<Token>,
    /// Whether a save before the response brought a token at all.
    pub(crate) told: bool,
    /// Whether the handler wants the token for a client that is no browser.
    pub(crate) bearer: bool,
    /// What was read, once the session stands on something else than what was loaded.
    pub(crate) seen: Seen,
    is_rebased: bool,
    /// What was shown when the save under way began, with what it writes.
    taken: Data,
    ends: bool,
    abandoned: Option<Ending>,
    /// What was logged before `log` and may be stored already.
    doubt: Option<Box<Doubt>>,
    log: Log,
    /// Made when it is first asked for: most requests only look at what was loaded.
    view: Option<View>,
    /// Grows with each change, so that an update that ran outside the lock sees whether it was overtaken.
    generation: u64,
}

impl State {
    pub(crate) fn new(base: Base, is_closed: bool) -> Self {
        Self {
            phase: if is_closed { Phase::Closed } else { Phase::Open },
            keep_open: false,
            base,
            edits: ResponseEdits::default(),
            token: None,
            told: false,
            taken: Data::default(),
            seen: Seen::default(),
            is_rebased: false,
            bearer: false,
            ends: false,
            abandoned: None,
            doubt: None,
            log: Log::default(),
            view: None,
            generation: 0,
        }
    }

    pub(crate) fn view(&mut self) -> &View {
        self.view_mut()
    }

    fn view_mut(&mut self) -> &mut View {
        self.view.get_or_insert_with(|| self.base.view())
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The record that the session stands on, unless it was logged out.
    pub(crate) fn record(&self) -> Option<&Record> {
        if self.ends { None } else { self.base.record() }
    }

    /// Whether a look at `key` shows the handler anything stored.
    pub(crate) fn shows_stored(&self, key: &str) -> bool {
        self.record().is_some() && !self.log.determines(key)
    }

    /// Whether it stands on something else than what was loaded.
    pub(crate) fn is_rebased(&self) -> bool {
        self.is_rebased
    }

    /// Ends the request, once.
    pub(crate) fn close(&mut self) {
        if self.phase == Phase::Open {
            self.phase = if self.keep_open { Phase::Detached } else { Phase::Closed };
        }
    }

    /// Refuses where no change can be kept any more.
    pub(crate) fn check_open(&self) -> Result<(), SessionError> {
        self.check_phase()?;
        match &self.base {
            Base::Outage(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Refuses once the request is over.
    pub(crate) fn check_phase(&self) -> Result<(), SessionError> {
        if self.phase != Phase::Closed {
            return Ok(());
        }
        Err(SessionError::new(
            SessionErrorKind::Closed,
            "the response was sent, so this session can no longer change; a handler that lives longer calls keep_open()",
        ))
    }

    /// Applies and logs a change.
    pub(crate) fn change(&mut self, op: Op, max_data: usize) -> Result<(), SessionError> {
        self.check_open()?;
        self.log.check_room(&op)?;
        self.view_mut().apply(&op, max_data)?;
        self.logged(op);
        Ok(())
    }

    /// Logs an update whose new value was computed outside the lock.
    pub(crate) fn updated(
        &mut self,
        key: &str,
        value: &[u8],
        change: Change,
        max_data: usize,
    ) -> Result<(), SessionError> {
        self.check_open()?;
        let op = Op::Update { key: key.into(), change };
        self.log.check_room(&op)?;
        self.view_mut().set(key, value, max_data)?;
        self.logged(op);
        Ok(())
    }

    fn logged(&mut self, op: Op) {
        self.log.push(op);
        self.generation += 1;
    }

    pub(crate) fn log_in(
        &mut self,
        subject: &str,
        at: Timestamp,
        max_data: usize,
    ) -> Result<(), SessionError> {
        self.change(Op::LogIn { subject: Subject::new(subject), at }, max_data)
    }

    /// Ends the base; what follows belongs to a new session.
    pub(crate) fn log_out(&mut self) {
        self.ends = true;
        let doubt = self.doubt.take();
        self.abandon(doubt.as_ref().map(|doubt| &doubt.sent));
        self.log = Log::default();
        self.view = Some(View::default());
        self.token = None;
        self.generation += 1;
    }

    pub(crate) fn pending(&self) -> Pending {
        let in_doubt = self.doubt.as_ref();
        Pending {
            changes: self.ends || in_doubt.is_some() || !self.log.is_empty(),
            changes_identity: self.ends
                || self.log.logs_in()
                || in_doubt.is_some_and(|doubt| doubt.log.logs_in()),
            in_doubt: in_doubt.is_some(),
        }
    }

    pub(crate) fn ends(&self) -> bool {
        self.ends
    }

    /// What the engine has to know of a request that was loaded with these facts, after what the client was told since.
    pub(crate) fn request(&self, loaded: RequestFacts) -> RequestFacts {
        RequestFacts {
            holds_cookie: loaded.holds_cookie || self.told,
            is_outdated: loaded.is_outdated && !self.told,
            ..loaded
        }
    }

    /// Hands out everything since the base, to be written. What is in doubt was settled before, or is not to be kept.
    pub(crate) fn take(&mut self, loaded: RequestFacts) -> Changes {
        self.doubt = None;
        self.taken = self.view().data.clone();
        Changes {
            request: self.request(loaded),
            is_detached: self.phase == Phase::Detached,
            base: self.base.clone(),
            ends: std::mem::take(&mut self.ends),
            abandoned: self.abandoned.take(),
            sent: None,
            log: std::mem::take(&mut self.log),
            view: self.view().clone(),
            bearer: self.bearer,
        }
    }

    /// Keeps what the client has to be told, and the token for the handler.
    pub(crate) fn deposit(&mut self, edits: ResponseEdits, token: Option<Token>) {
        self.edits.merge(edits);
        self.told |= token.is_some();
        if !self.ends {
            self.token = token.or(self.token.take());
        }
    }

    /// Puts back what could not be written; what may have been written stays in doubt.
    pub(crate) fn restore(&mut self, changes: &mut Changes) {
        let was_logged_out = self.ends;
        self.ends |= changes.ends;
        self.abandoned = self.abandoned.or(changes.abandoned);
        let log = std::mem::take(&mut changes.log);
        match changes.sent.take() {
            // Since it was taken. It is forgotten, like anything that is logged before a log-out.
            sent if was_logged_out => self.abandon(sent.as_ref()),
            Some(sent) => self.doubt = Some(Box::new(Doubt { sent, log })),
            None => self.log_before(log),
        }
    }

    /// Notes that what may have been written is to end.
    fn abandon(&mut self, sent: Option<&Sent>) {
        self.abandoned = sent.map(|sent| Ending::of(&sent.record)).or(self.abandoned);
    }

    fn log_before(&mut self, log: Log) {
        self.log = log.followed_by(std::mem::take(&mut self.log));
    }

    /// What an earlier save has sent without learning whether it arrived.
    pub(crate) fn in_doubt(&self) -> Option<Sent> {
        self.doubt.as_ref().map(|doubt| doubt.sent.clone())
    }

    /// What was in doubt has arrived, and the session stands on it.
    pub(crate) fn settle(&mut self, base: Base, max_data: usize) -> Result<(), SessionError> {
        self.doubt = None;
        self.ends = false;
        self.abandoned = None;
        self.rebase(base, max_data)
    }

    /// What was in doubt has not arrived, and is to be written like any other change.
    pub(crate) fn log_again(&mut self) {
        if let Some(doubt) = self.doubt.take() {
            self.log_before(doubt.log);
        }
    }

    /// What was in doubt stays unknown: it is neither shown nor written again.
    pub(crate) fn give_up(&mut self, max_data: usize) -> Result<(), SessionError> {
        self.doubt = None;
        self.rebase(self.base.clone(), max_data)
    }

    /// Stands on what was written from now on; what was logged meanwhile stays logged. Whoever logged out meanwhile has nothing
    /// of it: it is to end.
    pub(crate) fn rebase(&mut self, base: Base, max_data: usize) -> Result<(), SessionError> {
        let mut view = if self.ends { View::default() } else { base.view() };
        if !self.ends {
            self.log.check_guards(&self.taken, &view.data)?;
        }
        self.log.apply(&mut view, max_data).map_err(|error| {
            conflict("a change that was made during a save no longer applies").with_source(error)
        })?;
        let shown = self.view().data.clone();
        self.seen.compare(&shown, &view.data);
        self.base = base;
        self.is_rebased = true;
        self.view = Some(view);
        self.generation += 1;
        Ok(())
    }
}
