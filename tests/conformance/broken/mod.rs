//! Stores with one flaw each, around a good one.
//!
//! | module | flaws of |
//! | --- | --- |
//! | `writes` | beginning and changing sessions |
//! | `ends` | ending them |
//! | `deadlines` | calls that end in time |
//! | `times` | expiry, touches and clocks |
//! | `secrets` | tokens, secrets and their rotation |
//! | `index` | the index |
//! | `guarantees` | limits, servers, outages, answers that agree |

pub(crate) mod deadlines;
pub(crate) mod ends;
pub(crate) mod guarantees;
pub(crate) mod index;
pub(crate) mod secrets;
pub(crate) mod times;
pub(crate) mod writes;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError,
    record::{Record, Version},
    store::{
        ChangeListener, Created, End, Ended, Found, Guarantees, KeyId, Loaded, PresentedToken,
        ReferenceToken, Replaced, Revocations, SessionIndex, SessionInfo, StoreContext, Touched, Upkeep,
    },
    time::Timestamp,
};

use crate::plain::Plain;

/// What a broken store does otherwise than the good one. Each method does the same unless a flaw says otherwise.
#[async_trait]
pub(crate) trait Flaw: fmt::Debug + Send + Sync + 'static {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        good.guarantees()
    }

    fn recognises(&self, good: &Plain, presented: PresentedToken<'_>) -> bool {
        good.recognises(presented)
    }

    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        good.load(presented, cx).await
    }

    fn load_now(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        now: Timestamp,
    ) -> Option<Result<Loaded, StoreError>> {
        good.load_now(presented, now)
    }

    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        good.create(record, cx).await
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        good.replace(record, expected, cx).await
    }

    async fn end(&self, good: &Plain, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        good.end(end, cx).await
    }

    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        Ok(match self.replace(good, record, expected, cx).await? {
            Replaced::Done(token) => Touched::Done(token),
            Replaced::Conflict(_) => Touched::Done(None),
            Replaced::Gone(absence) => Touched::Gone(absence),
        })
    }

    async fn find(&self, good: &Plain, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        good.find(id, cx).await
    }

    async fn list(
        &self,
        good: &Plain,
        subject: &str,
        cx: StoreContext,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        good.list(subject, cx).await
    }

    async fn count(&self, good: &Plain, subject: &str, cx: StoreContext) -> Result<usize, StoreError> {
        good.count(subject, cx).await
    }

    fn has_index(&self) -> bool {
        true
    }
}

/// The good store with a flaw.
#[derive(Debug)]
pub(crate) struct Broken<F>(pub(crate) Plain, pub(crate) F);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<F: Flaw> SessionStore for Broken<F> {
    fn guarantees(&self) -> Guarantees {
        self.1.guarantees(&self.0)
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.1.recognises(&self.0, presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.1.load(&self.0, presented, cx).await
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        self.1.load_now(&self.0, presented, now)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.1.create(&self.0, record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.1.replace(&self.0, record, expected, cx).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.1.end(&self.0, end, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.1.touch(&self.0, record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.1.find(&self.0, id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.1.has_index().then_some(self)
    }

    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        self.0.announce_to(listener)
    }

    fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        self.0.reference_token(presented)
    }

    fn revocations(&self) -> Option<&dyn Revocations> {
        self.0.revocations()
    }

    fn key_of(&self, presented: PresentedToken<'_>) -> Option<KeyId> {
        self.0.key_of(presented)
    }

    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        self.0.drain(cx).await
    }
}

#[async_trait]
impl<F: Flaw> SessionIndex for Broken<F> {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        self.1.list(&self.0, subject, cx).await
    }

    async fn count(&self, subject: &str, cx: StoreContext) -> Result<usize, StoreError> {
        self.1.count(&self.0, subject, cx).await
    }
}

/// What a token names, without a look at its secret.
fn named(presented: PresentedToken<'_>) -> Option<ReferenceToken> {
    ReferenceToken::parse(presented.bytes())
}

fn live(record: Record) -> Loaded {
    Loaded::Live { record, upkeep: Upkeep::None }
}
