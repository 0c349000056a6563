//! What a store author gives to the suite: a fresh store, and access to what one server alone does not see.

use std::sync::Arc;

use async_trait::async_trait;

use crate::store::SessionStore;

/// A fresh, empty store together with its surroundings. Every check gets its own.
///
/// Only [`store`](Self::store) is required. Each other method lets the suite check one thing more. A check that needs a method which
/// the harness does not have has failed, unless it is [waived](super::check_waiving) by name. An `Arc` of a store is a harness with
/// `store` alone.
///
/// A harness that cannot be set up panics, and the check fails with that reason.
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
    /// The store, empty at first. Every call returns a handle of the same one.
    async fn store(&self) -> Arc<dyn SessionStore>;

    /// Another handle to the same sessions, as another server would have: it shares no memory with the first.
    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        None
    }

    /// Stops what keeps the sessions, starts it again, and returns a handle to what is left.
    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        None
    }

    /// Ends the server that [`store`](Self::store) is a handle of as a crash would, and returns a handle of another one that shares its
    /// sessions: what only the first had in its memory is lost, and nothing that it sends later arrives.
    ///
    /// It is for stores that acknowledge changes before they are [durable](crate::store::Durability).
    async fn crash(&self) -> Option<Arc<dyn SessionStore>> {
        None
    }

    /// Every byte of the store that is outside of this process.
    async fn dump(&self) -> Option<Vec<u8>> {
        None
    }

    /// Makes the store unavailable until the outage is [over](Outage::over), as if its server was not running.
    async fn cut(&self) -> Option<Box<dyn Outage>> {
        None
    }

    /// Makes the store silent until the outage is [over](Outage::over): as if a cable was cut, nothing answers and nothing fails.
    async fn hang(&self) -> Option<Box<dyn Outage>> {
        None
    }
}

/// An outage that a [`Harness`] has caused.
#[async_trait]
pub trait Outage: Send + Sync {
    /// Ends the outage, and returns when the store is available again.
    async fn over(self: Box<Self>);
}

#[async_trait]
impl<S: SessionStore + ?Sized> Harness for Arc<S> {
    async fn store(&self) -> Arc<dyn SessionStore> {
        Arc::new(Self::clone(self))
    }
}
