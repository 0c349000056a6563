//! A store behind a line that counts what goes over it, and can be cut or held.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use cloakroom::{SessionStore, StoreError, StoreErrorKind};

use crate::{
    gate::Gate,
    hooked::{Call, Hook, Hooked},
};

pub(crate) type Line = Hooked<Arc<dyn SessionStore>, Arc<State>>;

#[derive(Debug, Default)]
pub(crate) struct State {
    calls: AtomicUsize,
    is_cut: AtomicBool,
    is_held: AtomicBool,
    writes: Gate,
}

impl Line {
    pub(crate) fn to(store: Arc<dyn SessionStore>) -> Self {
        Self { store, hook: Arc::default() }
    }

    /// How many calls went over it since this was last asked.
    pub(crate) fn calls(&self) -> usize {
        self.hook.calls.swap(0, SeqCst)
    }

    pub(crate) fn cut(&self) {
        self.hook.is_cut.store(true, SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.hook.is_cut.store(false, SeqCst);
    }

    /// Holds the next write, which says so at the gate.
    pub(crate) fn hold(&self) -> &Gate {
        self.hook.is_held.store(true, SeqCst);
        &self.hook.writes
    }
}

impl State {
    fn is_cut(&self) -> bool {
        self.is_cut.load(SeqCst)
    }

    fn count(&self) {
        self.calls.fetch_add(1, SeqCst);
    }
}

impl Hook for State {
    async fn around<T: Send>(
        &self,
        call: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if call.is_write() && self.is_held.swap(false, SeqCst) {
            self.writes.wait().await;
        }
        self.count();
        if self.is_cut() {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the line is cut"));
        }
        made.await
    }

    /// Over a cut line nothing can be had at once; `load` then says so.
    fn now<T>(&self, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        let answer = if self.is_cut() { None } else { answer() };
        answer.inspect(|_| self.count())
    }
}
