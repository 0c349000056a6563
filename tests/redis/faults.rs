//! Every fault of the proxy against every kind of call, at the level of whole requests.
//!
//! Whatever happens on the way, a request is served, or it is a clear 503. Nobody sees another's session, no cookie is
//! cleared but by who logs out, nothing is counted twice, what was acknowledged is there, and the site serves on without a
//! restart as soon as the way is free.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cloakroom::{
    Session, SessionError, SessionErrorKind, SessionStore, StoreErrorKind,
    store::{CachedOptions, RedisStore},
    time::{Clock as _, ManualClock},
};

use crate::{
    browser::{Browser, MINUTE, Response, Server, finish},
    rig::{Fault, Proxy, RedisServer, eventually, proxy::Hits},
    scene::{Scene, add, at, cached, look, recovers, site},
};

/// How long the cache may be wrong.
const WITHIN: Duration = Duration::from_millis(1);

/// What somebody asks of the site.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Look,
    Begin,
    BeginLoggedIn,
    Add,
    StayAwhile,
    LogOut,
    LogIn,
    Renew,
    ListDevices,
}

/// One command of a deed: the how manieth of its name, after the session is loaded.
#[derive(Clone, Copy)]
struct Step {
    deed: Deed,
    what: &'static str,
    command: &'static str,
    before_it: usize,
}

const fn step(deed: Deed, what: &'static str, command: &'static str, before_it: usize) -> Step {
    Step { deed, what, command, before_it }
}

const STEPS: &[Step] = &[
    step(Deed::Look, "a load", "GET", 0),
    step(Deed::Begin, "the creation of a session", "EVALSHA", 0),
    step(Deed::BeginLoggedIn, "the entry of a new login", "EVALSHA", 0),
    step(Deed::BeginLoggedIn, "the creation by a login", "EVALSHA", 1),
    step(Deed::Add, "a change", "EVALSHA", 0),
    step(Deed::StayAwhile, "a touch", "EVALSHA", 0),
    step(Deed::StayAwhile, "the confirmation of an entry", "EVALSHA", 1),
    step(Deed::LogOut, "a log-out", "EVALSHA", 0),
    step(Deed::LogOut, "the end of an entry", "ZREM", 0),
    step(Deed::LogIn, "the entry of a login", "EVALSHA", 0),
    step(Deed::LogIn, "a login", "EVALSHA", 1),
    step(Deed::Renew, "a renewal", "EVALSHA", 1),
    step(Deed::ListDevices, "a list of devices", "EVALSHA", 0),
    step(Deed::ListDevices, "a look at a device", "EVALSHA", 1),
];

/// What a visitor gets to feel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Feels {
    /// Nothing: the request is served.
    Nothing,
    /// A 503.
    Outage,
}

use Feels::{Nothing, Outage};

/// What goes wrong.
#[derive(Clone)]
struct Harm {
    name: &'static str,
    how: How,
    feels: Feels,
    /// Whether others use the connection meanwhile.
    busy: bool,
}

#[derive(Clone)]
enum How {
    Once(Fault),
    Always(Fault),
    Partition,
    Killed,
    Refused,
}

fn harms() -> Vec<Harm> {
    let quiet = |name, how, feels| Harm { name, how, feels, busy: false };
    let busy = |name, how, feels| Harm { name, how, feels, busy: true };
    let error = Fault::error;
    let moved = || Fault::moved(7, "127.0.0.1:1");
    vec![
        quiet("a reply that comes late", How::Once(Fault::Delay(Duration::from_secs(2))), Nothing),
        quiet("dropped before", How::Once(Fault::DropBefore), Nothing),
        quiet("dropped before, always", How::Always(Fault::DropBefore), Outage),
        quiet("dropped after", How::Once(Fault::DropAfter), Nothing),
        quiet("dropped after, always", How::Always(Fault::DropAfter), Outage),
        quiet("reset mid-reply", How::Once(Fault::ResetMidReply), Nothing),
        busy("swapped replies", How::Once(Fault::Swap), Nothing),
        busy("a duplicated reply", How::Once(Fault::Duplicate), Nothing),
        busy("swallowed among others", How::Once(Fault::Swallow), Nothing),
        quiet("swallowed", How::Once(Fault::Swallow), Nothing),
        quiet("stalled", How::Once(Fault::Stall), Nothing),
        quiet("one byte at a time", How::Once(Fault::Trickle), Nothing),
        quiet("READONLY", How::Once(Fault::read_only()), Nothing),
        quiet("READONLY, always", How::Always(Fault::read_only()), Outage),
        quiet("LOADING", How::Once(Fault::loading()), Nothing),
        quiet("LOADING, always", How::Always(Fault::loading()), Outage),
        quiet("OOM", How::Once(Fault::out_of_memory()), Nothing),
        quiet("OOM, always", How::Always(Fault::out_of_memory()), Outage),
        quiet("MOVED", How::Once(moved()), Nothing),
        quiet("MOVED, always", How::Always(moved()), Outage),
        quiet("ASK", How::Once(Fault::ask(7, "127.0.0.1:1")), Nothing),
        quiet("CLUSTERDOWN", How::Once(Fault::cluster_down()), Nothing),
        quiet("TRYAGAIN", How::Once(error("TRYAGAIN Multiple keys request during rehashing")), Nothing),
        quiet("MASTERDOWN", How::Once(error("MASTERDOWN Link with MASTER is down")), Nothing),
        quiet("BUSY", How::Once(error("BUSY Redis is busy running a script.")), Nothing),
        quiet("NOSCRIPT", How::Once(Fault::no_script()), Nothing),
        quiet("MISCONF", How::Once(error("MISCONF Errors writing to the AOF file")), Nothing),
        quiet("MISCONF, always", How::Always(error("MISCONF Errors writing to the AOF file")), Outage),
        quiet("nonsense", How::Once(Fault::Reply(b"+OK\r\n".to_vec())), Nothing),
        busy("a partition", How::Partition, Outage),
        busy("connections killed", How::Killed, Nothing),
        busy("connections refused", How::Refused, Outage),
    ]
}

impl Harm {
    fn begins(&self, proxy: &Proxy, step: Step) -> Option<Hits> {
        let pass_by = Fault::Delay(Duration::ZERO);
        if step.before_it > 0 {
            proxy.next_n(step.before_it, step.command, pass_by);
        }
        match &self.how {
            How::Once(fault) => return Some(proxy.next(step.command, fault.clone())),
            How::Always(fault) => return Some(proxy.always(step.command, fault.clone())),
            How::Partition => proxy.hold(),
            How::Killed => proxy.kill_connections(),
            How::Refused => {
                proxy.refuse();
                proxy.kill_connections();
            }
        }
        None
    }

    fn is_over(&self, proxy: &Proxy) {
        proxy.clear();
        match self.how {
            How::Partition => proxy.heal(),
            How::Refused => proxy.accept(),
            _ => {}
        }
    }

    /// What the one who meets it at this step gets to feel.
    fn feels(&self, step: Step) -> Feels {
        match step.deed {
            // Upkeep fails no response.
            Deed::StayAwhile => Nothing,
            Deed::LogOut if step.command == "ZREM" && matches!(self.how, How::Once(_) | How::Always(_)) => {
                Nothing
            }
            // Only a script is sent again that was refused for good.
            _ if ["NOSCRIPT", "OOM", "MISCONF"].contains(&self.name) && step.command == "GET" => Outage,
            _ => self.feels,
        }
    }

    /// Whoever is to be served is given time, whoever is not does not wait for it.
    fn patience(&self) -> Duration {
        if self.feels == Outage { Duration::from_secs(1) } else { Duration::from_secs(10) }
    }
}

/// A visitor, and what was acknowledged.
struct Visitor {
    browser: Browser,
    subject: String,
    counted: u64,
}

/// The session at the beginning of a deed.
async fn visitor(site: &Server, deed: Deed, subject: String) -> Visitor {
    let mut browser = site.browser();
    let logs_in = matches!(deed, Deed::StayAwhile | Deed::LogOut | Deed::Renew | Deed::ListDevices);
    let counted = if matches!(deed, Deed::Begin | Deed::BeginLoggedIn) { 0 } else { 3 };
    for _ in 0..counted {
        assert!(browser.does(|session| add(session, "n")).await.is_ok());
    }
    if logs_in {
        assert!(browser.logs_in(&subject).await.is_ok());
        assert!(site.browser().logs_in(&subject).await.is_ok());
    }
    Visitor { browser, subject, counted }
}

/// The deed, with the fault at its step. What is answered, or the status of the error that the handler got.
async fn does(
    deed: Deed,
    visitor: &mut Visitor,
    begin: impl FnOnce() -> Option<Hits>,
) -> (Result<Response, SessionError>, Option<Hits>) {
    if deed == Deed::Look {
        let hits = begin();
        let request = visitor.browser.request();
        let answer = match visitor.browser.try_visit(&request).await {
            Ok(visit) => {
                assert_eq!(visit.session.get("n").unwrap(), Some(visitor.counted), "what was loaded");
                Ok(finish(visit, 200).await)
            }
            Err(error) => Err(error),
        };
        return (answer, hits);
    }
    let visit = visitor.browser.visit().await;
    let hits = begin();
    let handled = handles(deed, &visit.session, &visitor.subject).await;
    let response = finish(visit, 200).await;
    (handled.map(|()| response), hits)
}

async fn handles(deed: Deed, session: &Session, subject: &str) -> Result<(), SessionError> {
    match deed {
        Deed::Look | Deed::StayAwhile => Ok(()),
        Deed::Begin | Deed::Add => add(session, "n"),
        Deed::BeginLoggedIn | Deed::LogIn => session.log_in(subject).and_then(|()| add(session, "n")),
        Deed::LogOut => session.log_out(),
        Deed::Renew => session.renew(),
        Deed::ListDevices => {
            assert_eq!(session.sessions().await?.len(), 2, "both devices are listed");
            Ok(())
        }
    }
}

/// Whether a deed that is acknowledged is done, exactly once.
async fn is_done(deed: Deed, visitor: &Visitor, after: &Browser, elsewhere: &Server) {
    // The old secret first: to show the new one ends the grace of a renewal.
    let before = look(&at(elsewhere, &visitor.browser), "n").await.unwrap();
    let seen = look(&at(elsewhere, after), "n").await.unwrap();
    match deed {
        Deed::Look | Deed::StayAwhile | Deed::ListDevices => assert_eq!(seen, Some(3)),
        Deed::Begin | Deed::BeginLoggedIn => assert_eq!(seen, Some(1), "it began with one"),
        Deed::Add => assert_eq!(seen, Some(4), "it was counted once"),
        Deed::LogOut => {
            assert_eq!(after.cookie, None, "the cookie goes");
            assert_eq!(before, None, "the session has ended");
        }
        Deed::LogIn => assert_eq!((seen, before), (Some(4), None), "a new secret, the old one opens nothing"),
        Deed::Renew => {
            assert_ne!(after.cookie, visitor.browser.cookie, "a new secret");
            assert_eq!((seen, before), (Some(3), Some(3)), "both are honoured");
        }
    }
    if let Deed::BeginLoggedIn | Deed::LogIn = deed {
        let mut browser = at(elsewhere, after);
        assert_eq!(browser.subject().await.as_ref(), Some(&visitor.subject));
        let listed = browser.visit().await.session.sessions().await.unwrap();
        assert_eq!(listed.len(), 1, "who is logged in is listed");
    }
}

/// Whether a deed that failed has happened entirely or not at all.
async fn is_done_or_not(deed: Deed, visitor: &Visitor, elsewhere: &Server) {
    let seen = look(&at(elsewhere, &visitor.browser), "n").await.unwrap();
    match deed {
        Deed::Begin | Deed::BeginLoggedIn => assert_eq!(seen, None),
        Deed::Add => assert!(seen == Some(3) || seen == Some(4), "counted at most once: {seen:?}"),
        // If it took effect, the old secret opens nothing any more.
        Deed::LogOut | Deed::LogIn => assert!(seen == Some(3) || seen.is_none(), "{seen:?}"),
        Deed::Look | Deed::StayAwhile | Deed::Renew | Deed::ListDevices => assert_eq!(seen, Some(3)),
    }
}

/// The site, somebody who only wants to be served, and what is between them and Redis.
#[derive(Clone)]
struct Stage {
    proxy: Arc<Proxy>,
    site: Server,
    elsewhere: Server,
    harm: Harm,
}

impl Stage {
    fn new(server: &RedisServer, harm: Harm, cache: Option<CachedOptions>) -> Self {
        let proxy = Proxy::before(server.address());
        let store = RedisStore::from_url(&proxy.url()).unwrap();
        let store: Arc<dyn SessionStore> = match cache {
            Some(options) => Arc::new(cached(store, options)),
            None => Arc::new(store),
        };
        let site = Server::new(store).with(|sessions| sessions.store_timeout(harm.patience()));
        let direct = RedisStore::from_url(&server.url()).unwrap();
        let elsewhere = Server::new(direct).with(|sessions| sessions.clock(Arc::clone(&site.clock)));
        Self { proxy: Arc::new(proxy), site, elsewhere, harm }
    }

    /// One harm at one step of one deed.
    async fn plays(self, step: Step) {
        let Self { proxy, site, elsewhere, harm } = self;
        // Nobody is loaded from the cache, and whoever stays is touched.
        site.clock.advance(2 * MINUTE);
        let mut witness = elsewhere.browser();
        assert!(witness.does(|session| session.insert("w", 7)).await.is_ok());
        let witness = at(&site, &witness);
        let subject = format!("{} at {}", harm.name, step.what);
        let mut visitor = visitor(&elsewhere, step.deed, subject).await;
        visitor.browser = at(&site, &visitor.browser);
        assert_eq!(recovers(&witness, "w").await, Some(7));
        site.clock.advance(2 * MINUTE);

        let crowd = Crowd::gathers(&site, &elsewhere, if harm.busy { 3 } else { 0 }).await;
        let (answer, hits) = does(step.deed, &mut visitor, || harm.begins(&proxy, step)).await;
        if let Some(hits) = hits {
            assert!(hits.count() > 0, "the fault was met");
        }
        let status = answer.as_ref().map_or_else(SessionError::status, Response::status);
        harm.is_over(&proxy);
        crowd.disperses().await;

        let mut after = visitor.browser.clone();
        if let Ok(response) = &answer {
            let cleared = response.cookie() == Some("");
            assert!(!cleared || step.deed == Deed::LogOut, "only who logs out loses a cookie");
            after.keep(response);
        }
        match (harm.feels(step), status) {
            (Nothing, 200) => is_done(step.deed, &visitor, &after, &elsewhere).await,
            (Outage, 503) => is_done_or_not(step.deed, &visitor, &elsewhere).await,
            (felt, status) => panic!("{felt:?} was to be felt, not {status}: {answer:?}"),
        }

        assert_eq!(recovers(&witness, "w").await, Some(7), "the site serves on");
        let mut witness = witness;
        assert!(witness.does(|session| add(session, "w")).await.is_ok());
        assert_eq!(look(&at(&elsewhere, &witness), "w").await, Ok(Some(8)));
    }
}

/// Others who use the same connection. Each sees its own session or a 503.
struct Crowd {
    over: Arc<AtomicBool>,
    visitors: Vec<tokio::task::JoinHandle<()>>,
}

impl Crowd {
    async fn gathers(site: &Server, elsewhere: &Server, size: u64) -> Self {
        // One whose reply went to somebody else waits for nothing. A clock that goes on keeps them out of the cache.
        let clock = Arc::new(ManualClock::new(site.clock.now()));
        let sessions = site.sessions.clone().clock(Arc::clone(&clock));
        let site = &Server { sessions: sessions.store_timeout(Duration::from_millis(300)), clock };
        let over = Arc::new(AtomicBool::new(false));
        let mut visitors = Vec::new();
        for number in 100..100 + size {
            let mut browser = elsewhere.browser();
            assert!(browser.does(|session| session.insert("own", number)).await.is_ok());
            let (browser, over) = (at(site, &browser), Arc::clone(&over));
            visitors.push(tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    browser.server.clock.advance(2 * WITHIN);
                    match look(&browser, "own").await {
                        Ok(own) => assert_eq!(own, Some(number), "nobody sees another's session"),
                        Err(status) => {
                            assert_eq!(status, 503);
                            assert_eq!(recovers(&browser, "own").await, Some(number));
                        }
                    }
                }
            }));
        }
        Self { over, visitors }
    }

    async fn disperses(self) {
        self.over.store(true, Ordering::SeqCst);
        for visitor in self.visitors {
            visitor.await.expect("everybody saw what was theirs");
        }
    }
}

/// Plays everything; the failures by name.
async fn play_all(cache: Option<CachedOptions>) -> Vec<String> {
    let server = RedisServer::start();
    let stages: Vec<_> = harms().into_iter().map(|harm| Stage::new(&server, harm, cache)).collect();
    let plays = stages.into_iter().map(|stage| {
        tokio::spawn(async move {
            let mut failures = Vec::new();
            for &step in STEPS {
                if tokio::spawn(stage.clone().plays(step)).await.is_err() {
                    failures.push(format!("{} at {}", stage.harm.name, step.what));
                    stage.harm.is_over(&stage.proxy);
                }
            }
            failures
        })
    });
    let plays: Vec<_> = plays.collect();
    let mut failures = Vec::new();
    for play in plays {
        failures.extend(play.await.expect("it catches what fails"));
    }
    failures
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_on_the_way_harms_nobody() {
    assert_eq!(play_all(None).await, [""; 0], "the tests of these combinations failed, see above");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_on_the_way_harms_nobody_behind_a_cache() {
    let failures = play_all(Some(CachedOptions { within: WITHIN, ..CachedOptions::default() })).await;
    assert_eq!(failures, [""; 0], "the tests of these combinations failed, see above");
}

/// A write takes effect, its reply is lost, and before it can be repeated others write so often that the session no longer
/// remembers it. That is said, not guessed.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_lost_behind_many_others_is_not_made_again() {
    let scene = Scene::new();
    let site = Server::new(scene.store()).with(|sessions| sessions.store_timeout(Duration::from_secs(20)));
    let elsewhere = scene.direct_site(&site);
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());

    let visit = browser.visit().await;
    add(&visit.session, "n").unwrap();
    let lost = scene.proxy.next("EVALSHA", Fault::DropAfter);
    // Until there is another connection, others have time to write.
    scene.proxy.always("CLIENT", Fault::Delay(Duration::from_millis(1500)));
    let late = tokio::spawn(finish(visit, 200));
    eventually("the reply is lost", async || lost.count() > 0).await;
    for _ in 0..5 {
        assert!(at(&elsewhere, &browser).does(|session| add(session, "n")).await.is_ok());
    }
    let error = late.await.unwrap().error.map(|error| error.kind());
    assert_eq!(error, Some(SessionErrorKind::Store(StoreErrorKind::OutcomeUnknown)));
    assert_eq!(look(&at(&elsewhere, &browser), "n").await, Ok(Some(7)), "it was counted, once");
}

/// Two servers use a session, the later one first.
async fn uses_late(handler: fn(&Session) -> Result<(), SessionError>) {
    let scene = Scene::new();
    let [ahead, behind, later] = [10, 2, 35].map(|minutes| {
        let server = site(scene.store());
        server.clock.advance(minutes * MINUTE);
        server
    });
    let mut browser = site(scene.store()).browser();
    browser.does(|session| add(session, "n")).await;
    let visit = at(&behind, &browser).visit().await;
    handler(&visit.session).unwrap();
    assert!(at(&ahead, &browser).does(|_| Ok(())).await.is_ok());
    assert!(finish(visit, 200).await.is_ok());
    assert_eq!(at(&later, &browser).sees::<u64>("n").await, Some(1));
}

#[tokio::test]
async fn a_touch_that_comes_late_takes_no_time_away() {
    uses_late(|_| Ok(())).await;
}

#[tokio::test]
async fn a_change_that_comes_late_takes_no_time_away() {
    uses_late(|session| session.insert("other", 1)).await;
}

/// What was sent before a login is another visitor's, who keeps nothing alive.
#[tokio::test]
async fn a_touch_from_before_a_login_prolongs_nothing() {
    let scene = Scene::new();
    let [now, ahead, later] = [0, 20, 35].map(|minutes| {
        let server = site(scene.store());
        server.clock.advance(minutes * MINUTE);
        server
    });
    let mut browser = now.browser();
    browser.does(|session| add(session, "n")).await;
    let visit = at(&ahead, &browser).visit().await;
    assert!(browser.logs_in("alice").await.is_ok());
    assert!(finish(visit, 200).await.is_ok());
    assert_eq!(at(&now, &browser).subject().await.as_deref(), Some("alice"));
    assert_eq!(at(&later, &browser).subject().await, None);
}

/// A primary that has become a replica keeps its connections: another connection finds the new one.
#[tokio::test]
async fn who_has_become_a_replica_is_left() {
    let scene = Scene::new();
    let mut browser = scene.site().browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    scene.proxy.reset();
    scene.proxy.next("EVALSHA", Fault::read_only());
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    assert_eq!(scene.proxy.connections(), 1, "a new one");
}
