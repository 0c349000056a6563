//! A cache before a store that announces nothing: that it passes the suite, and what it does that the suite does not see.

mod counted;

use std::time::Duration;

use cloakroom::{
    Secret, SessionId, SessionStore, StoreError, StoreErrorKind, WriteId, conformance,
    record::{Lifetime, Record},
    store::{
        Absence, Cached, CachedOptions, Created, End, EndedBy, Loaded, MemoryStore, PresentedToken, Replaced,
        Revocation, StoreContext, Token,
    },
    time::{Deadline, Timestamp},
};
use tokio::task::{JoinHandle, yield_now};

use self::counted::{Counted, Mood};
use crate::{
    carried::{self, Carried},
    plain::{Plain, Surroundings},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_before_a_good_store_passes() {
    let cached = |plain: Plain| Cached::new(plain).unwrap();
    conformance::check(|| Surroundings::new(cached)).await.assert();
}

/// A cache before a store with one session.
struct Scene {
    store: Counted,
    cached: Cached<Counted>,
    token: Token,
    record: Record,
}

fn cx(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::after(20 * SECOND))
}

fn record(number: u8) -> Record {
    let lifetime = Lifetime { idle: 3600 * SECOND, absolute: 3600 * SECOND };
    let (id, secret) = (SessionId::from_bytes([number; 16]), Secret::from_bytes([number; 16]));
    Record::new(id, secret, WriteId::from_u64(1), lifetime, NOW)
}

impl Scene {
    async fn new() -> Self {
        Self::with(CachedOptions::default()).await
    }

    async fn with(options: CachedOptions) -> Self {
        let store = Counted::new();
        let cached = Cached::with_options(store.clone(), options).unwrap();
        let record = record(1);
        let Created::Done(token) = cached.create(&record, cx(NOW)).await.unwrap() else { panic!("taken") };
        Self { store, cached, token, record: record.settled() }
    }

    fn presented(&self) -> PresentedToken<'_> {
        PresentedToken::new(self.token.expose().as_bytes())
    }

    async fn load(&self, now: Timestamp) -> Result<Loaded, StoreError> {
        self.cached.load(self.presented(), cx(now)).await
    }

    /// Which state a load finds.
    async fn state(&self, now: Timestamp) -> Result<u64, StoreErrorKind> {
        match self.load(now).await {
            Ok(Loaded::Live { record, .. }) => Ok(state(&record)),
            Ok(Loaded::Absent(absence)) => panic!("{absence:?}"),
            Err(error) => Err(error.kind()),
        }
    }

    /// A request of its own task.
    fn asks(&self, deadline: Deadline) -> JoinHandle<Result<Loaded, StoreError>> {
        let (cached, token) = (self.cached.clone(), self.token.clone());
        tokio::spawn(async move {
            let presented = PresentedToken::new(token.expose().as_bytes());
            cached.load(presented, StoreContext::new(NOW, deadline)).await
        })
    }

    /// Brings the session into a later state.
    async fn writes_by(&self, store: &impl SessionStore, number: u64) -> Result<Replaced, StoreError> {
        let mut next = self.record.clone();
        next.touch(NOW + Duration::from_millis(number));
        store.replace(&next, self.record.version(), cx(NOW)).await
    }

    fn end(&self) -> End {
        End { id: self.record.id(), until: NOW + 3600 * SECOND, by: EndedBy::Other }
    }
}

/// The states of a session follow each other by a millisecond.
fn state(record: &Record) -> u64 {
    u64::try_from(record.last_active().since(NOW).as_millis()).unwrap()
}

const fn long() -> Deadline {
    Deadline::NONE
}

#[tokio::test]
async fn a_thousand_requests_for_one_session_make_one_call() {
    let scene = Scene::new().await;
    scene.store.is(Mood::Holds);
    let requests: Vec<_> = (0..1000).map(|_| scene.asks(long())).collect();
    scene.store.has_loaded(1).await;
    (0..10).for_each(|_| drop(scene.asks(long())));
    scene.store.is(Mood::Answers);
    for request in requests {
        assert!(matches!(request.await.unwrap(), Ok(Loaded::Live { .. })));
    }
    assert_eq!(scene.store.loads(), 1);
}

#[tokio::test]
async fn a_broken_store_is_asked_once_for_all_who_wait() {
    let scene = Scene::new().await;
    scene.store.is(Mood::Holds);
    let requests: Vec<_> = (0..100).map(|_| scene.asks(long())).collect();
    scene.store.has_loaded(1).await;
    yield_now().await;
    scene.store.is(Mood::Fails(StoreErrorKind::Unavailable));
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    assert_eq!(scene.store.loads(), 1);
}

/// It may be junk, and then its answer is no answer to the others.
#[tokio::test]
async fn another_token_of_the_same_session_goes_alone() {
    let scene = Scene::new().await;
    scene.store.is(Mood::Holds);
    let junk = "0".repeat(32);
    let junk = Token::new(scene.token.expose()[..32].to_owned() + &junk).unwrap();
    let junk = Scene { token: junk, ..scene_of(&scene) };
    let (forged, good) = (junk.asks(long()), scene.asks(long()));
    scene.store.has_loaded(2).await;
    scene.store.is(Mood::Answers);
    assert!(matches!(forged.await.unwrap(), Ok(Loaded::Absent(Absence::Forged))));
    assert!(matches!(good.await.unwrap(), Ok(Loaded::Live { .. })));
    assert_eq!(scene.state(NOW).await, Ok(0));
    assert_eq!(scene.store.loads(), 2, "and it does not keep the good one from being known");
}

fn scene_of(scene: &Scene) -> Scene {
    let Scene { store, cached, token, record } = scene;
    Scene { store: store.clone(), cached: cached.clone(), token: token.clone(), record: record.clone() }
}

#[tokio::test]
async fn when_the_one_who_asks_has_left_another_one_asks() {
    let scene = Scene::new().await;
    scene.store.is(Mood::Holds);
    let leader = scene.asks(long());
    scene.store.has_loaded(1).await;
    let follower = scene.asks(long());
    yield_now().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    scene.store.has_loaded(2).await;
    scene.store.is(Mood::Answers);
    assert!(matches!(follower.await.unwrap(), Ok(Loaded::Live { .. })));
    assert_eq!(scene.state(NOW).await, Ok(0));
    assert_eq!(scene.store.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_waits_until_its_own_deadline() {
    let scene = Scene::new().await;
    scene.store.is(Mood::Holds);
    let patient = scene.asks(Deadline::after(10 * SECOND));
    scene.store.has_loaded(1).await;
    let impatient = scene.asks(Deadline::after(SECOND));
    assert_eq!(impatient.await.unwrap().unwrap_err().kind(), StoreErrorKind::Timeout);
    assert!(!patient.is_finished());
    scene.store.is(Mood::Answers);
    assert!(patient.await.unwrap().is_ok());
    assert_eq!(scene.store.loads(), 1);
}

/// What was read before a write of this process is not shown after it, however late it comes.
#[tokio::test]
async fn own_writes_are_seen_at_once() {
    let scene = Scene::new().await;
    assert_eq!(scene.state(NOW).await, Ok(0));
    scene.store.is(Mood::Holds);
    let [known, late] = [NOW, NOW + 2 * SECOND];
    assert_eq!(scene.state(known).await, Ok(0), "it is in the cache");
    let slow = scene_of(&scene);
    let slow = tokio::spawn(async move { slow.state(late).await });
    scene.store.has_loaded(2).await;
    assert!(matches!(scene.writes_by(&scene.cached, 2).await, Ok(Replaced::Done(_))));
    scene.store.is(Mood::Answers);
    assert_eq!(slow.await.unwrap(), Ok(0), "it was read before");
    assert_eq!(scene.state(late).await, Ok(2));
    assert_eq!(scene.store.loads(), 3, "what was read before is not kept");
    scene.cached.end(scene.end(), cx(late)).await.unwrap();
    assert!(matches!(scene.load(late).await, Ok(Loaded::Absent(Absence::Ended { .. }))));
}

#[tokio::test]
async fn a_request_after_a_write_does_not_wait_for_a_read_before_it() {
    let scene = Scene::new().await;
    scene.store.is(Mood::Holds);
    let before = scene.asks(long());
    scene.store.has_loaded(1).await;
    assert!(matches!(scene.writes_by(&scene.cached, 2).await, Ok(Replaced::Done(_))));
    let after = scene.asks(long());
    scene.store.has_loaded(2).await;
    scene.store.is(Mood::Answers);
    let state = |answer| match answer {
        Ok(Ok(Loaded::Live { record, .. })) => state(&record),
        other => panic!("{other:?}"),
    };
    assert_eq!([state(before.await), state(after.await)], [0, 2]);
}

#[tokio::test]
async fn a_change_elsewhere_is_seen_once_the_entry_is_too_old() {
    let scene = Scene::new().await;
    assert_eq!(scene.state(NOW).await, Ok(0));
    assert!(matches!(scene.writes_by(&scene.store, 2).await, Ok(Replaced::Done(_))));
    assert_eq!(scene.state(NOW + Duration::from_millis(999)).await, Ok(0), "this is what `within` allows");
    assert_eq!(scene.state(NOW + SECOND).await, Ok(2));
}

#[tokio::test]
async fn who_asks_for_now_is_never_answered_from_the_cache() {
    let scene = Scene::new().await;
    assert_eq!(scene.state(NOW).await, Ok(0));
    assert!(matches!(scene.writes_by(&scene.store, 2).await, Ok(Replaced::Done(_))));
    assert_eq!(scene.state(NOW).await, Ok(0));
    let fresh = scene.cached.load(scene.presented(), cx(NOW).fresh()).await.unwrap();
    assert!(matches!(fresh, Loaded::Live { record, .. } if state(&record) == 2));
    assert_eq!(scene.state(NOW).await, Ok(2), "what it has found is known from then on");
    assert_eq!(scene.store.loads(), 2);
    scene.store.is(Mood::Fails(StoreErrorKind::Unavailable));
    assert!(scene.cached.load(scene.presented(), cx(NOW).fresh()).await.is_err());
}

#[tokio::test]
async fn an_absence_is_never_known() {
    let scene = Scene::new().await;
    let other = record(2);
    let Created::Done(token) = scene.store.create(&other, cx(NOW)).await.unwrap() else { panic!("taken") };
    let other = Scene { token, ..scene_of(&scene) };
    assert_eq!(other.state(NOW).await, Ok(0));
    scene.cached.end(scene.end(), cx(NOW)).await.unwrap();
    for times in 2..5 {
        assert!(matches!(scene.load(NOW).await, Ok(Loaded::Absent(_))));
        assert_eq!(scene.store.loads(), times);
    }
}

#[tokio::test]
async fn what_is_known_is_read_in_an_outage_up_to_the_ceiling_and_only_if_that_is_wanted() {
    const CEILING: Duration = Duration::from_secs(60);
    let options = CachedOptions { stale_if_error: Some(CEILING), ..CachedOptions::default() };
    let (scene, strict) = (Scene::with(options).await, Scene::new().await);
    assert_eq!(scene.cached.guarantees().revocation, Revocation::Within(CEILING));
    for scene in [&scene, &strict] {
        assert_eq!(scene.state(NOW).await, Ok(0));
    }
    let later = NOW + CEILING - Duration::from_millis(1);
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Timeout, StoreErrorKind::CircuitOpen] {
        for scene in [&scene, &strict] {
            scene.store.is(Mood::Fails(kind));
        }
        assert_eq!(scene.state(later).await, Ok(0));
        assert_eq!(scene.state(later + SECOND).await, Err(kind), "the ceiling");
        assert_eq!(strict.state(later).await, Err(kind));
        let fresh = scene.cached.load(scene.presented(), cx(NOW).fresh()).await;
        assert_eq!(fresh.unwrap_err().kind(), kind, "who asks for now wants nothing else");
        assert_eq!(scene.writes_by(&scene.cached, 2).await.unwrap_err().kind(), kind, "writes fail as ever");
        assert_eq!(scene.state(later).await, Ok(0), "after a write that failed it may still be read");
    }
    scene.store.is(Mood::Fails(StoreErrorKind::Corrupt));
    assert_eq!(scene.state(later).await, Err(StoreErrorKind::Corrupt), "this is no outage");
    scene.store.is(Mood::Answers);
    assert_eq!(scene.state(NOW).await, Ok(0));
    assert_eq!(scene.store.loads(), 1 + 3 * 4 + 1 + 1, "what was doubtful was asked for again");
    assert!(matches!(scene.writes_by(&scene.cached, 2).await, Ok(Replaced::Done(_))));
    scene.store.is(Mood::Fails(StoreErrorKind::Unavailable));
    assert!(scene.state(NOW).await.is_err(), "what this node has written is not read as it was before");
}

#[tokio::test]
async fn who_was_to_be_logged_out_is_not_read_in_an_outage() {
    let options = CachedOptions { stale_if_error: Some(60 * SECOND), ..CachedOptions::default() };
    let scene = Scene::with(options).await;
    assert_eq!(scene.state(NOW).await, Ok(0));
    scene.store.is(Mood::Fails(StoreErrorKind::Unavailable));
    assert!(scene.cached.end(scene.end(), cx(NOW)).await.is_err());
    assert_eq!(scene.state(NOW).await, Err(StoreErrorKind::Unavailable));
}

#[test]
fn a_store_that_a_cache_does_not_fit_is_refused() {
    let memory = Cached::new(MemoryStore::new()).unwrap_err();
    assert!(memory.to_string().contains("in this process already"), "{memory}");
    let carried = Cached::new(Carried(carried::Flaw::None)).unwrap_err();
    assert!(carried.to_string().contains("carry their sessions"), "{carried}");
}

#[test]
fn a_cache_before_a_cache_is_behind_by_both() {
    let twice = Cached::new(Cached::new(Plain::default()).unwrap()).unwrap();
    assert_eq!(twice.guarantees().revocation, Revocation::Within(2 * SECOND));
}
