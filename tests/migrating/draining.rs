//! A server that drains its sessions into another store before it exits.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError,
    conformance::{self, Harness},
    store::{
        Budget, Drained, DrainingStore, EnumerateSessions, JwtStore, MemoryStore, PresentedToken,
        StoreContext,
    },
    time::ManualClock,
};

use crate::{
    browser::{Browser, MINUTE, START, Server, finish},
    hooked::{Call, Hook, Hooked},
    outages::Switch,
    plain::Plain,
    steps::{Bounds, Steps, Task, alone, explore},
    world::{Action, Log, World, begun, count, counted, log_in, log_out, look, renew, request, store},
};

const LONG: Duration = Duration::from_secs(3600);

/// A memory store whose calls each take a step of their own.
type Local = Hooked<MemoryStore, Steps>;

impl EnumerateSessions for Local {
    fn ids(&self) -> Vec<SessionId> {
        self.store.ids()
    }
}

/// One server that is going to end, and the target as the next one sees it.
struct Deploy {
    store: DrainingStore,
    ending: Server,
    next: Server,
}

impl Deploy {
    fn new(target: &str) -> Self {
        let world = World::new("memory", target);
        let store = DrainingStore::new(Local::default(), world.new.clone()).clock(world.clock.clone());
        let ending = world.serving(store.clone());
        let next = world.serving(world.new.clone());
        Self { store, ending, next }
    }

    /// A task that drains the server.
    fn drain<'a>(&'a self, drained: &'a Mutex<Option<Drained>>) -> Task<'a> {
        Box::pin(async move { *drained.lock().unwrap() = Some(self.store.drain(LONG).await) })
    }
}

/// Every order of the calls of a drain and of two requests, of which one may crash.
fn explored(
    actions: [Action; 2],
    crashes: usize,
    check: impl Fn(&Deploy, &str, &[Option<crate::world::Seen>]),
) {
    explore(|order| {
        let deploy = Deploy::new("plain");
        let cookie = alone(begun(&deploy.ending));
        let (drained, log) = (Mutex::new(None), Log::default());
        let tasks = vec![
            deploy.drain(&drained),
            log.task(&deploy.ending, &cookie, actions[0]),
            log.task(&deploy.ending, &cookie, actions[1]),
        ];
        let crashed = order.run(tasks, Bounds { switches: 2, crashes });
        // Of a drain that is stopped, the next one does the rest.
        let again = alone(deploy.store.drain(LONG));
        assert_eq!(again.failed, 0);
        assert!(crashed[0] || drained.lock().unwrap().is_some_and(|drained| drained.failed == 0));
        check(&deploy, &cookie, &log.seen());
    });
}

#[test]
fn a_drain_beside_writers_loses_nothing_that_was_confirmed() {
    for crashes in [0, 1] {
        explored([count, count], crashes, |deploy, cookie, seen| {
            let confirmed = seen.iter().flatten().filter(|seen| seen.confirmed).count() as u64;
            assert!(seen.iter().flatten().all(|seen| seen.subject.is_some() && seen.confirmed));
            let (_, there) = alone(counted(&deploy.next, cookie));
            assert!((1 + confirmed..=3).contains(&there), "{confirmed} confirmed, {there} there");
            // The ending server passes on what it is asked.
            assert_eq!(alone(counted(&deploy.ending, cookie)).1, there);
            assert!(alone(request(&deploy.ending, cookie, count)).confirmed);
            assert_eq!(alone(counted(&deploy.next, cookie)).1, there + 1);
        });
    }
}

#[test]
fn a_log_out_during_a_drain_is_final() {
    for crashes in [0, 1] {
        explored([log_out, count], crashes, |deploy, cookie, seen| {
            if seen[0].as_ref().is_some_and(|seen| seen.confirmed) {
                for server in [&deploy.next, &deploy.ending] {
                    assert_eq!(alone(request(server, cookie, look)).id, None);
                }
            }
        });
    }
}

#[test]
fn a_login_during_a_drain_is_kept() {
    explored([log_in, look], 0, |deploy, cookie, seen| {
        let told = seen[0].as_ref().unwrap().told.as_deref().unwrap();
        assert_eq!(alone(counted(&deploy.next, told)).1, 1);
        assert_eq!(alone(request(&deploy.next, cookie, look)).id, None, "the token from before the login");
    });
    explored([renew, look], 0, |deploy, _, seen| {
        let told = seen[0].as_ref().unwrap().told.as_deref().unwrap();
        assert_eq!(alone(counted(&deploy.next, told)).1, 1);
    });
}

/// A session that begins while the drain begins is in the target in the end.
#[test]
fn a_session_that_begins_during_a_drain_is_not_left_behind() {
    explore(|order| {
        let deploy = Deploy::new("plain");
        let (drained, log) = (Mutex::new(None), Log::default());
        let tasks = vec![
            log.task(&deploy.ending, "", log_in),
            deploy.drain(&drained),
            log.task(&deploy.ending, "", log_in),
        ];
        order.run(tasks, Bounds { switches: 3, crashes: 0 });
        assert_eq!(drained.lock().unwrap().unwrap().failed, 0);
        for seen in log.seen().into_iter().flatten() {
            alone(counted(&deploy.next, &seen.told.unwrap()));
        }
    });
}

/// Generation after generation of servers, each with a memory of its own.
#[tokio::test]
async fn a_rolling_deploy_logs_nobody_out() {
    let world = World::new("memory", "plain");
    let target = Plain::default();
    let mut clients: Vec<String> = Vec::new();
    let mut expected = 0;
    for generation in 0..4 {
        let store = DrainingStore::new(MemoryStore::new(), target.clone()).clock(world.clock.clone());
        let server = world.serving(store.clone());
        for cookie in &clients {
            for _ in 0..2 {
                assert!(request(&server, cookie, count).await.confirmed);
            }
        }
        clients.push(begun(&server).await);
        world.clock.advance(2 * MINUTE);
        for cookie in &clients {
            counted(&server, cookie).await;
        }
        let drained = store.drain(LONG).await;
        assert_eq!((drained.moved, drained.failed), (1, 0), "the others are there already");
        expected += 2;
        assert_eq!(
            counted(&world.serving(target.clone()), &clients[0]).await.1,
            expected - 1,
            "{generation}"
        );
    }
}

/// While it serves, a session that is here is read and written without the target, as fast as its own store is.
#[tokio::test]
async fn a_server_that_serves_needs_the_target_for_nothing_but_strangers_and_log_outs() {
    let target = Target::default();
    let world = World::new("memory", "plain");
    let store = DrainingStore::new(MemoryStore::new(), target.clone()).clock(world.clock.clone());
    let server = world.serving(store.clone());
    target.hook.turn_off(true);
    let cookie = begun(&server).await;
    for n in 2..6 {
        world.clock.advance(20 * MINUTE);
        counted(&server, &cookie).await;
        world.clock.advance(20 * MINUTE);
        assert!(request(&server, &cookie, count).await.confirmed);
        assert_eq!(counted(&server, &cookie).await.1, n);
    }
    assert!(store.load_now(PresentedToken::new(cookie.as_bytes()), START).is_some());
    assert!(!request(&server, &cookie, log_out).await.confirmed, "nobody knows what the target has");
    let browser = Browser { server: server.clone(), cookie: Some("0".repeat(64)) };
    let unknown = browser.try_visit(&browser.request()).await;
    assert!(unknown.is_err(), "a stranger may be known to the target");
}

async fn all_begun(server: &Server, sessions: usize) -> Vec<String> {
    let mut cookies = Vec::new();
    for _ in 0..sessions {
        cookies.push(begun(server).await);
    }
    cookies
}

/// A target that can be switched off.
type Target = Hooked<Plain, Switch>;

#[tokio::test]
async fn what_could_not_be_drained_is_counted_and_tried_again() {
    let target = Target::default();
    let world = World::new("memory", "plain");
    let store = DrainingStore::new(MemoryStore::new(), target.clone()).clock(world.clock.clone());
    let server = world.serving(store.clone());
    let cookies = all_begun(&server, 100).await;
    target.hook.turn_off(true);
    let drained = store.drain(LONG).await;
    assert_eq!((drained.moved, drained.failed), (0, 100));
    target.hook.turn_off(false);
    assert_eq!(counted(&server, &cookies[0]).await.1, 1, "it is still here");
    let drained = store.drain(LONG).await;
    assert_eq!((drained.moved, drained.failed), (100, 0));
    let next = world.serving(target);
    for cookie in &cookies {
        counted(&next, cookie).await;
    }
}

#[tokio::test]
async fn what_the_target_has_no_room_for_stays_and_is_counted() {
    let world = World::new("memory", "memory");
    let target = MemoryStore::builder().logged_in(Budget { sessions: 3, bytes: 1 << 20 }).build();
    let store = DrainingStore::new(MemoryStore::new(), target).clock(world.clock.clone());
    let server = world.serving(store.clone());
    let cookies = all_begun(&server, 5).await;
    let drained = store.drain(LONG).await;
    assert_eq!((drained.moved, drained.failed), (3, 2));
    for cookie in &cookies {
        counted(&server, cookie).await;
    }
}

/// Never answers.
#[derive(Debug)]
struct Silence;

impl Hook for Silence {
    async fn around<T: Send>(
        &self,
        _: Call,
        _: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_when_its_time_is_up() {
    let silent = Hooked { store: Plain::default(), hook: Silence };
    let store = DrainingStore::new(MemoryStore::new(), silent);
    let server = Server::new(store.clone());
    begun(&server).await;
    let drained = store.drain(Duration::from_secs(5)).await;
    assert_eq!((drained.moved, drained.failed), (0, 1));
}

/// With real threads: 16 clients count as fast as they can while the store is drained.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_write_during_a_drain_lose_nothing() {
    for _ in 0..5 {
        let target = Plain::default();
        let store = DrainingStore::new(MemoryStore::new(), target.clone()).clock(ManualClock::new(START));
        let server = Server::new(store.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (server, stop) = (server.clone(), Arc::clone(&stop));
            tasks.spawn(async move {
                let mut browser = server.browser();
                assert!(browser.logs_in("alice").await.is_ok());
                let confirmed = AtomicU64::new(0);
                while !stop.load(SeqCst) {
                    let visit = browser.visit().await;
                    assert_eq!(visit.session.subject().as_deref(), Some("alice"), "logged out");
                    count(&visit.session).unwrap();
                    assert!(finish(visit, 200).await.is_ok());
                    confirmed.fetch_add(1, SeqCst);
                    tokio::task::yield_now().await;
                }
                (browser.cookie.unwrap(), confirmed.into_inner())
            });
        }
        while store.index().unwrap().list("alice", cx()).await.unwrap().len() < 16 {
            tokio::task::yield_now().await;
        }
        let drained = store.drain(LONG).await;
        assert_eq!((drained.moved, drained.failed), (16, 0));
        stop.store(true, SeqCst);
        let next = Server::new(target);
        while let Some(task) = tasks.join_next().await {
            let (cookie, confirmed) = task.unwrap();
            let mut browser = Browser { server: next.clone(), cookie: Some(cookie) };
            assert_eq!(browser.sees::<u64>("count").await.unwrap_or(0), confirmed);
        }
    }
}

fn cx() -> StoreContext {
    StoreContext::new(START, cloakroom::time::Deadline::NONE)
}

/// A fresh store, drained before anything begins in it or not at all.
struct Fresh {
    store: DrainingStore,
    is_drained: bool,
}

#[async_trait]
impl Harness for Fresh {
    async fn store(&self) -> Arc<dyn SessionStore> {
        if self.is_drained {
            assert_eq!(self.store.drain(LONG).await.failed, 0);
        }
        Arc::new(self.store.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_passes_the_suite_while_it_serves_and_when_it_is_drained() {
    for is_drained in [false, true] {
        for target in ["memory", "plain"] {
            let clock = || ManualClock::new(START);
            let store = || DrainingStore::new(MemoryStore::new(), store(target)).clock(clock());
            conformance::check(|| Fresh { store: store(), is_drained }).await.assert();
        }
    }
}

#[test]
#[should_panic(expected = "only stores that keep records are drained")]
fn a_target_whose_clients_carry_their_sessions_is_a_mistake() {
    let keys = cloakroom::keyring::KeyRing::new(cloakroom::keyring::SecretKey::generate().unwrap());
    let _ = DrainingStore::new(MemoryStore::new(), JwtStore::from_ring(&keys));
}

#[test]
fn debug_shows_whether_it_drains() {
    let store = DrainingStore::new(MemoryStore::new(), MemoryStore::new());
    assert_eq!(
        format!("{store:?}"),
        "DrainingStore { local: MemoryStore { node: None, .. }, is_draining: false, .. }"
    );
}
