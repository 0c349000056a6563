//! The conformance suite, for pairs of stores in every phase.

use std::sync::Arc;

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError,
    conformance::{self, Harness, Outage},
    record::{Record, Version},
    store::{Created, Found, MigratingStore, Phase, SessionIndex, StoreContext, StoreLayer, Touched},
};

use crate::{
    plain::{Plain, Surroundings},
    world::store,
};

const PHASES: [Phase; 3] = [Phase::Prepare, Phase::Move, Phase::Finish];

/// One side with what can be done to it.
fn side(name: &str) -> Box<dyn Harness> {
    match name {
        "plain" => Box::new(Surroundings::new(|plain: Plain| plain)),
        name => Box::new(Shared(store(name))),
    }
}

/// A store whose handles are all the same. One that promises nothing beyond its process is asked for no other, unless it
/// is the old store of a migration that is finished, where it does not count.
struct Shared(Arc<dyn SessionStore>);

#[async_trait]
impl Harness for Shared {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.0.clone()
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.0.clone())
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.0.clone())
    }
}

/// Both sides, and what is put around them.
struct Pair<F> {
    old: Box<dyn Harness>,
    new: Box<dyn Harness>,
    around: F,
}

type Handle = Arc<dyn SessionStore>;

#[async_trait]
impl<F: Fn(Handle, Handle) -> Handle + Send + Sync> Harness for Pair<F> {
    async fn store(&self) -> Handle {
        (self.around)(self.old.store().await, self.new.store().await)
    }

    async fn second_handle(&self) -> Option<Handle> {
        Some((self.around)(self.old.second_handle().await?, self.new.second_handle().await?))
    }

    async fn restart(&self) -> Option<Handle> {
        Some((self.around)(self.old.restart().await?, self.new.restart().await?))
    }

    async fn dump(&self) -> Option<Vec<u8>> {
        Some([self.old.dump().await.unwrap_or_default(), self.new.dump().await.unwrap_or_default()].concat())
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        Some(Box::new(Outages([self.old.cut().await, self.new.cut().await])))
    }

    async fn hang(&self) -> Option<Box<dyn Outage>> {
        Some(Box::new(Outages([self.old.hang().await, self.new.hang().await])))
    }
}

struct Outages([Option<Box<dyn Outage>>; 2]);

#[async_trait]
impl Outage for Outages {
    async fn over(self: Box<Self>) {
        for outage in self.0.into_iter().flatten() {
            outage.over().await;
        }
    }
}

async fn passes(old: &str, new: &str) {
    for phase in PHASES {
        let around =
            move |old: Handle, new: Handle| -> Handle { Arc::new(MigratingStore::new(old, new, phase)) };
        let report = conformance::check(|| Pair { old: side(old), new: side(new), around }).await;
        assert!(report.failures().next().is_none(), "{old} to {new}, {phase:?}\n{report}");
    }
}

macro_rules! pairs_pass {
    ($($test:ident: $old:literal $new:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            passes($old, $new).await;
        })+
    };
}

pairs_pass! {
    memory_to_memory: "memory" "memory";
    memory_to_plain: "memory" "plain";
    plain_to_memory: "plain" "memory";
    plain_to_plain: "plain" "plain";
    memory_to_encrypted: "memory" "encrypted";
    encrypted_to_memory: "encrypted" "memory";
    plain_to_jwt: "plain" "jwt";
    jwt_to_plain: "jwt" "plain";
    jwt_to_signed: "jwt" "signed";
    encrypted_to_jwt: "encrypted" "jwt";
    encrypted_to_encrypted: "encrypted" "encrypted";
}

/// Sessions begin at a server that is still preparing, and everything else happens at one that moves them.
#[derive(Debug)]
struct Moves {
    preparing: MigratingStore,
    moving: MigratingStore,
}

impl Moves {
    fn between(old: Handle, new: Handle) -> Self {
        Self {
            preparing: MigratingStore::new(old.clone(), new.clone(), Phase::Prepare),
            moving: MigratingStore::new(old, new, Phase::Move),
        }
    }
}

#[async_trait]
impl StoreLayer for Moves {
    fn inner(&self) -> &dyn SessionStore {
        &self.moving
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.preparing.create(record, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.preparing.touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.preparing.find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.preparing.index()
    }
}

async fn passes_on_the_way(old: &str, new: &str) {
    let around = |old: Handle, new: Handle| -> Handle { Arc::new(Moves::between(old, new)) };
    let report = conformance::check(|| Pair { old: side(old), new: side(new), around }).await;
    report.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_to_memory_on_the_way() {
    passes_on_the_way("memory", "memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_to_plain_on_the_way() {
    passes_on_the_way("memory", "plain").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_to_plain_on_the_way() {
    passes_on_the_way("plain", "plain").await;
}
