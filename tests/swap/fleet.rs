//! Several servers that roll through the phases of a migration.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use cloakroom::{
    Cookie, SessionId, SessionManager, SessionStore, StoreError,
    record::{Record, Version},
    store::{
        Created, Ended, Found, Guarantees, Loaded, MigratingStore, Phase, PresentedToken, Replaced,
        StoreContext, Touched,
    },
    time::{ManualClock, Timestamp},
};

use crate::dice::Dice;

const SERVERS: usize = 3;

/// Some moment in 2026.
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Where all servers are brought.
pub(crate) enum Stage {
    Alone(Arc<dyn SessionStore>),
    Migrating { old: Arc<dyn SessionStore>, new: Arc<dyn SessionStore>, phase: Phase },
}

impl Stage {
    pub(crate) fn between(old: &Arc<dyn SessionStore>, new: &Arc<dyn SessionStore>, phase: Phase) -> Self {
        Self::Migrating { old: old.clone(), new: new.clone(), phase }
    }
}

/// Several servers behind one address.
pub(crate) struct Fleet {
    servers: Mutex<Vec<SessionManager>>,
    migrations: Mutex<Vec<MigratingStore>>,
    clock: Arc<ManualClock>,
}

impl Fleet {
    /// A fleet that knows only this store.
    pub(crate) fn new(store: &Arc<dyn SessionStore>, dice: &Dice) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let servers = (0..SERVERS).map(|_| server(Jittered(store.clone(), dice.clone()), &clock)).collect();
        Self { servers: Mutex::new(servers), migrations: Mutex::default(), clock }
    }

    pub(crate) fn len(&self) -> usize {
        SERVERS
    }

    /// The server that gets the next request.
    pub(crate) fn any(&self, dice: &Dice) -> SessionManager {
        self.servers.lock().unwrap()[dice.index(SERVERS)].clone()
    }

    /// Brings a server to a stage, some time soon. Requests that it has begun are ended by what it was.
    pub(crate) async fn change(&self, number: usize, stage: &Stage, dice: &Dice) {
        for _ in 0..dice.below(20) {
            tokio::task::yield_now().await;
        }
        let jittered = |store: &Arc<dyn SessionStore>| Jittered(store.clone(), dice.clone());
        let changed = match stage {
            Stage::Alone(store) => server(jittered(store), &self.clock),
            Stage::Migrating { old, new, phase } => {
                let store = MigratingStore::new(jittered(old), jittered(new), *phase);
                self.migrations.lock().unwrap().push(store.clone());
                server(store, &self.clock)
            }
        };
        self.servers.lock().unwrap()[number] = changed;
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// How often any server has found a session in the store that it moves them from.
    pub(crate) fn read_from_old(&self) -> u64 {
        self.migrations.lock().unwrap().iter().map(|store| store.progress().read_from_old).sum()
    }
}

fn server(store: impl SessionStore, clock: &Arc<ManualClock>) -> SessionManager {
    SessionManager::new(store)
        .idle_timeout(Duration::from_secs(30 * 60))
        .absolute_timeout(Duration::from_secs(12 * 60 * 60))
        .store_timeout(Duration::from_secs(60))
        .cookie(Cookie::named("__Host-id"))
        .clock(clock.clone())
}

/// A store behind a line on which each call takes as long as the dice say.
struct Jittered(Arc<dyn SessionStore>, Dice);

impl fmt::Debug for Jittered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jittered({:?})", self.0)
    }
}

impl Jittered {
    async fn reached(&self) -> &dyn SessionStore {
        self.1.pause().await;
        &*self.0
    }
}

#[async_trait]
impl SessionStore for Jittered {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.0.recognises(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.reached().await.load(presented, cx).await
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.reached().await.create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.reached().await.replace(record, expected, cx).await
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        self.reached().await.end(id, until, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.reached().await.touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.reached().await.find(id, cx).await
    }
}
