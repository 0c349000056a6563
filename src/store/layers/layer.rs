//! What all layers share: [`StoreLayer`] passes every call on to an inner store.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    error::StoreError,
    id::{KeyId, SessionId},
    record::{Record, Version},
    store::{
        ChangeListener, Created, End, Ended, Found, Guarantees, Loaded, PresentedToken, ReferenceToken,
        Replaced, Revocations, SessionIndex, SessionStore, StoreContext, Touched,
    },
    time::Timestamp,
};

/// A store around another one: every call goes to the [inner](Self::inner) store unless the layer overrides it.
///
/// Each method has the meaning and the contract of the method of [`SessionStore`] with the same name, and every layer is a
/// `SessionStore`. A layer that weakens what the inner store guarantees must override [`guarantees`](Self::guarantees).
///
/// ```
/// use cloakroom::{SessionStore, StoreError, store::{End, Ended, StoreContext, StoreLayer}};
///
/// /// Counts the sessions that are ended.
/// #[derive(Debug)]
/// struct Counting<S> {
///     inner: S,
///     ended: std::sync::atomic::AtomicUsize,
/// }
///
/// #[async_trait::async_trait]
/// impl<S: SessionStore> StoreLayer for Counting<S> {
///     fn inner(&self) -> &dyn SessionStore {
///         &self.inner
///     }
///
///     async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
///         self.ended.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         self.inner.end(end, cx).await
///     }
/// }
/// ```
#[async_trait]
#[allow(missing_docs, clippy::missing_errors_doc, reason = "see the methods of SessionStore")]
pub trait StoreLayer: fmt::Debug + Send + Sync + 'static {
    /// The store that is asked where the layer does not answer itself.
    fn inner(&self) -> &dyn SessionStore;

    fn guarantees(&self) -> Guarantees {
        self.inner().guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.inner().recognises(presented)
    }

    fn key_of(&self, presented: PresentedToken<'_>) -> Option<KeyId> {
        self.inner().key_of(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.inner().load(presented, cx).await
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        self.inner().load_now(presented, now)
    }

    fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        self.inner().reference_token(presented)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.inner().create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.inner().replace(record, expected, cx).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.inner().end(end, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.inner().touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.inner().find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.inner().index()
    }

    fn revocations(&self) -> Option<&dyn Revocations> {
        self.inner().revocations()
    }

    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        self.inner().announce_to(listener)
    }

    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        self.inner().drain(cx).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: StoreLayer> SessionStore for L {
    fn guarantees(&self) -> Guarantees {
        StoreLayer::guarantees(self)
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        StoreLayer::recognises(self, presented)
    }

    fn key_of(&self, presented: PresentedToken<'_>) -> Option<KeyId> {
        StoreLayer::key_of(self, presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        StoreLayer::load(self, presented, cx).await
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        StoreLayer::load_now(self, presented, now)
    }

    fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        StoreLayer::reference_token(self, presented)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        StoreLayer::create(self, record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        StoreLayer::replace(self, record, expected, cx).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        StoreLayer::end(self, end, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        StoreLayer::touch(self, record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        StoreLayer::find(self, id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        StoreLayer::index(self)
    }

    fn revocations(&self) -> Option<&dyn Revocations> {
        StoreLayer::revocations(self)
    }

    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        StoreLayer::announce_to(self, listener)
    }

    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        StoreLayer::drain(self, cx).await
    }
}
