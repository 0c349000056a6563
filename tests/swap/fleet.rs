//! Several servers that roll through the phases of a migration.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cloakroom::{
    Cookie, SessionManager, SessionStore, StoreError,
    store::{MigratingStore, Phase},
    time::{ManualClock, Timestamp},
};

use crate::{
    dice::Dice,
    hooked::{Call, Hook, Hooked},
};

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
        let servers = (0..SERVERS).map(|_| server(jittered(store, dice), &clock)).collect();
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
        let changed = match stage {
            Stage::Alone(store) => server(jittered(store, dice), &self.clock),
            Stage::Migrating { old, new, phase } => {
                let store = MigratingStore::new(jittered(old, dice), jittered(new, dice), *phase);
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

fn jittered(store: &Arc<dyn SessionStore>, dice: &Dice) -> impl SessionStore {
    Hooked { store: Arc::clone(store), hook: Jitter(dice.clone()) }
}

/// Makes each call take as long as the dice say.
#[derive(Debug)]
struct Jitter(Dice);

impl Hook for Jitter {
    async fn around<T: Send>(
        &self,
        _: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.0.pause().await;
        made.await
    }
}
