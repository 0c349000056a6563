//! The shared store, and what it held at which time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError,
    record::{Record, Version},
    store::{
        Absence, Created, End, Ended, Found, Guarantees, Index, MemoryStore, Replaced, Scope, StoreContext,
        StoreLayer,
    },
};

use crate::network::{Moment, Simulated};

/// What a session was for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Live { number: u64, logged_in: bool, epoch: u32 },
    Ended,
}

/// A store that all nodes share. That it keeps its records in memory is known to it alone.
#[derive(Debug)]
pub(crate) struct Shared {
    store: MemoryStore,
    time: Simulated,
    timelines: Mutex<HashMap<SessionId, Vec<(Moment, State)>>>,
}

impl Shared {
    pub(crate) fn new(time: Simulated) -> Arc<Self> {
        Arc::new(Self { store: MemoryStore::new(), time, timelines: Mutex::default() })
    }

    /// What the session was at any time from one moment to another. Nothing was stored if it is empty.
    pub(crate) fn between(&self, id: &SessionId, from: Moment, to: Moment) -> Vec<State> {
        let timelines = self.timelines.lock().unwrap();
        let timeline = timelines.get(id).map_or(&[][..], Vec::as_slice);
        let first = timeline.iter().rposition(|(since, _)| *since <= from).unwrap_or(0);
        timeline[first..].iter().take_while(|(since, _)| *since <= to).map(|(_, state)| *state).collect()
    }

    /// Since when the session has been stored.
    pub(crate) fn began(&self, id: &SessionId) -> Option<Moment> {
        self.timelines.lock().unwrap().get(id)?.first().map(|(since, _)| *since)
    }

    pub(crate) fn latest(&self, id: &SessionId) -> Option<State> {
        self.timelines.lock().unwrap().get(id)?.last().map(|(_, state)| *state)
    }

    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        self.timelines.lock().unwrap().keys().copied().collect()
    }

    /// Writes down what is stored now.
    async fn note(&self, id: &SessionId, cx: StoreContext) -> Result<(), StoreError> {
        let state = match self.store.find(id, cx).await? {
            Found::Live(record) => state_of(&record),
            Found::Absent(Absence::Ended { .. }) => State::Ended,
            Found::Absent(_) => return Ok(()),
        };
        let mut timelines = self.timelines.lock().unwrap();
        let timeline = timelines.entry(*id).or_default();
        if timeline.last().is_none_or(|(_, last)| *last != state) {
            timeline.push((self.time.now(), state));
        }
        Ok(())
    }
}

fn state_of(record: &Record) -> State {
    let number = record.data().get("number").map_or(Ok(0), |json| String::from_utf8_lossy(json).parse());
    State::Live { number: number.unwrap(), logged_in: record.subject().is_some(), epoch: record.epoch() }
}

#[async_trait]
impl StoreLayer for Shared {
    fn inner(&self) -> &dyn SessionStore {
        &self.store
    }

    fn guarantees(&self) -> Guarantees {
        self.store
            .guarantees()
            .name("shared")
            .scope(Scope::AllNodes)
            .survives_restart(true)
            .index(Index::AllNodes)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let answer = self.store.create(record, cx).await;
        self.note(&record.id(), cx).await?;
        answer
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let answer = self.store.replace(record, expected, cx).await;
        self.note(&record.id(), cx).await?;
        answer
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let answer = self.store.end(end, cx).await;
        self.note(&end.id, cx).await?;
        answer
    }
}
