//! A way that is cut, silent, or loses answers.

use cloakroom::{Session, SessionError, SessionErrorKind, StoreErrorKind};

use crate::{
    browser::{Browser, HOUR, MINUTE, Server, finish},
    rig::eventually,
    scene::{Scene, at, outcome},
    visits::{add, look, recovers},
};

/// What somebody asks of the site.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Begin,
    Add,
    StayAwhile,
    LogIn,
    Renew,
    LogOut,
}

const DEEDS: [Deed; 6] = [Deed::Begin, Deed::Add, Deed::StayAwhile, Deed::LogIn, Deed::Renew, Deed::LogOut];

impl Deed {
    fn handler(self, session: &Session) -> Result<(), SessionError> {
        match self {
            Self::Begin | Self::Add => add(session, "n"),
            Self::StayAwhile => Ok(()),
            Self::LogIn => session.log_in("alice"),
            Self::Renew => session.renew(),
            Self::LogOut => session.log_out(),
        }
    }

    /// Somebody who is about to do it, and what they then see.
    async fn visitor(self, site: &Server) -> (Browser, Option<u64>) {
        let mut browser = site.browser();
        if matches!(self, Self::Begin) {
            return (browser, Some(1));
        }
        browser.does(|session| add(session, "n")).await;
        let sees = match self {
            Self::Add => Some(2),
            Self::LogOut => None,
            _ => Some(1),
        };
        (browser, sees)
    }
}

/// The server has done what was asked, and nobody hears of it, at any of the first answers of any request: each is served.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_costs_no_request_and_nothing_is_done_twice() {
    let scene = Scene::new().await;
    for deed in DEEDS {
        for answers in 0..6 {
            let site = scene.site();
            let (mut browser, sees) = deed.visitor(&site).await;
            if matches!(deed, Deed::StayAwhile) {
                site.clock.advance(2 * MINUTE);
            }
            scene.wire.lose_answer_after(answers);
            let error = outcome(&mut browser, |session| deed.handler(session)).await;
            scene.wire.heal();
            assert_eq!(error, None, "{deed:?}, after {answers} answers");
            assert_eq!(look(&browser, "n").await, Ok(sees), "{deed:?}, after {answers} answers");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_whose_answer_is_lost_is_final() {
    let scene = Scene::new().await;
    for answers in 0..4 {
        let site = scene.site();
        let mut browser = site.browser();
        browser.logs_in("alice").await;
        let old = browser.clone();
        scene.wire.lose_answer_after(answers);
        assert_eq!(outcome(&mut browser, Session::log_out).await, None);
        scene.wire.heal();
        assert_eq!(look(&old, "n").await, Ok(None));
        site.clock.advance(HOUR);
        assert_eq!(look(&old, "n").await, Ok(None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_cut_is_an_outage_until_it_is_whole() {
    let scene = Scene::new().await;
    let site = scene.site();
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    scene.wire.cut();
    for _ in 0..12 {
        assert_eq!(look(&browser, "n").await, Err(503));
    }
    scene.wire.heal();
    assert_eq!(recovers(&browser, "n").await, Some(1));
    scene.wire.kill_connections();
    assert_eq!(look(&browser, "n").await, Ok(Some(1)), "a cut that is over costs no request");
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
}

/// As behind a firewall that has forgotten the connections: nothing fails, and nothing answers.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_went_silent_cost_no_request() {
    let scene = Scene::new().await;
    let site = scene.site();
    let mut browser = site.browser();
    for count in 1..=3 {
        assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
        assert_eq!(look(&browser, "n").await, Ok(Some(count)));
        scene.wire.forget_connections();
    }
    assert_eq!(look(&browser, "n").await, Ok(Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_count_together() {
    let scene = Scene::new().await;
    let (one, other) = (scene.site(), scene.site());
    let mut browser = one.browser();
    browser.does(|session| add(session, "n")).await;
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let mut browser = at(if task % 2 == 0 { &one } else { &other }, &browser);
            tokio::spawn(async move {
                for _ in 0..10 {
                    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(look(&browser, "n").await, Ok(Some(161)));
    assert!(scene.wire.opened() <= 2 + 2 * 5, "{} connections", scene.wire.opened());
}

/// A write takes effect, its answer is lost, and before it can be repeated others write so often that the session no longer remembers
/// it. That is said, not guessed.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_lost_behind_many_others_is_not_made_again() {
    let scene = Scene::new().await;
    let (site, elsewhere) = (scene.site(), crate::scene::site(scene.direct_store()));
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    let direct = at(&elsewhere, &browser);
    let (mut counted, mut unknown) = (1, 0);
    for _ in 0..20 {
        let visit = browser.visit().await;
        add(&visit.session, "n").unwrap();
        scene.wire.lose_answer_after(0);
        let late = tokio::spawn(finish(visit, 200));
        eventually("the write is done", async || look(&direct, "n").await == Ok(Some(counted + 1))).await;
        scene.wire.hold();
        for _ in 0..5 {
            assert!(direct.clone().does(|session| add(session, "n")).await.is_ok());
        }
        scene.wire.heal();
        match late.await.unwrap().error.map(|error| error.kind()) {
            Some(SessionErrorKind::Store(StoreErrorKind::OutcomeUnknown)) => unknown += 1,
            answer => assert_eq!(answer, None),
        }
        counted += 6;
        assert_eq!(look(&direct, "n").await, Ok(Some(counted)), "it was counted, once");
    }
    assert!(unknown > 0, "the write was always repeated before the others");
}
