//! What a store author gives to the suite: a fresh store, and the ways of seeing what a server alone does not see.

use std::sync::Arc;

use async_trait::async_trait;

use crate::store::SessionStore;

/// A fresh, empty store together with its surroundings; every check gets one of its own.
///
/// Only [`store`](Self::store) is needed. Each other method lets the suite see one more thing; a promise that cannot be
/// seen to be kept without it counts as broken unless it is [waived](super::check_waiving) by name. An
/// `Arc` of a store is a harness that offers nothing else.
///
/// A harness that cannot be set up panics: the check then fails with that reason.
///
/// ```
/// use std::sync::Arc;
/// use async_trait::async_trait;
/// use cloakroom::{SessionStore, conformance::Harness, store::MemoryStore};
///
/// struct OneProcess(MemoryStore);
///
/// #[async_trait]
/// impl Harness for OneProcess {
///     async fn store(&self) -> Arc<dyn SessionStore> {
///         Arc::new(self.0.clone())
///     }
///
///     async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
///         Some(Arc::new(self.0.clone()))
///     }
/// }
/// ```
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store. Empty at first; every call gives a handle of the same one.
    async fn store(&self) -> Arc<dyn SessionStore>;

    /// Another handle to the same sessions, as another server has one: it shares no memory with the first.
    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        None
    }

    /// Stops what keeps the sessions, starts it again, and gives a handle to what is left.
    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        None
    }

    /// Every byte of it that stands outside of this process.
    async fn dump(&self) -> Option<Vec<u8>> {
        None
    }

    /// Puts the store out of reach until the outage is [over](Outage::over).
    async fn cut(&self) -> Option<Box<dyn Outage>> {
        None
    }
}

/// An outage that a [`Harness`] has caused.
#[async_trait]
pub trait Outage: Send + Sync {
    /// Ends the outage; returns when the store can be reached again.
    async fn over(self: Box<Self>);
}

#[async_trait]
impl<S: SessionStore + ?Sized> Harness for Arc<S> {
    async fn store(&self) -> Arc<dyn SessionStore> {
        Arc::new(Self::clone(self))
    }
}
