//! Futures dropped at every await. Whatever a caller gives up, others get their own answers, and the session is entirely
//! changed or not at all.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use cloakroom::{Session, SessionError, StoreError, StoreErrorKind, store::RedisStore, time::Deadline};

use crate::{
    browser::{Browser, MINUTE, Server, finish},
    hooked::{Call, Hook, Hooked},
    scene::{Scene, add, at, look},
};

/// Never dropped.
const PATIENT: usize = usize::MAX;

/// A store whose caller polls each call so many times and then drops it.
type Impatient = Hooked<RedisStore, Arc<Impatience>>;

/// How often a call is polled before it is dropped.
#[derive(Debug)]
struct Impatience {
    polls: AtomicUsize,
    dropped: AtomicUsize,
}

impl Impatient {
    fn new(store: RedisStore) -> Self {
        let (polls, dropped) = (AtomicUsize::new(PATIENT), AtomicUsize::new(0));
        Self { store, hook: Arc::new(Impatience { polls, dropped }) }
    }

    fn polls(&self, polls: usize) {
        self.hook.polls.store(polls, Ordering::SeqCst);
    }

    /// How many calls were dropped since this was last asked.
    fn dropped(&self) -> usize {
        self.hook.dropped.swap(0, Ordering::SeqCst)
    }
}

impl Hook for Impatience {
    async fn around<T: Send>(
        &self,
        _: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut call = pin!(made);
        let mut left = self.polls.load(Ordering::SeqCst);
        poll_fn(|cx| {
            if left == 0 {
                self.dropped.fetch_add(1, Ordering::SeqCst);
                // Not an error after which the engine would ask again.
                let error = StoreError::new(StoreErrorKind::ReadOnly, "the caller lost patience");
                return Poll::Ready(Err(error));
            }
            left -= 1;
            let answer = call.as_mut().poll(cx);
            if answer.is_pending() && left == 0 {
                cx.waker().wake_by_ref();
            }
            answer
        })
        .await
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Look,
    Begin,
    Add,
    Touch,
    LogIn,
    LogOut,
    List,
}

const DEEDS: [Deed; 7] =
    [Deed::Look, Deed::Begin, Deed::Add, Deed::Touch, Deed::LogIn, Deed::LogOut, Deed::List];

/// Two values at once, so that half a change would be seen.
fn add_twice(session: &Session) -> Result<(), SessionError> {
    add(session, "n").and_then(|()| add(session, "m"))
}

async fn does(deed: Deed, browser: &mut Browser, impatience: &Impatient, polls: usize) {
    if deed == Deed::Look {
        impatience.polls(polls);
    }
    let Ok(visit) = browser.try_visit(&browser.request()).await else { return };
    impatience.polls(polls);
    match deed {
        Deed::Look | Deed::Touch => {}
        Deed::Begin | Deed::Add => add_twice(&visit.session).unwrap(),
        Deed::LogIn => visit.session.log_in("alice").and_then(|()| add_twice(&visit.session)).unwrap(),
        Deed::LogOut => visit.session.log_out().unwrap(),
        Deed::List => drop(visit.session.sessions().await),
    }
    let response = finish(visit, 200).await;
    browser.keep(&response);
}

/// Drops one deed after so many polls. Whether anything was dropped.
async fn drops(deed: Deed, polls: usize, scene: &Scene, store: RedisStore) -> bool {
    let impatience = Impatient::new(store.clone());
    let site = Server::new(impatience.clone());
    let elsewhere = scene.direct_site(&site);
    let mut browser = elsewhere.browser();
    if deed != Deed::Begin {
        browser.does(add_twice).await;
    }
    if matches!(deed, Deed::Touch | Deed::List | Deed::LogOut) {
        browser.logs_in("alice").await;
    }
    if deed == Deed::Touch {
        site.clock.advance(10 * MINUTE);
    }
    let mut other = elsewhere.browser();
    other.does(|session| session.insert("n", 7)).await;

    let mut own = at(&site, &browser);
    does(deed, &mut own, &impatience, polls).await;
    impatience.polls(PATIENT);

    let what = format!("{deed:?} dropped after {polls} polls");
    assert_eq!(look(&at(&site, &other), "n").await, Ok(Some(7)), "{what}: others get what is theirs");
    // What was sent is done now: the server takes one after the other.
    store.ping(Deadline::after(Duration::from_secs(5))).await.unwrap();
    let (n, m) = (
        look(&at(&elsewhere, &browser), "n").await.unwrap(),
        look(&at(&elsewhere, &browser), "m").await.unwrap(),
    );
    assert_eq!(n, m, "{what}: the change is whole");
    let possible: &[Option<u64>] = match deed {
        Deed::Look | Deed::Touch | Deed::List => &[Some(1)],
        Deed::Begin => &[None],
        Deed::Add => &[Some(1), Some(2)],
        // Afterwards the old token opens nothing.
        Deed::LogIn | Deed::LogOut => &[Some(1), None],
    };
    assert!(possible.contains(&n), "{what}: {n:?}");
    impatience.dropped() > 0
}

/// Longer and longer, until a deed needs no more polls.
async fn drops_at_every_await(is_connected: bool) {
    let scene = Scene::new();
    let mut drops_seen = 0;
    for deed in DEEDS {
        for polls in 0.. {
            let store = scene.store();
            if is_connected {
                store.ping(Deadline::after(Duration::from_secs(5))).await.unwrap();
            }
            if !drops(deed, polls, &scene, store).await {
                break;
            }
            drops_seen += 1;
            assert!(polls < 100, "{deed:?} never ends");
        }
    }
    assert!(drops_seen >= 2 * DEEDS.len(), "{drops_seen} drops are too few to have met every await");
}

#[tokio::test]
async fn a_call_dropped_at_any_await_leaves_the_others_their_answers() {
    drops_at_every_await(true).await;
}

#[tokio::test]
async fn a_call_dropped_while_connecting_leaves_the_others_their_connection() {
    drops_at_every_await(false).await;
}

/// Not only one at a time: a crowd whose calls are dropped anywhere, among others who wait for theirs.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_calls_among_many_shift_nobodys_answer() {
    let scene = Scene::new();
    let store = scene.store();
    let impatience = Impatient::new(store.clone());
    let (site, hasty) = (Server::new(store), Server::new(impatience.clone()));
    let mut crowd = Vec::new();
    for number in 0..16_u64 {
        let mut browser = site.browser();
        browser.does(|session| session.insert("n", number)).await;
        let (impatience, hasty) = (impatience.clone(), at(&hasty, &browser));
        crowd.push(tokio::spawn(async move {
            for round in 0..100 {
                if number % 2 == 0 {
                    impatience.polls(round % 4);
                    drop(hasty.try_visit(&hasty.request()).await);
                } else {
                    assert_eq!(look(&browser, "n").await, Ok(Some(number)));
                }
            }
        }));
    }
    for one in crowd {
        one.await.unwrap();
    }
    assert!(impatience.dropped() > 50, "calls were dropped");
    assert_eq!(scene.proxy.connections(), 1, "the connection stays in step");
}
