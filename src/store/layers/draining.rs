//! A store in one process that is drained into another store before the process exits.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::RwLock;
use tracing::warn;

use super::{MigratingStore, Phase, Progress, workers::run_all};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    random::Random,
    record::Record,
    store::{
        ChangeListener, Created, EnumerateSessions, Guarantees, SessionStore, StoreContext, StoreLayer,
        within,
    },
    time::{Clock, Deadline, SystemClock},
};

/// How many sessions are moved at the same time.
const CONCURRENCY: usize = 32;

/// How often a drain looks for sessions that are still in the process.
const PASSES: usize = 3;

/// Keeps sessions in this process, and moves them to another store before the process exits.
///
/// With it a rolling deploy of servers that keep their sessions in memory logs nobody out.
///
/// ```
/// # async fn example(redis: impl cloakroom::SessionStore) {
/// use std::time::Duration;
/// use cloakroom::{SessionManager, store::{DrainingStore, MemoryStore}};
///
/// let store = DrainingStore::new(MemoryStore::new(), redis);
/// let sessions = SessionManager::new(store.clone());
/// // … serve until the process is asked to exit; then, while the last requests are served:
/// let drained = store.drain(Duration::from_secs(10)).await;
/// eprintln!("moved {}, failed {}", drained.moved, drained.failed);
/// # }
/// ```
///
/// # While it serves
/// Sessions begin and stay in this process, as fast as the local store is. A session that is unknown here is looked for in the
/// target and written there. So the next server, with a local store of its own and the same target, finds what this one has moved.
///
/// # While and after it is drained
/// New sessions begin in the target. Each session is moved as a [`MigratingStore`] moves it: a change by a request at the same
/// time is kept, a logout is final, and later requests are passed on to the target. Clients keep their tokens.
///
/// Until a session is moved, only this process knows it: a load balancer has to send its client here as long as this server
/// answers. Each server needs a node name (`MemoryStore::node`) for that.
///
/// # Guarantees
/// Those of a [`MigratingStore`] of both stores. A crash loses the sessions that were not moved. A logout is confirmed once both
/// stores have ended the session, so it needs the target; otherwise a session that is in this process does not.
#[derive(Clone)]
pub struct DrainingStore {
    local: Arc<dyn EnumerateSessions>,
    serving: MigratingStore,
    moving: MigratingStore,
    clock: Arc<dyn Clock>,
    mode: Arc<Mode>,
}

/// Whether sessions stay in this process or move.
#[derive(Default)]
struct Mode {
    is_draining: AtomicBool,
    /// Held while a session begins, so that none begins in this process after the drain has listed its sessions.
    beginning: RwLock<()>,
}

impl fmt::Debug for DrainingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainingStore")
            .field("local", &self.local)
            .field("is_draining", &self.is_draining())
            .finish_non_exhaustive()
    }
}

/// The result of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions that are now in the target, whether the drain or a request has moved them there.
    pub moved: u64,
    /// Sessions that are still in this process and nowhere else, because the target was unavailable or full, or the time was up.
    /// Another [`drain`](DrainingStore::drain) tries to move them again.
    pub failed: usize,
}

impl DrainingStore {
    /// A store that keeps sessions in `local` until it is [drained](Self::drain) into `target`.
    ///
    /// # Panics
    /// If the clients of one of the two carry their sessions, which cannot be moved without them: a mistake in the program.
    #[must_use]
    pub fn new(local: impl EnumerateSessions, target: impl SessionStore) -> Self {
        let (local, target): (Arc<dyn EnumerateSessions>, Arc<dyn SessionStore>) =
            (Arc::new(local), Arc::new(target));
        for store in [&local as &dyn SessionStore, &target] {
            assert!(
                store.guarantees().keeps_records,
                "only stores that keep records are drained, and only into such"
            );
        }
        let phase = |phase| {
            MigratingStore::new(Arc::clone(&local) as Arc<dyn SessionStore>, Arc::clone(&target), phase)
        };
        Self {
            serving: phase(Phase::Prepare),
            moving: phase(Phase::Move),
            local,
            clock: Arc::new(SystemClock),
            mode: Arc::default(),
        }
    }

    /// The source of the time. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The source of secrets. Default: the system's cryptographic generator.
    #[must_use]
    pub fn random(mut self, random: impl Random) -> Self {
        self.moving = self.moving.random(random);
        self
    }

    /// Whether the store is being drained, or has been.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.mode.is_draining.load(Ordering::SeqCst)
    }

    /// What this store has done since the drain began.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.moving.progress()
    }

    /// Moves all sessions to the target while requests are served. It cannot be undone: from now on this store passes every call
    /// on to the target.
    ///
    /// It ends when all sessions have moved, when those that are left have failed several times, or after `at_most`.
    pub async fn drain(&self, at_most: Duration) -> Drained {
        let deadline = Deadline::after(at_most);
        self.begin_in_target().await;
        let mut done = HashSet::new();
        let mut failed = 0;
        for _ in 0..PASSES {
            let waiting: Vec<_> = self.local.ids().into_iter().filter(|id| !done.contains(id)).collect();
            failed = waiting.len();
            if waiting.is_empty() || deadline.is_over() {
                break;
            }
            let moved = self.move_sessions(waiting, deadline).await;
            failed -= moved.len();
            done.extend(moved);
        }
        Drained { moved: self.progress().moved, failed }
    }

    /// From now on no session begins in this process.
    async fn begin_in_target(&self) {
        let _none_begins = self.mode.beginning.write().await;
        self.mode.is_draining.store(true, Ordering::SeqCst);
    }

    /// Moves these sessions. The answer names those that are no longer in this process.
    async fn move_sessions(&self, waiting: Vec<SessionId>, deadline: Deadline) -> Vec<SessionId> {
        let waiting = Mutex::new(waiting.into_iter());
        let (gone, failure) = (Mutex::new(Vec::new()), Mutex::new(None));
        let next = || lock(&waiting).next();
        let worker = || async {
            while let Some(id) = next() {
                let cx = StoreContext::new(self.clock.now(), deadline);
                match within(deadline, self.moving.move_session(&id, cx)).await {
                    Ok(true) => lock(&gone).push(id),
                    Ok(false) => {}
                    Err(error) => *lock(&failure) = Some(error),
                }
            }
        };
        run_all((0..CONCURRENCY).map(|_| worker())).await;
        if let Some(error) = lock(&failure).take() {
            warn!(%error, kind = ?error.kind(), "sessions could not be drained");
        }
        gone.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holder does one thing that cannot fail.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl StoreLayer for DrainingStore {
    /// The store that serves now.
    fn inner(&self) -> &dyn SessionStore {
        if self.is_draining() { &self.moving } else { &self.serving }
    }

    fn guarantees(&self) -> Guarantees {
        self.serving.guarantees().name("draining")
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let _beginning = within(cx.deadline, async { Ok(self.mode.beginning.read().await) }).await?;
        self.inner().create(record, cx).await
    }

    /// Sessions change in two stores, so neither announces all changes.
    fn announce_to(&self, _: Arc<dyn ChangeListener>) -> bool {
        false
    }

    /// [Drains](DrainingStore::drain) the store until the deadline.
    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        let drained = self.drain(cx.deadline.remaining().unwrap_or(Duration::MAX)).await;
        if drained.failed == 0 {
            return Ok(());
        }
        let message = format!("{} sessions could not be drained", drained.failed);
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }
}
