//! A store with something done around each call: tests count, delay, fail and drop calls with it.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError,
    record::{Record, Version},
    store::{
        Created, End, Ended, Found, Loaded, PresentedToken, Replaced, SessionIndex, SessionInfo,
        StoreContext, StoreLayer, Touched, within,
    },
    time::Timestamp,
};

/// A call of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Load,
    Create,
    Replace,
    Touch,
    End,
    Find,
    List,
}

impl Call {
    pub(crate) fn is_write(self) -> bool {
        !matches!(self, Self::Load | Self::Find | Self::List)
    }
}

/// What is done around each call.
pub(crate) trait Hook: fmt::Debug + Send + Sync + 'static {
    /// Makes the call by awaiting `made`, or does not.
    fn around<T: Send>(
        &self,
        call: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;

    /// Passes on what a load answers without waiting. By default none does, so that every load goes through
    /// [`around`](Self::around).
    fn now<T>(&self, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        let _ = answer;
        None
    }
}

impl<H: Hook> Hook for Arc<H> {
    async fn around<T: Send>(
        &self,
        call: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        (**self).around(call, made).await
    }

    fn now<T>(&self, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        (**self).now(answer)
    }
}

/// A store with a hook around each call, which ends at its deadline as every store's has to, whatever the hook does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hooked<S, H> {
    pub(crate) store: S,
    pub(crate) hook: H,
}

#[async_trait]
impl<S: SessionStore, H: Hook> StoreLayer for Hooked<S, H> {
    fn inner(&self) -> &dyn SessionStore {
        &self.store
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        within(cx.deadline, self.hook.around(Call::Load, self.store.load(presented, cx))).await
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        self.hook.now(|| self.store.load_now(presented, now))
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        within(cx.deadline, self.hook.around(Call::Create, self.store.create(record, cx))).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        within(cx.deadline, self.hook.around(Call::Replace, self.store.replace(record, expected, cx))).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        within(cx.deadline, self.hook.around(Call::End, self.store.end(end, cx))).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        within(cx.deadline, self.hook.around(Call::Touch, self.store.touch(record, expected, cx))).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        within(cx.deadline, self.hook.around(Call::Find, self.store.find(id, cx))).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.store.index().map(|_| self as _)
    }
}

#[async_trait]
impl<S: SessionStore, H: Hook> SessionIndex for Hooked<S, H> {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let index = self.store.index().expect("it was there");
        within(cx.deadline, self.hook.around(Call::List, index.list(subject, cx))).await
    }
}
