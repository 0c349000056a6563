//! A store behind a line that counts what goes over it, and can be cut or held.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{
        Created, Ended, Found, Guarantees, Loaded, PresentedToken, Replaced, SessionIndex, StoreContext,
        Touched,
    },
    time::Timestamp,
};

use crate::gate::Gate;

#[derive(Debug, Clone)]
pub(crate) struct Line(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn SessionStore>,
    calls: AtomicUsize,
    is_cut: AtomicBool,
    is_held: AtomicBool,
    writes: Gate,
}

impl Line {
    pub(crate) fn to(store: Arc<dyn SessionStore>) -> Self {
        Self(Arc::new(Inner {
            store,
            calls: AtomicUsize::default(),
            is_cut: AtomicBool::default(),
            is_held: AtomicBool::default(),
            writes: Gate::default(),
        }))
    }

    /// How many calls went over it since this was last asked.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.swap(0, SeqCst)
    }

    pub(crate) fn cut(&self) {
        self.0.is_cut.store(true, SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.0.is_cut.store(false, SeqCst);
    }

    /// Holds the next write, which says so at the gate.
    pub(crate) fn hold(&self) -> &Gate {
        self.0.is_held.store(true, SeqCst);
        &self.0.writes
    }

    fn is_cut(&self) -> bool {
        self.0.is_cut.load(SeqCst)
    }

    fn count(&self) {
        self.0.calls.fetch_add(1, SeqCst);
    }

    fn read(&self) -> Result<&dyn SessionStore, StoreError> {
        self.count();
        if self.is_cut() {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the line is cut"));
        }
        Ok(&*self.0.store)
    }

    async fn write(&self) -> Result<&dyn SessionStore, StoreError> {
        if self.0.is_held.swap(false, SeqCst) {
            self.0.writes.wait().await;
        }
        self.read()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SessionStore for Line {
    fn guarantees(&self) -> Guarantees {
        self.0.store.guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.0.store.recognises(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.read()?.load(presented, cx).await
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        // Over a cut line nothing can be had at once; `load` then says so.
        let answer = if self.is_cut() { None } else { self.0.store.load_now(presented, now) };
        answer.inspect(|_| self.count())
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.write().await?.create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.write().await?.replace(record, expected, cx).await
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        self.write().await?.end(id, until, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.write().await?.touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.read()?.find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.0.store.index()
    }

    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        self.0.store.drain(cx).await
    }
}
