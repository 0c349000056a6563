//! The state of a session: what it is based on, what was logged since, and whether it may still change.

use super::{
    base::Base,
    changes::{Changes, Delivery, Logout, Phase, Unsaved},
    in_doubt::{InDoubt, Sent},
    log::Log,
    op::{Change, Guard, Op, conflict},
    read_set::{ReadSet, Sight},
    status::SessionStatus,
    view::View,
};
use crate::{
    error::{SessionError, SessionErrorKind},
    id::SessionId,
    record::{Data, Record},
    store::{Absence, End, EndedBy, Token},
    time::Timestamp,
    transport::{Read, RequestFacts, ResponseEdits},
};

#[derive(Debug)]
pub(crate) struct State {
    /// The largest data that it may hold.
    max_data: usize,
    phase: Phase,
    request: RequestFacts,
    base: Base,
    logout: Option<Logout>,
    /// What was logged before `log` and may be stored already.
    in_doubt: Option<Box<InDoubt>>,
    log: Log,
    /// The base with the log applied. Made by the first call that needs it: most requests only look at the base.
    view: Option<View>,
    read: ReadSet,
    /// While a save is under way and the handler may still change the session: the data that it saw when the save began.
    saving: Option<Data>,
    /// What the client has to be told with the response.
    edits: ResponseEdits,
    /// The token that the client came with, if it needs its cookie again: with the response to this request, or not at all.
    due: Option<Token>,
    /// The token that the last save brought.
    token: Option<Token>,
    delivery: Delivery,
    /// The ID that the session will be created with, once the handler was told it.
    reserved_id: Option<SessionId>,
    /// Whether a look at the store showed that the session has ended, or belongs to another login.
    is_lost: bool,
    /// Whether the store was asked for it as of this request.
    is_fresh: bool,
    /// Grows with each change, so that an update that ran outside the lock sees whether another change was faster.
    generation: u64,
}

impl State {
    pub(super) fn new(max_data: usize) -> Self {
        Self {
            max_data,
            phase: Phase::Open,
            request: RequestFacts::at(Timestamp::MIN),
            base: Base::Unloaded,
            logout: None,
            in_doubt: None,
            log: Log::default(),
            view: None,
            read: ReadSet::default(),
            saving: None,
            edits: ResponseEdits::default(),
            due: None,
            token: None,
            delivery: Delivery::default(),
            reserved_id: None,
            is_lost: false,
            is_fresh: false,
            generation: 0,
        }
    }

    /// Begins with what was loaded; `due` is the token that the client needs again.
    pub(crate) fn open(&mut self, base: Base, request: RequestFacts, due: Option<Token>) {
        let read = if base.record().is_some() { Read::Live } else { Read::Absent };
        self.edits = ResponseEdits::read(read);
        self.base = base;
        self.request = request;
        self.due = due;
    }

    pub(crate) fn is_loaded(&self) -> bool {
        !matches!(self.base, Base::Unloaded)
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    pub(crate) fn request(&self) -> RequestFacts {
        self.request
    }

    pub(crate) fn delivery(&self) -> Delivery {
        self.delivery
    }

    pub(super) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The record that the session is based on, unless it was logged out.
    pub(super) fn record(&self) -> Option<&Record> {
        if self.logs_out() { None } else { self.base.record() }
    }

    pub(super) fn view(&mut self) -> &mut View {
        self.view.get_or_insert_with(|| self.base.view())
    }

    /// The data that the handler sees, after noting that it looks at `key`, if that shows it anything stored.
    pub(super) fn look(&mut self, key: &str) -> Data {
        let stored = if self.logs_out() { None } else { self.base.record().map(Record::data) };
        if let Some(stored) = stored
            && !self.log.determines(key)
        {
            self.read.add(stored, key);
        }
        match &self.view {
            Some(view) => view.data.clone(),
            None => stored.cloned().unwrap_or_default(),
        }
    }

    /// What a blind write of the value under `key` has to respect.
    pub(super) fn guard(&self, key: &str) -> Result<Guard, SessionError> {
        let none = Data::default();
        match self.read.sight(self.base.record().map_or(&none, Record::data), key) {
            Sight::Unseen => Ok(Guard::Blind),
            Sight::Current => Ok(Guard::Read),
            Sight::Outdated => {
                Err(conflict("a value that this request read was changed by another request before a save"))
            }
        }
    }
}

/// Whether it may change, and its changes.
impl State {
    /// Lets the session change after its response has left.
    pub(super) fn keep_open(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        if self.phase == Phase::Open {
            self.phase = Phase::KeptOpen;
        }
        Ok(())
    }

    /// Ends the request.
    pub(crate) fn close(&mut self) {
        self.phase = match self.phase {
            Phase::Open | Phase::Closed => Phase::Closed,
            Phase::KeptOpen | Phase::Detached => Phase::Detached,
        };
    }

    /// Refuses where no change can be kept any more.
    pub(super) fn check_open(&self) -> Result<(), SessionError> {
        self.check_phase()?;
        match &self.base {
            Base::Outage(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Refuses once the request has ended.
    fn check_phase(&self) -> Result<(), SessionError> {
        if self.phase != Phase::Closed {
            return Ok(());
        }
        Err(SessionError::new(
            SessionErrorKind::Closed,
            "the response was sent, so this session can no longer change; a handler that outlives its response calls \
             keep_open() first",
        ))
    }

    /// Applies and logs a change.
    pub(super) fn change(&mut self, op: Op) -> Result<(), SessionError> {
        self.check_open()?;
        self.log.check_room(&op)?;
        let max_data = self.max_data;
        self.view().apply(&op, max_data)?;
        self.logged(op);
        Ok(())
    }

    /// Logs an update whose new value was computed outside the lock.
    pub(super) fn updated(&mut self, key: &str, value: &[u8], change: Change) -> Result<(), SessionError> {
        self.check_open()?;
        let op = Op::Update { key: key.into(), change };
        self.log.check_room(&op)?;
        let max_data = self.max_data;
        self.view().set(key, value, max_data)?;
        self.logged(op);
        Ok(())
    }

    fn logged(&mut self, op: Op) {
        self.log.push(op);
        self.generation += 1;
    }

    /// Logs a change that gives the client a new secret, and hands it out as a bearer token.
    pub(super) fn issue_bearer(&mut self) -> Result<(), SessionError> {
        self.change(Op::Renew)?;
        self.delivery = Delivery::Bearer;
        Ok(())
    }

    /// Ends the base; what follows belongs to a new session.
    pub(super) fn log_out(&mut self) -> Result<(), SessionError> {
        self.check_phase()?;
        let in_doubt = self.in_doubt.take();
        self.logout.get_or_insert_default();
        self.abandon(in_doubt.map(|in_doubt| in_doubt.sent));
        self.log = Log::default();
        self.view = Some(View::default());
        self.token = None;
        self.reserved_id = None;
        self.generation += 1;
        Ok(())
    }

    /// Whether it was logged out, and that is not written yet.
    pub(crate) fn logs_out(&self) -> bool {
        self.logout.is_some()
    }

    /// Notes that what may have been written is to end with the logout.
    fn abandon(&mut self, sent: Option<Sent>) {
        if let (Some(logout), Some(sent)) = (&mut self.logout, sent) {
            logout.also = Some(End::of(&sent.record, EndedBy::Client));
        }
    }
}

/// Its ID before it is stored.
impl State {
    /// The session's ID, if it is settled.
    pub(super) fn id(&self) -> Option<SessionId> {
        if let Some(record) = self.record() {
            return Some(record.id());
        }
        let created = self.in_doubt.as_ref().map(|in_doubt| &in_doubt.sent);
        created.filter(|sent| sent.expected.is_none()).map(|sent| sent.record.id()).or(self.reserved_id)
    }

    /// Whether the next save creates a session whose ID is still to be drawn.
    pub(super) fn needs_id(&mut self) -> bool {
        let is_open = self.check_open().is_ok() && self.is_loaded() && !self.is_saving();
        // An anonymous session may take the place of none whose cookie the browser kept back, so it is not created.
        let is_withheld = self.request.cookie_kept_back && !self.view().logged_in;
        is_open && !is_withheld && self.id().is_none() && self.view().is_worth_a_session()
    }

    pub(super) fn reserve_id(&mut self, id: SessionId) {
        self.reserved_id = Some(id);
    }
}

/// A handle that lives long: what it can learn, and what it can drop.
impl State {
    /// The record to look at again; `None` if nothing is stored, or it is to end.
    pub(crate) fn known(&self) -> Result<Option<Record>, SessionError> {
        match &self.base {
            Base::Outage(error) => Err(error.clone()),
            _ => Ok(self.record().cloned()),
        }
    }

    /// Bases the session on what is stored now. What was logged stays logged.
    pub(crate) fn reload(&mut self, base: Base) -> Result<(), SessionError> {
        let shown = self.base.record().map(Record::data).cloned().unwrap_or_default();
        self.move_to(base, &shown)
    }

    /// The session is no more. What was logged for it is dropped, apart from a login, which begins another one.
    pub(crate) fn lose(&mut self, absence: Absence) {
        self.base = Base::Absent(Some(absence));
        self.is_lost = true;
        self.read = ReadSet::default();
        let log = std::mem::take(&mut self.log);
        self.log = if log.logs_in() { log.since_login() } else { Log::default() };
        self.token = None;
        self.show_again();
    }

    /// Whether a look at the store showed that the session is no more.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether the store was asked for it as of this request, where it was loaded at all.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is_fresh || self.base.record().is_none()
    }

    /// Notes that the store was asked for it as of this request.
    pub(crate) fn set_fresh(&mut self) {
        self.is_fresh = true;
    }

    /// Whether its handler said that it outlives its response.
    pub(crate) fn outlives_response(&self) -> bool {
        matches!(self.phase, Phase::KeptOpen | Phase::Detached)
    }

    /// Drops what was logged and not written. A logout stays.
    pub(super) fn discard(&mut self) {
        self.log = Log::default();
        self.delivery = Delivery::default();
        self.reserved_id = None;
        self.show_again();
    }

    /// Drops what needs a new token and nothing else.
    pub(crate) fn discard_renewals(&mut self) {
        self.log.forget_renewals();
        self.delivery = Delivery::default();
        self.show_again();
    }

    /// Makes the view anew.
    fn show_again(&mut self) {
        let mut view = if self.logs_out() { View::default() } else { self.base.view() };
        let in_doubt = self.in_doubt.as_ref().map(|in_doubt| &in_doubt.log);
        for log in in_doubt.into_iter().chain([&self.log]) {
            // It applied when it was logged. What does not apply any more is refused when it is written.
            let _ = log.apply(&mut view, self.max_data);
        }
        self.view = Some(view);
        self.generation += 1;
    }

    /// What is known of the session; `has_expired` judges a record by the time now.
    pub(super) fn status(&self, has_expired: impl FnOnce(&Record) -> bool) -> SessionStatus {
        match &self.base {
            Base::Outage(_) => SessionStatus::Unknown,
            Base::Live { record, .. } if !self.logs_out() && !has_expired(record) => SessionStatus::Live,
            Base::Live { .. } => SessionStatus::Ended,
            Base::Absent(Some(Absence::Rotated { .. })) if self.is_lost => SessionStatus::Replaced,
            Base::Absent(_) if self.is_lost => SessionStatus::Ended,
            Base::Absent(_) | Base::Ambiguous(_) | Base::Unloaded => SessionStatus::New,
        }
    }
}

/// Saves.
impl State {
    pub(crate) fn unsaved(&self) -> Unsaved {
        let in_doubt = self.in_doubt.as_ref().map(|in_doubt| &in_doubt.log);
        if self.logs_out() || self.log.logs_in() || in_doubt.is_some_and(Log::logs_in) {
            Unsaved::Identity
        } else if in_doubt.is_some() || !self.log.is_empty() {
            Unsaved::Changes
        } else {
            Unsaved::Nothing
        }
    }

    /// Whether a handler's save is under way. What it writes is not among what is unsaved.
    pub(crate) fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Hands out everything since the base, to be written. What was in doubt was resolved before, or is not to be kept.
    pub(crate) fn take(&mut self) -> Changes {
        self.in_doubt = None;
        let view = self.view().clone();
        self.saving = (self.phase != Phase::Closed).then(|| view.data.clone());
        Changes {
            request: self.request,
            phase: self.phase,
            base: self.base.clone(),
            logout: self.logout.take(),
            sent: None,
            log: std::mem::take(&mut self.log),
            view,
            delivery: self.delivery,
            reserved_id: self.reserved_id,
            is_lost: self.is_lost,
            token: if self.phase == Phase::Detached { None } else { self.due.take() },
        }
    }

    /// Puts back what could not be written; what may have been written stays in doubt.
    pub(crate) fn restore(&mut self, changes: &mut Changes) {
        let shown = self.saving.take().unwrap_or_default();
        let log = std::mem::take(&mut changes.log);
        let sent = changes.sent.take();
        // A logout during the save forgets everything that was logged before it.
        if let Some(logout) = &mut self.logout {
            logout.also = logout.also.or(changes.logout.and_then(|earlier| earlier.also));
            return self.abandon(sent);
        }
        self.logout = changes.logout.take();
        match sent {
            Some(sent) => self.in_doubt = Some(Box::new(InDoubt { sent, log, shown })),
            None => self.log_before(log),
        }
        // A handler may have dropped what was logged during the save.
        self.show_again();
    }

    fn log_before(&mut self, log: Log) {
        self.log = log.followed_by(std::mem::take(&mut self.log));
    }

    /// What an earlier save has sent without learning whether it arrived.
    pub(crate) fn in_doubt(&self) -> Option<Sent> {
        self.in_doubt.as_ref().map(|in_doubt| in_doubt.sent.clone())
    }

    /// What was in doubt has arrived, and the session is based on it.
    pub(crate) fn confirm(&mut self, base: Base) -> Result<(), SessionError> {
        self.logout = None;
        let in_doubt = self.in_doubt.take();
        self.move_to(base, &in_doubt.map(|in_doubt| in_doubt.shown).unwrap_or_default())
    }

    /// What was in doubt has not arrived, and is to be written like any other change.
    pub(crate) fn log_again(&mut self) {
        if let Some(in_doubt) = self.in_doubt.take() {
            self.log_before(in_doubt.log);
        }
    }

    /// It can no longer be told whether what was in doubt has arrived: it is neither shown nor written again.
    pub(crate) fn give_up(&mut self) {
        if let Some(in_doubt) = self.in_doubt.take() {
            // A later change that no longer applies without it is refused when it is written.
            let _ = self.move_to(self.base.clone(), &in_doubt.shown);
        }
    }

    /// Ends a save: the session is based on what was written. What was logged meanwhile stays logged.
    pub(crate) fn rebase(&mut self, base: Base) -> Result<(), SessionError> {
        let shown = self.saving.take().unwrap_or_default();
        self.move_to(base, &shown)
    }

    /// Applies what was logged since `shown` to another base. A handler that logged out since sees nothing of it: it is to end.
    fn move_to(&mut self, base: Base, shown: &Data) -> Result<(), SessionError> {
        let mut view = if self.logs_out() { View::default() } else { base.view() };
        if !self.logs_out() {
            self.log.check_guards(shown, &view.data)?;
        }
        self.log.apply(&mut view, self.max_data).map_err(|error| {
            conflict("a change that was made during a save no longer applies").with_source(error)
        })?;
        let before = self.view().data.clone();
        let [old, new] =
            [&self.base, &base].map(|base| base.record().map(Record::data).cloned().unwrap_or_default());
        self.read.rebase([&old, &new], [&before, &view.data]);
        if base.record().is_some() {
            (self.reserved_id, self.is_lost) = (None, false);
        }
        self.base = base;
        self.view = Some(view);
        self.generation += 1;
        Ok(())
    }

    /// Keeps what the client has to be told until the response leaves, and the token for the handler.
    pub(crate) fn deposit(&mut self, edits: ResponseEdits, token: Option<Token>) {
        self.edits.merge(edits);
        if token.is_some() {
            self.request.holds_cookie = true;
            self.request.has_previous_secret = false;
        }
        if !self.logs_out() {
            self.token = token.or(self.token.take());
        }
    }

    /// What the client has to be told with the response.
    pub(crate) fn take_edits(&mut self) -> ResponseEdits {
        std::mem::take(&mut self.edits)
    }
}
