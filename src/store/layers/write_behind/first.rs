//! Writes that go to the store first, and questions to it.

use std::sync::Arc;

use super::{
    entry::{Entry, Pending},
    node::{Node, may_be_done},
};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, Created, End, Ended, Found, Freshness, Loaded, PresentedToken, ReferenceToken, Replaced,
        SessionStore, StoreContext, Token, Touched, Upkeep, authenticate,
    },
};

/// A write that goes first is under way. Dropped before it has ended, it may or may not have been done.
struct Busy<'a, S: SessionStore> {
    node: &'a Node<S>,
    id: SessionId,
    is_certain: bool,
}

impl<S: SessionStore> Drop for Busy<'_, S> {
    fn drop(&mut self) {
        self.node.sessions.with(&self.id, |entry| entry.end_first(self.is_certain));
    }
}

/// Writes.
impl<S: SessionStore> Node<S> {
    pub(super) async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let _turn = self.calls.enter(record.id(), cx.deadline).await?;
        let created = self.observe(self.store.create(record, cx.fresh()).await)?;
        match created {
            Created::Done(token) => {
                self.sessions.put_new(Entry::stored(record.clone().settled(), true, cx.now));
                Ok(Created::Done(self.token(record).unwrap_or(token)))
            }
            Created::Taken(stored) => Ok(Created::Taken(self.latest(stored))),
            Created::Ended => Ok(Created::Ended),
        }
    }

    /// Replaces a state in the store, unless it turns out that the change may wait.
    pub(super) async fn replace(
        self: &Arc<Self>,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let id = record.id();
        let _turn = self.calls.enter(id, cx.deadline).await?;
        loop {
            if let Some(answer) = self.replace_here(record, expected, cx.now) {
                return Ok(self.with_token(answer, record));
            }
            let begin = |entry: &mut Entry| {
                (entry.record.version() == expected).then(|| entry.begin_first(record, cx.now))
            };
            let Some(pending) = self.sessions.with(&id, begin).flatten() else {
                return self.replace_unknown(record, expected, cx).await;
            };
            if let Some(answer) = self.replace_first(&pending, cx).await? {
                return Ok(self.with_token(answer, record));
            }
        }
    }

    /// One attempt to replace what is known here, with the changes that wait; `None` if another attempt of before was done.
    async fn replace_first(
        &self,
        pending: &Pending,
        cx: StoreContext,
    ) -> Result<Option<Replaced>, StoreError> {
        let id = pending.record.id();
        let mut busy = Busy { node: self, id, is_certain: false };
        let at = StoreContext { now: pending.at, ..cx.fresh() };
        let answer = self.observe(self.store.replace(&pending.record, pending.base, at).await);
        busy.is_certain = answer.as_ref().err().is_none_or(|error| !may_be_done(error));
        match answer? {
            Replaced::Done(token) => {
                self.sessions.with(&id, |entry| entry.first_done(pending, cx.now));
                self.set_late(false);
                Ok(Some(Replaced::Done(token)))
            }
            Replaced::Conflict(stored) => {
                if self.sessions.with(&id, |entry| entry.meets(&stored, cx.now)) == Some(true) {
                    return Ok(None);
                }
                self.adopt(&stored, cx.now);
                Ok(Some(Replaced::Conflict(stored)))
            }
            Replaced::Gone(absence) => {
                self.forget_if_gone(&id, absence);
                Ok(Some(Replaced::Gone(absence)))
            }
        }
    }

    /// Replaces what is not known here.
    async fn replace_unknown(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let answer = self.observe(self.store.replace(record, expected, cx.fresh()).await)?;
        match &answer {
            Replaced::Done(_) => {
                self.sessions.put_new(Entry::stored(record.clone().settled(), true, cx.now));
            }
            Replaced::Conflict(stored) => {
                self.sessions.put_new(Entry::stored(stored.clone().settled(), false, cx.now));
            }
            Replaced::Gone(absence) => self.forget_if_gone(&record.id(), *absence),
        }
        Ok(self.with_token(answer, record))
    }

    pub(super) async fn touch(
        self: &Arc<Self>,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        let id = record.id();
        let _turn = self.calls.enter(id, cx.deadline).await?;
        if let Some(answer) = self.touch_here(record, cx.now) {
            return Ok(answer);
        }
        let touched = self.observe(self.store.touch(record, expected, cx.fresh()).await)?;
        match &touched {
            Touched::Done(_) => drop(self.sessions.with(&id, |entry| entry.touched(record))),
            Touched::Gone(absence) => self.forget_if_gone(&id, *absence),
        }
        Ok(touched)
    }

    pub(super) async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let _turn = self.calls.enter(end.id, cx.deadline).await?;
        self.sessions.with(&end.id, Entry::begin_end);
        let mut busy = Busy { node: self, id: end.id, is_certain: false };
        let answer = self.observe(self.store.end(end, cx.fresh()).await);
        match &answer {
            // Changes that wait end with the session.
            Ok(_) => drop(self.sessions.remove(&end.id)),
            Err(error) => busy.is_certain = !may_be_done(error),
        }
        answer
    }
}

/// Questions.
impl<S: SessionStore> Node<S> {
    pub(super) async fn load(
        &self,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let Some(token) = ReferenceToken::parse(presented.bytes()) else {
            return Ok(Loaded::Absent(Absence::Malformed));
        };
        let _turn = self.calls.enter(token.id(), cx.deadline).await?;
        let known = || self.open(&token, cx.now).filter(|_| cx.freshness == Freshness::Guaranteed);
        if let Some(loaded) = known() {
            return Ok(loaded);
        }
        match self.observe(self.store.load(presented, cx.fresh()).await) {
            Ok(Loaded::Live { record, upkeep }) => Ok(self.loaded(record, upkeep, &token, cx)),
            Ok(Loaded::Absent(absence)) => {
                self.forget_if_gone(&token.id(), absence);
                Ok(Loaded::Absent(absence))
            }
            // By now it may be known that the store does not answer, so that what is here counts for longer.
            Err(error) if error.is_outage() => known().ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// What the token opens, if the store has `stored`.
    fn loaded(&self, stored: Record, upkeep: Upkeep, token: &ReferenceToken, cx: StoreContext) -> Loaded {
        let latest = |entry: &mut Entry| entry.meets(&stored, cx.now).then(|| entry.record.clone());
        if let Some(latest) = self.sessions.with(&stored.id(), latest).flatten() {
            return authenticate(&latest, token, cx.now);
        }
        // In its grace a record is opened by two secrets.
        let kept = if stored.in_grace(cx.now) { stored.clone() } else { stored.opened_by(token.secret()) };
        self.adopt(&kept, cx.now);
        Loaded::Live { record: stored, upkeep }
    }

    pub(super) async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        let _turn = self.calls.enter(*id, cx.deadline).await?;
        let known = self.record(id, cx.now).filter(|_| cx.freshness == Freshness::Guaranteed);
        let found = match known {
            Some(record) => Found::Live(record),
            None => self.observe(self.store.find(id, cx.fresh()).await)?,
        };
        Ok(match found {
            Found::Live(stored) => match self.latest(stored) {
                record if record.is_expired(cx.now) => Found::Absent(Absence::Expired),
                record => Found::Live(record),
            },
            Found::Absent(absence) => {
                self.forget_if_gone(id, absence);
                Found::Absent(absence)
            }
        })
    }

    /// What is here, if it stands on what is stored, which else is the latest.
    fn latest(&self, stored: Record) -> Record {
        let latest = |entry: &mut Entry| entry.stands_on(&stored).then(|| entry.record.clone());
        self.sessions.with(&stored.id(), latest).flatten().unwrap_or(stored)
    }

    /// The same answer with the token that the client must be told, if there is one.
    pub(super) fn with_token(&self, answer: Replaced, record: &Record) -> Replaced {
        match answer {
            Replaced::Done(token) => Replaced::Done(self.token(record).or(token)),
            other => other,
        }
    }

    /// The token of this node, if the client has yet to be told of it.
    fn token(&self, record: &Record) -> Option<Token> {
        ReferenceToken::issue(record, self.options.node.as_ref())
    }
}
