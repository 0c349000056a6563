//! The rungs, and what can be wrong with one.

use std::sync::Arc;

use async_trait::async_trait;
use cloakroom::{
    SessionStore, StoreError,
    record::{Record, Version},
    store::{
        Absence, End, Ended, Guarantees, Loaded, PresentedToken, Replaced, Revocation, StoreContext,
        StoreLayer,
    },
};

/// A rung: what a node puts around the shared store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rung {
    pub(crate) name: &'static str,
    layer: fn(Arc<dyn SessionStore>) -> Arc<dyn SessionStore>,
    flaw: Option<Flaw>,
}

impl Rung {
    const fn new(name: &'static str, layer: fn(Arc<dyn SessionStore>) -> Arc<dyn SessionStore>) -> Self {
        Self { name, layer, flaw: None }
    }

    /// What a node serves sessions from.
    pub(crate) fn build(&self, shared: Arc<dyn SessionStore>) -> Arc<dyn SessionStore> {
        let store = (self.layer)(shared);
        match self.flaw {
            None => store,
            Some(flaw) => Arc::new(Flawed { store, flaw }),
        }
    }
}

pub(crate) const RUNGS: &[Rung] = &[Rung::new("the shared store itself", |shared| shared)];

/// What can be wrong with a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It declares that ends and changes are seen at once.
    DeclaresToBeFresh,
    /// It confirms ends that it does not make.
    SwallowsEnds,
    /// It writes over what it has not seen.
    WritesBlindly,
    /// It takes an outage for no session.
    HidesOutages,
}

pub(crate) const FLAWS: &[Flaw] =
    &[Flaw::DeclaresToBeFresh, Flaw::SwallowsEnds, Flaw::WritesBlindly, Flaw::HidesOutages];

/// The rung with the flaw, unless it makes no difference there.
pub(crate) fn flawed(rung: &Rung, flaw: Flaw) -> Option<Rung> {
    let is_fresh = rung.build(Arc::new(cloakroom::store::MemoryStore::new())).guarantees().revocation
        == Revocation::AtOnce;
    (flaw != Flaw::DeclaresToBeFresh || !is_fresh).then_some(Rung { flaw: Some(flaw), ..*rung })
}

#[derive(Debug)]
struct Flawed {
    store: Arc<dyn SessionStore>,
    flaw: Flaw,
}

#[async_trait]
impl StoreLayer for Flawed {
    fn inner(&self) -> &dyn SessionStore {
        &self.store
    }

    fn guarantees(&self) -> Guarantees {
        match self.flaw {
            Flaw::DeclaresToBeFresh => self.store.guarantees().revocation(Revocation::AtOnce),
            _ => self.store.guarantees(),
        }
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        match self.store.load(presented, cx).await {
            Err(_) if self.flaw == Flaw::HidesOutages => Ok(Loaded::Absent(Absence::Unknown)),
            answer => answer,
        }
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match self.store.replace(record, expected, cx).await? {
            Replaced::Conflict(stored) if self.flaw == Flaw::WritesBlindly => {
                self.store.replace(record, stored.version(), cx).await
            }
            answer => Ok(answer),
        }
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        if self.flaw == Flaw::SwallowsEnds {
            return Ok(Ended::Done);
        }
        self.store.end(end, cx).await
    }
}
