//! A store before which there is a cache: [`Counted`].

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use cloakroom::{
    SessionStore, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{End, Ended, Loaded, PresentedToken, Replaced, StoreContext, StoreLayer},
};
use tokio::{sync::watch, task::yield_now};

use crate::plain::Plain;

/// Counts the loads that reach it, and can hold their replies up or fail.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    inner: Arc<dyn SessionStore>,
    loads: Arc<AtomicUsize>,
    mood: watch::Sender<Mood>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Answers,
    /// Replies wait.
    Holds,
    Fails(StoreErrorKind),
}

impl Counted {
    pub(crate) fn new() -> Self {
        let (loads, mood) = (Arc::default(), watch::Sender::new(Mood::Answers));
        Self { inner: Arc::new(Plain::default()), loads, mood }
    }

    pub(crate) fn loads(&self) -> usize {
        self.loads.load(SeqCst)
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    fn answer(&self) -> Result<(), StoreError> {
        match *self.mood.borrow() {
            Mood::Fails(kind) => Err(StoreError::new(kind, "it fails")),
            Mood::Answers | Mood::Holds => Ok(()),
        }
    }

    /// Waits until so many loads were sent.
    pub(crate) async fn has_loaded(&self, times: usize) {
        while self.loads() < times {
            yield_now().await;
        }
    }
}

#[async_trait]
impl StoreLayer for Counted {
    fn inner(&self) -> &dyn SessionStore {
        &self.inner
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        let loaded = self.inner.load(presented, cx).await;
        self.loads.fetch_add(1, SeqCst);
        let mut mood = self.mood.subscribe();
        mood.wait_for(|mood| *mood != Mood::Holds).await.expect("it is ours");
        self.answer()?;
        loaded
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.answer()?;
        self.inner.replace(record, expected, cx).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.answer()?;
        self.inner.end(end, cx).await
    }
}
