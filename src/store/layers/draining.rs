//! A store in one process that hands its sessions over before the process ends.

use std::{
    collections::HashSet,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::RwLock;
use tracing::warn;

use super::{MigratingStore, Phase, Progress};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    random::Random,
    record::{Record, Version},
    store::{
        Created, Ended, EnumerateSessions, Found, Guarantees, Loaded, PresentedToken, Replaced, SessionIndex,
        SessionStore, StoreContext, Touched, within,
    },
    time::{Clock, Deadline, SystemClock, Timestamp},
};

/// How many sessions are handed over at the same time.
const SIDE_BY_SIDE: usize = 32;

/// How often what could not be handed over is tried again.
const PASSES: usize = 3;

/// Keeps sessions in this process, and hands them over to another store before the process ends: with it a rolling deploy
/// of a server that keeps its sessions in memory logs nobody out.
///
/// ```
/// # async fn example(redis: impl cloakroom::SessionStore) {
/// use std::time::Duration;
/// use cloakroom::{SessionManager, store::{DrainingStore, MemoryStore}};
///
/// let store = DrainingStore::new(MemoryStore::new(), redis);
/// let sessions = SessionManager::new(store.clone());
/// // … serve, until the process is told to end; then, while the last requests are served:
/// let drained = store.drain(Duration::from_secs(10)).await;
/// eprintln!("handed over {}, failed {}", drained.moved, drained.failed);
/// # }
/// ```
///
/// # While it serves
/// Sessions begin and stay in this process, at its speed. What is unknown here is looked for in the target, and written
/// there: so the next server, with a store of its own and the same target, finds what this one has handed over.
///
/// # While and after it is drained
/// New sessions begin in the target. Each session is handed over as a [`MigratingStore`] moves it: requests that change it
/// just then are kept, one that ends it is final, and whatever is asked of it later is passed on to the target. Clients
/// keep their tokens.
///
/// Until a session is handed over, only this process knows it: a load balancer has to send its client here as long as this
/// server answers. Each server needs a node name (`MemoryStore::node`) for that.
///
/// # What it promises
/// What both stores promise, like a [`MigratingStore`]: a crash loses what was not handed over. A log-out is confirmed when
/// both stores have ended the session, so it needs the target; a session that is here needs nothing else of it.
#[derive(Clone)]
pub struct DrainingStore {
    local: Arc<dyn EnumerateSessions>,
    serving: MigratingStore,
    moving: MigratingStore,
    clock: Arc<dyn Clock>,
    mode: Arc<Mode>,
}

/// Whether sessions stay or go.
#[derive(Default)]
struct Mode {
    is_draining: AtomicBool,
    /// Held by whoever begins a session, so that none begins here after the last look at those that are.
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

/// What a drain has achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions that are now in the target, whether the drain or a request has taken them there.
    pub moved: u64,
    /// Sessions that are still here and nowhere else: the target was out of reach or full, or the time was up. A further
    /// [`drain`](DrainingStore::drain) tries them again.
    pub failed: usize,
}

impl DrainingStore {
    /// A store that keeps sessions in `local` until it is [drained](Self::drain) into `target`.
    ///
    /// # Panics
    /// If clients of one of the two carry their sessions, so that they cannot be handed over without them: a mistake in the
    /// program.
    #[must_use]
    pub fn new(local: impl EnumerateSessions, target: impl SessionStore) -> Self {
        let (local, target): (Arc<dyn EnumerateSessions>, Arc<dyn SessionStore>) =
            (Arc::new(local), Arc::new(target));
        for store in [&local as &dyn SessionStore, &target] {
            let token = store.guarantees().token;
            assert!(
                !token.is_self_contained(),
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

    /// What tells the time. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What secrets are drawn from. Default: the system's cryptographic generator.
    #[must_use]
    pub fn random(mut self, random: impl Random) -> Self {
        self.moving = self.moving.random(random);
        self
    }

    /// Whether sessions are being handed over, or have been.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.mode.is_draining.load(Ordering::SeqCst)
    }

    /// What this store has done since it drains.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.moving.progress()
    }

    /// Hands all sessions over, while requests go on. There is no way back: from now on this store passes everything on.
    ///
    /// It ends when all are handed over, when those that are left have failed several times, or after `at_most`.
    pub async fn drain(&self, at_most: Duration) -> Drained {
        let deadline = Deadline::after(at_most);
        self.begin_elsewhere().await;
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

    /// From now on no session begins here.
    async fn begin_elsewhere(&self) {
        let _nobody = self.mode.beginning.write().await;
        self.mode.is_draining.store(true, Ordering::SeqCst);
    }

    /// Hands these over; those come back that are not here any more.
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
        side_by_side((0..SIDE_BY_SIDE).map(|_| Box::pin(worker()) as Worker<'_>).collect()).await;
        if let Some(error) = lock(&failure).take() {
            warn!(%error, kind = ?error.kind(), "sessions could not be handed over");
        }
        gone.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn way(&self) -> &MigratingStore {
        if self.is_draining() { &self.moving } else { &self.serving }
    }
}

/// One of those who hand sessions over.
type Worker<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Runs all to their end, in one task.
async fn side_by_side(mut workers: Vec<Worker<'_>>) {
    poll_fn(|cx| {
        workers.retain_mut(|worker| worker.as_mut().poll(cx).is_pending());
        if workers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holder does one thing that cannot fail.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SessionStore for DrainingStore {
    fn guarantees(&self) -> Guarantees {
        self.serving.guarantees().name("draining")
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.way().recognises(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.way().load(presented, cx).await
    }

    /// Answers for the sessions that are here, if `local` does.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        self.way().load_now(presented, now)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let _begins = self.mode.beginning.read().await;
        self.way().create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.way().replace(record, expected, cx).await
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        self.way().end(id, until, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.way().touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.way().find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.way().index()
    }

    /// [Drains](Self::drain) the store by then.
    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        let drained = self.drain(cx.deadline.remaining().unwrap_or(Duration::MAX)).await;
        if drained.failed == 0 {
            return Ok(());
        }
        let message = format!("{} sessions could not be handed over", drained.failed);
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }
}
