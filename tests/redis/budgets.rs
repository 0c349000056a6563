//! What one session, one user or one stranger can make everybody else pay, counted in bytes on the wire.

use std::time::Duration;

use cloakroom::{OnTooManySessions, Session, SessionError, store::CachedOptions};

use crate::{
    browser::{Browser, Server},
    rig::eventually,
    scene::{Scene, at, cached, look, site},
};

const LARGE: usize = 200_000;

/// Stores a value of this size.
fn fill(session: &Session, len: usize) -> Result<(), SessionError> {
    session.insert("large", "x".repeat(len))
}

/// A site whose requests wait for the store, however busy the machine is.
fn patient(site: Server) -> Server {
    site.with(|sessions| sessions.store_timeout(Duration::from_secs(20)))
}

async fn logged_in(site: &Server, len: usize) -> Browser {
    let mut browser = site.browser();
    let response = browser.does(|session| session.log_in("alice").and_then(|()| fill(session, len))).await;
    assert!(response.is_ok());
    browser
}

/// All bytes that went either way since the last reset.
fn bytes(scene: &Scene) -> usize {
    scene.proxy.seen().iter().map(|seen| seen.request_bytes + seen.reply_bytes).sum()
}

#[tokio::test]
async fn neither_a_list_nor_an_end_reads_what_sessions_hold() {
    const SESSIONS: usize = 60;
    let scene = Scene::new();
    let site = patient(scene.site());
    let elsewhere = patient(scene.direct_site(&site));
    for _ in 0..SESSIONS {
        logged_in(&elsewhere, LARGE).await;
    }
    scene.proxy.reset();
    let listed = site.sessions.sessions_of("alice").await.unwrap();
    assert_eq!(listed.len(), SESSIONS);
    assert!(listed.iter().all(|session| session.subject() == Some("alice")));
    assert!(bytes(&scene) < SESSIONS * 3_000, "{} bytes", bytes(&scene));
    scene.proxy.reset();
    assert_eq!(site.sessions.end_sessions_of("alice").await.unwrap(), SESSIONS);
    assert!(bytes(&scene) < SESSIONS * 6_000, "{} bytes", bytes(&scene));
}

#[tokio::test]
async fn a_login_beyond_the_limit_reads_no_data_and_one_below_it_lists_nothing() {
    for beyond in [OnTooManySessions::Refuse, OnTooManySessions::EndOldest] {
        let scene = Scene::new();
        let site = patient(scene.site()).with(|sessions| sessions.sessions_per_subject(20, beyond));
        let elsewhere = patient(scene.direct_site(&site));
        for _ in 0..19 {
            logged_in(&elsewhere, LARGE).await;
        }
        site.browser().logs_in("bob").await; // the scripts are known now
        scene.proxy.reset();
        assert!(site.browser().logs_in("alice").await.is_ok());
        assert!(bytes(&scene) < 2_000, "{} bytes", bytes(&scene));
        scene.proxy.reset();
        let response = site.browser().logs_in("alice").await;
        assert_eq!(response.is_ok(), beyond == OnTooManySessions::EndOldest);
        assert!(bytes(&scene) < 21 * 3_000, "{} bytes", bytes(&scene));
        assert_eq!(site.sessions.sessions_of("alice").await.unwrap().len(), 20);
    }
}

/// A site with a cache, whose clock stands still.
fn with_cache(scene: &Scene, options: CachedOptions) -> Server {
    let options = CachedOptions { within: Duration::from_secs(3600), ..options };
    patient(site(cached(scene.store(), options)))
}

async fn is_known(scene: &Scene, browser: &Browser) -> bool {
    scene.proxy.reset();
    look(browser, "n").await.unwrap();
    scene.proxy.commands().is_empty()
}

#[tokio::test]
async fn tokens_of_unknown_sessions_push_nobody_out_of_the_cache() {
    let scene = Scene::new();
    let site = with_cache(&scene, CachedOptions { sessions: 100, ..CachedOptions::default() });
    let browser = at(&site, &logged_in(&patient(scene.direct_site(&site)), 10).await);
    eventually("it is in the cache", async || is_known(&scene, &browser).await).await;
    for number in 0..2_000 {
        let junk = Browser { server: site.clone(), cookie: Some(format!("{number:064x}")) };
        assert_eq!(look(&junk, "n").await, Ok(None));
    }
    assert!(is_known(&scene, &browser).await);
}

#[tokio::test]
async fn the_cache_keeps_no_more_bytes_than_it_may() {
    const SESSIONS: usize = 40;
    let scene = Scene::new();
    // Sixteen parts, each for two of these sessions in either half.
    let site = with_cache(&scene, CachedOptions { bytes: 16 * 2 * 2 * 11_000, ..CachedOptions::default() });
    let elsewhere = patient(scene.direct_site(&site));
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for _ in 0..SESSIONS {
        small.push(at(&site, &logged_in(&elsewhere, 10_000).await));
        large.push(at(&site, &logged_in(&elsewhere, 30_000).await));
    }
    eventually("the small ones are in the cache", async || {
        let mut known = 0;
        for browser in &small {
            known += usize::from(is_known(&scene, browser).await);
        }
        known > SESSIONS / 4
    })
    .await;
    for browser in large.iter().chain(&large) {
        assert!(!is_known(&scene, browser).await, "it is larger than its part of the cache");
    }
}
