//! A cache before Redis: what it saves, and that it is never wrong for longer than it says.
//!
//! The clock stands still unless a test moves it, so an entry goes only because Redis told of a change.

use std::time::Duration;

use cloakroom::{
    Session,
    store::CachedOptions,
    time::{Clock as _, Timestamp},
};

use crate::{
    browser::{Browser, MINUTE, Server},
    rig::{Fault, eventually},
    scene::{Scene, add, at, cached, look, recovers, site},
};

/// How long the cache may be wrong.
const WITHIN: Duration = Duration::from_secs(5);

/// A site with a cache behind the proxy, and another server of it that is not.
struct Two {
    scene: Scene,
    cached: Server,
    elsewhere: Server,
}

impl Two {
    fn new() -> Self {
        Self::keeping(1000)
    }

    fn keeping(sessions: usize) -> Self {
        let scene = Scene::new();
        let options = CachedOptions { within: WITHIN, sessions, ..CachedOptions::default() };
        let cached = site(cached(scene.store(), options));
        let elsewhere = scene.direct_site(&cached);
        Self { scene, cached, elsewhere }
    }

    /// A browser whose session has `n` = 1, and is in the cache.
    async fn known(&self) -> Browser {
        let mut browser = self.elsewhere.browser();
        browser.does(|session| session.log_in("alice").and_then(|()| add(session, "n"))).await;
        let browser = at(&self.cached, &browser);
        self.gets_known(&browser).await;
        browser
    }

    /// The first read after a connection was made is not kept.
    async fn gets_known(&self, browser: &Browser) {
        eventually("it is in the cache", async || {
            self.scene.proxy.reset();
            look(browser, "n").await.unwrap();
            self.scene.proxy.commands().is_empty()
        })
        .await;
    }

    /// Whether the next look asks Redis, and what it sees.
    async fn looks(&self, browser: &Browser) -> (bool, Result<Option<u64>, u16>) {
        self.scene.proxy.reset();
        let seen = look(browser, "n").await;
        (!self.scene.proxy.commands().is_empty(), seen)
    }

    async fn adds(&self, browser: &Browser) {
        assert!(at(&self.elsewhere, browser).does(|session| add(session, "n")).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_known_costs_no_command() {
    let two = Two::new();
    let browser = two.known().await;
    for _ in 0..10 {
        assert_eq!(two.looks(&browser).await, (false, Ok(Some(1))));
    }
}

#[tokio::test]
async fn a_change_elsewhere_is_told_and_seen() {
    let two = Two::new();
    let browser = two.known().await;
    two.adds(&browser).await;
    eventually("the change is seen", async || look(&browser, "n").await == Ok(Some(2))).await;
}

#[tokio::test]
async fn a_session_ended_elsewhere_is_told_and_refused() {
    let two = Two::new();
    let browser = two.known().await;
    assert!(at(&two.elsewhere, &browser).does(Session::log_out).await.is_ok());
    eventually("the end is seen", async || look(&browser, "n").await == Ok(None)).await;
}

#[tokio::test]
async fn a_touch_elsewhere_is_told() {
    let two = Two::new();
    let browser = two.known().await;
    let later = site(two.scene.direct_store());
    later.clock.advance(2 * MINUTE);
    at(&later, &browser).does(|_| Ok(())).await;
    eventually("it is asked for again", async || two.looks(&browser).await.0).await;
}

/// Nothing tells of changes, and nobody knows it: what was proved lasts for so long and no longer.
#[tokio::test]
async fn a_partition_ends_what_is_known_after_the_time_that_was_promised() {
    let two = Two::new();
    let browser = two.known().await;
    two.scene.proxy.hold();
    assert!(at(&two.elsewhere, &browser).does(Session::log_out).await.is_ok());
    two.cached.clock.advance(WITHIN - Duration::from_millis(1));
    assert_eq!(look(&browser, "n").await, Ok(Some(1)), "this is what `within` allows");
    two.cached.clock.advance(Duration::from_millis(1));
    assert_eq!(look(&browser, "n").await, Err(503), "then it is an error, not a guess");
    two.scene.proxy.heal();
    assert_eq!(recovers(&browser, "n").await, None);
}

#[tokio::test]
async fn a_clock_that_is_set_back_proves_nothing() {
    let two = Two::new();
    let browser = two.known().await;
    two.cached.clock.set(Timestamp::from_millis(two.cached.clock.now().as_millis() - 1));
    assert!(two.looks(&browser).await.0);
}

#[tokio::test]
async fn a_lost_link_takes_everything_along() {
    let two = Two::new();
    let (one, other) = (two.known().await, two.known().await);
    two.scene.proxy.kill_connections();
    // The first call that finds out drops what all others rely on.
    assert!(at(&two.cached, &one).does(|session| add(session, "n")).await.is_ok());
    two.adds(&other).await;
    assert_eq!(two.looks(&other).await, (true, Ok(Some(2))));
}

/// From the moment on at which the loss is noticed, not only when there is a link again.
#[tokio::test]
async fn without_a_link_nothing_is_known() {
    let two = Two::new();
    let (one, other) = (two.known().await, two.known().await);
    two.scene.proxy.hold();
    assert_eq!(at(&two.cached, &one).does(|session| add(session, "n")).await.status(), 503);
    assert_eq!(look(&other, "n").await, Err(503));
    two.scene.proxy.heal();
    assert_eq!(recovers(&other, "n").await, Some(1));
}

#[tokio::test]
async fn own_writes_are_seen_at_once() {
    let two = Two::new();
    let mut browser = two.known().await;
    for n in 2..50 {
        assert!(browser.does(|session| add(session, "n")).await.is_ok());
        assert_eq!(look(&browser, "n").await, Ok(Some(n)));
    }
    let old = browser.clone();
    assert!(browser.does(Session::log_out).await.is_ok());
    assert_eq!(look(&old, "n").await, Ok(None));
}

/// A read is under way while the session changes, and the news of that come first. It must leave nothing behind.
#[tokio::test]
async fn a_read_that_was_overtaken_leaves_nothing() {
    let two = Two::new();
    two.known().await;
    let mut browser = two.elsewhere.browser();
    browser.does(|session| add(session, "n")).await;
    let browser = at(&two.cached, &browser);

    two.scene.proxy.reset();
    two.scene.proxy.next("GET", Fault::Overtaken);
    let late = browser.clone();
    let read = tokio::spawn(async move { look(&late, "n").await });
    eventually("it was read", async || two.scene.proxy.seen().iter().any(|seen| seen.reply_bytes > 0)).await;
    two.adds(&browser).await;
    assert_eq!(read.await.unwrap(), Ok(Some(1)), "it was read before");
    assert_eq!(look(&browser, "n").await, Ok(Some(2)), "what was read before is not kept");
}

#[tokio::test]
async fn no_more_sessions_are_kept_than_were_asked_for() {
    for sessions in [0, 1, 10, 100] {
        let two = Two::keeping(sessions);
        let mut browsers = Vec::new();
        for _ in 0..2 * sessions + 20 {
            let mut browser = two.elsewhere.browser();
            browser.does(|session| add(session, "n")).await;
            browsers.push(at(&two.cached, &browser));
        }
        for browser in browsers.iter().chain(&browsers) {
            look(browser, "n").await.unwrap();
        }
        two.scene.proxy.reset();
        let mut hits = 0;
        for browser in browsers.iter().rev() {
            let before = two.scene.proxy.commands().len();
            look(browser, "n").await.unwrap();
            hits += usize::from(two.scene.proxy.commands().len() == before);
        }
        assert!(hits <= sessions, "{hits} of at most {sessions} were kept");
        assert!(hits >= sessions / 4, "{hits} of {sessions} were kept");
    }
}
