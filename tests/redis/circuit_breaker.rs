//! A Redis that hangs: most requests fail at once, and all are served as soon as it is back.

use std::time::{Duration, Instant};

use cloakroom::{Session, SessionErrorKind, StoreErrorKind, store::CircuitBreakerOptions};

use crate::{
    browser::{Browser, Server},
    rig::eventually,
    scene::{Scene, add, look},
};

const OPEN: SessionErrorKind = SessionErrorKind::Store(StoreErrorKind::CircuitOpen);

/// What a look is answered: after what time, and with which error.
#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
async fn looks(browser: Browser) -> (Duration, Option<SessionErrorKind>) {
    let began = Instant::now();
    let error = browser.try_visit(&browser.request()).await.err().map(|error| error.kind());
    (began.elapsed(), error)
}

async fn all_look(browser: &Browser, times: usize) -> Vec<(Duration, Option<SessionErrorKind>)> {
    let looks: Vec<_> = (0..times).map(|_| tokio::spawn(looks(browser.clone()))).collect();
    let mut answers = Vec::new();
    for look in looks {
        answers.push(look.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_hangs_most_requests_fail_at_once() {
    let scene = Scene::new();
    let site = Server::new(scene.store());
    let mut browser = site.browser();
    browser.logs_in("alice").await;
    browser.does(|session| add(session, "n")).await;

    scene.proxy.hold();
    assert!(all_look(&browser, 20).await.iter().all(|(_, error)| error.is_some()), "an outage");
    let answers = all_look(&browser, 1000).await;
    let at_once = answers.iter().filter(|(took, _)| *took < Duration::from_millis(50)).count();
    assert!(at_once >= 998, "{at_once} of 1000");
    assert!(answers.iter().filter(|(_, error)| *error == Some(OPEN)).count() >= 998);

    // Nobody is logged in or out meanwhile, and told so.
    let exchange = site.sessions.exchange("/");
    let stranger = exchange.lazy().load(&site.browser().request().head()).await.unwrap();
    stranger.log_in("bob").unwrap();
    let visit = crate::browser::Visit { exchange, session: stranger };
    let response = crate::browser::finish(visit, 200).await;
    assert_eq!((response.status(), response.cookie()), (503, None));
    assert!(response.error.unwrap().retry_after().is_some());

    scene.proxy.heal();
    eventually("requests are served", async || look(&browser, "n").await == Ok(Some(1))).await;
    assert!(browser.does(Session::log_out).await.is_ok());
}

/// It opens before the first request has failed.
#[tokio::test(flavor = "multi_thread")]
async fn few_requests_wait_for_a_redis_that_hangs() {
    let scene = Scene::new();
    let site = Server::new(scene.store()).with(|sessions| sessions.store_timeout(Duration::from_secs(20)));
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    scene.proxy.hold();
    let waiting: Vec<_> = (0..50).map(|_| tokio::spawn(looks(browser.clone()))).collect();
    eventually("others fail at once", async || {
        let look = looks(browser.clone());
        tokio::time::timeout(Duration::from_millis(20), look)
            .await
            .is_ok_and(|(_, error)| error == Some(OPEN))
    })
    .await;
    scene.proxy.heal();
    for look in waiting {
        assert_eq!(look.await.unwrap().1, None, "who waits is served when it is back");
    }
    assert_eq!(look(&browser, "n").await, Ok(Some(1)), "and the breaker is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_breaker_each_request_waits() {
    let scene = Scene::new();
    let site = crate::scene::site(scene.builder().without_circuit_breaker().build());
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    scene.proxy.hold();
    for _ in 0..2 {
        let answers = all_look(&browser, 20).await;
        assert!(
            answers.iter().all(|(took, error)| *took > Duration::from_millis(300) && *error != Some(OPEN))
        );
    }
}

/// Redis is asked again after the cool-down, by one request at a time.
#[tokio::test(flavor = "multi_thread")]
async fn one_request_at_a_time_looks_whether_redis_is_back() {
    let scene = Scene::new();
    let options = CircuitBreakerOptions { threshold: 1, cool_down: Duration::from_millis(50) };
    let site = crate::scene::site(scene.builder().circuit_breaker(options).build());
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    scene.proxy.hold();
    assert!(looks(browser.clone()).await.1.is_some());
    eventually("it is asked again", async || {
        let answers = all_look(&browser, 20).await;
        let asked = answers.iter().filter(|(_, error)| *error != Some(OPEN)).count();
        assert!(asked <= 1, "{answers:?}");
        asked == 1
    })
    .await;
}
