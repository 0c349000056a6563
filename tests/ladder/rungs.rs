//! The rungs, and what can be wrong with one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cloakroom::{
    SessionStore, StoreError,
    keyring::{KeyRing, SecretKey},
    record::{Record, Version},
    store::{
        Absence, Cached, CachedOptions, End, Ended, Guarantees, Hybrid, Loaded, PresentedToken, Replaced,
        Revocation, StoreContext, StoreLayer, WhileDown, WriteBehind, WriteBehindOptions,
    },
};

use crate::{network::Simulated, shared::Shared};

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

    fn declares_to_be_fresh(&self) -> bool {
        let shared = Shared::new(Simulated::begin());
        self.build(shared).guarantees().revocation == Revocation::AtOnce
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

pub(crate) const RUNGS: &[Rung] = &[
    Rung::new("the shared store itself", |shared| shared),
    Rung::new("cached", |shared| {
        let options = CachedOptions { within: Duration::from_secs(2), ..CachedOptions::default() };
        Arc::new(Cached::with_options(shared, options).unwrap())
    }),
    Rung::new("cached, and stale while the store is down", |shared| {
        let options = CachedOptions {
            within: Duration::from_secs(1),
            stale_if_error: Some(Duration::from_secs(6)),
            ..CachedOptions::default()
        };
        Arc::new(Cached::with_options(shared, options).unwrap())
    }),
    Rung::new("written behind", |shared| Arc::new(WriteBehind::new(shared).unwrap())),
    Rung::new("written behind, and bridging an outage", |shared| {
        let options = WriteBehindOptions { bridge: Duration::from_secs(4), ..WriteBehindOptions::default() };
        Arc::new(WriteBehind::with_options(shared, options).unwrap())
    }),
    Rung::new("hybrid", |shared| Arc::new(hybrid(shared))),
    Rung::new("hybrid, and read while the store is down", |shared| {
        Arc::new(hybrid(shared).while_down(WhileDown::Read { up_to: Duration::from_secs(20) }))
    }),
    Rung::new("hybrid, before a cache", |shared| Arc::new(hybrid(Cached::new(shared).unwrap()))),
];

/// Clocks here differ by less than four seconds.
fn hybrid<S: SessionStore>(shared: S) -> Hybrid<S> {
    let keys = KeyRing::new(SecretKey::from_bytes(&(0..32).collect::<Vec<_>>()).unwrap());
    Hybrid::new(shared, &keys).unwrap().fresh_for(Duration::from_secs(8)).leeway(Duration::from_secs(4))
}

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
    let is_fresh = rung.declares_to_be_fresh();
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
