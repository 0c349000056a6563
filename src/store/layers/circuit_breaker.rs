//! A circuit breaker before any store.

use async_trait::async_trait;

use super::StoreLayer;
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        CircuitBreaker, CircuitBreakerOptions, Created, End, Ended, Found, Loaded, PresentedToken, Replaced,
        SessionIndex, SessionInfo, SessionStore, StoreContext, Touched,
    },
};

/// A store behind a [`CircuitBreaker`]: while the store does not answer, calls fail at once.
///
/// A login and a logout fail, too, with an error of the kind [`CircuitOpen`](crate::StoreErrorKind::CircuitOpen): an outage
/// is never "no session". What the store answers without waiting is still answered. The Redis store has a breaker of its own
/// and needs none around it.
///
/// ```
/// use cloakroom::{SessionManager, store::{CircuitBreakerOptions, CircuitBreakerStore, MemoryStore}};
///
/// // In place of a store on another machine:
/// let store = CircuitBreakerStore::new(MemoryStore::new(), CircuitBreakerOptions::default());
/// let sessions = SessionManager::new(store);
/// ```
#[derive(Debug)]
pub struct CircuitBreakerStore<S> {
    inner: S,
    breaker: CircuitBreaker,
}

impl<S: SessionStore> CircuitBreakerStore<S> {
    /// Puts a breaker before `inner`.
    #[must_use]
    pub const fn new(inner: S, options: CircuitBreakerOptions) -> Self {
        Self { inner, breaker: CircuitBreaker::new(options) }
    }
}

#[async_trait]
impl<S: SessionStore> StoreLayer for CircuitBreakerStore<S> {
    fn inner(&self) -> &dyn SessionStore {
        &self.inner
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        // What needs no store is answered without one.
        match self.inner.load_now(presented, cx.now) {
            Some(answer) => answer,
            None => self.breaker.call(cx.deadline, self.inner.load(presented, cx)).await,
        }
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.breaker.call(cx.deadline, self.inner.create(record, cx)).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.breaker.call(cx.deadline, self.inner.replace(record, expected, cx)).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.breaker.call(cx.deadline, self.inner.end(end, cx)).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.breaker.call(cx.deadline, self.inner.touch(record, expected, cx)).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.breaker.call(cx.deadline, self.inner.find(id, cx)).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.inner.index().map(|_| self as &dyn SessionIndex)
    }
}

#[async_trait]
impl<S: SessionStore> SessionIndex for CircuitBreakerStore<S> {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        self.breaker.call(cx.deadline, self.inner_index()?.list(subject, cx)).await
    }

    async fn count(&self, subject: &str, cx: StoreContext) -> Result<usize, StoreError> {
        self.breaker.call(cx.deadline, self.inner_index()?.count(subject, cx)).await
    }
}

impl<S: SessionStore> CircuitBreakerStore<S> {
    fn inner_index(&self) -> Result<&dyn SessionIndex, StoreError> {
        self.inner.index().ok_or_else(|| StoreError::unsupported("list the sessions of a subject"))
    }
}
