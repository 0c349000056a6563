//! A real memory store behind a faulty line: it counts calls, and fails or loses replies on demand.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{
        Created, Ended, Found, Guarantees, Loaded, MemoryStore, PresentedToken, Replaced, SessionIndex,
        StoreContext, Touched,
    },
    time::Timestamp,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Probe {
    pub(crate) memory: MemoryStore,
    line: Arc<Line>,
}

#[derive(Debug, Default)]
struct Line {
    calls: AtomicUsize,
    down: AtomicBool,
    silent: AtomicBool,
    panicking: AtomicBool,
    keep_replies: AtomicUsize,
    lose_replies: AtomicUsize,
    delay: AtomicUsize,
    failing: Mutex<Option<StoreErrorKind>>,
}

impl Probe {
    /// How many calls went to the store since this was last asked.
    pub(crate) fn calls(&self) -> usize {
        self.line.calls.swap(0, SeqCst)
    }

    /// Cuts the line, or mends it.
    pub(crate) fn set_down(&self, down: bool) {
        self.line.down.store(down, SeqCst);
    }

    /// Lets calls wait for ever.
    pub(crate) fn set_silent(&self, silent: bool) {
        self.line.silent.store(silent, SeqCst);
    }

    /// Lets calls panic.
    pub(crate) fn set_panicking(&self, panicking: bool) {
        self.line.panicking.store(panicking, SeqCst);
    }

    /// Loses the replies of the next `count` writes, which take effect.
    pub(crate) fn lose_replies(&self, count: usize) {
        self.lose_replies_after(0, count);
    }

    /// The same after so many whose replies arrive.
    pub(crate) fn lose_replies_after(&self, kept: usize, count: usize) {
        self.line.keep_replies.store(kept, SeqCst);
        self.line.lose_replies.store(count, SeqCst);
    }

    /// Lets others go first, so many times, before the next call is made.
    pub(crate) fn delay_next(&self, yields: usize) {
        self.line.delay.store(yields, SeqCst);
    }

    /// Answers every call with an error of this kind, if any.
    pub(crate) fn fail_with(&self, kind: Option<StoreErrorKind>) {
        *self.line.failing.lock().unwrap() = kind;
    }

    async fn call(&self) -> Result<(), StoreError> {
        self.line.calls.fetch_add(1, SeqCst);
        if self.line.silent.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        for _ in 0..self.line.delay.swap(0, SeqCst) {
            tokio::task::yield_now().await;
        }
        assert!(!self.line.panicking.load(SeqCst), "the probe was told to panic");
        let failing = *self.line.failing.lock().unwrap();
        match failing {
            Some(kind) => Err(StoreError::new(kind, "the probe was told to fail")),
            None if self.line.down.load(SeqCst) => Err(unavailable()),
            None => Ok(()),
        }
    }

    fn reply<T>(&self, answer: T) -> Result<T, StoreError> {
        let counts =
            |left: &AtomicUsize| left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        let lost = !counts(&self.line.keep_replies) && counts(&self.line.lose_replies);
        if lost { Err(unavailable()) } else { Ok(answer) }
    }
}

fn unavailable() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the line is cut")
}

#[async_trait]
impl SessionStore for Probe {
    fn guarantees(&self) -> Guarantees {
        self.memory.guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.memory.recognises(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.call().await?;
        self.memory.load(presented, cx).await
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.call().await?;
        let answer = self.memory.create(record, cx).await?;
        self.reply(answer)
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.call().await?;
        let answer = self.memory.replace(record, expected, cx).await?;
        self.reply(answer)
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        self.call().await?;
        let answer = self.memory.end(id, until, cx).await?;
        self.reply(answer)
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.call().await?;
        let answer = self.memory.touch(record, expected, cx).await?;
        self.reply(answer)
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.call().await?;
        self.memory.find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.memory.index()
    }
}
