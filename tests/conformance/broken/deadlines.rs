//! Flaws of ending in time.

use async_trait::async_trait;
use cloakroom::{
    SessionStore as _, StoreError,
    store::{Loaded, PresentedToken, StoreContext},
    time::Deadline,
};

use super::Flaw;
use crate::plain::Plain;

/// Waits for an answer as long as it takes.
#[derive(Debug, Default)]
pub(crate) struct IgnoresDeadlines;

#[async_trait]
impl Flaw for IgnoresDeadlines {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        good.load(presented, StoreContext::new(cx.now, Deadline::NONE)).await
    }
}

/// Waits for a deadline that has passed.
#[derive(Debug, Default)]
pub(crate) struct HangsAfterDeadlines;

#[async_trait]
impl Flaw for HangsAfterDeadlines {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        if cx.deadline.is_over() {
            std::future::pending::<()>().await;
        }
        good.load(presented, cx).await
    }
}
