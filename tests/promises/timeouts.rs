//! Promises 6 and 12: both timeouts, on the server, under a clock that is told the time.

use std::{sync::Arc, time::Duration};

use cloakroom::time::{ManualClock, Timestamp};

use crate::{
    browser::{HOUR, MINUTE, START, Server},
    probe::Probe,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn promise_6_an_unused_session_ends() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    server.clock.advance(30 * MINUTE - MILLISECOND);
    assert_eq!(browser.clone().subject().await.as_deref(), Some("alice"));
    server.clock.advance(30 * MINUTE);
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn promise_6_use_prolongs_a_session_and_the_absolute_timeout_ends_it_all_the_same() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    for _ in 0..35 {
        server.clock.advance(20 * MINUTE);
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    }
    server.clock.advance(20 * MINUTE);
    assert_eq!(browser.subject().await, None, "twelve hours have passed");
}

#[tokio::test]
async fn promise_6_a_login_starts_the_absolute_timeout_anew() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.does(|session| session.insert("a", 1)).await;
    for _ in 0..33 {
        server.clock.advance(20 * MINUTE);
        browser.sees::<i64>("a").await;
    }
    browser.logs_in("alice").await;
    for _ in 0..6 {
        server.clock.advance(20 * MINUTE);
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn promise_6_max_age_is_the_absolute_timeout_and_only_a_hint() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    let response = browser.logs_in("alice").await;
    assert!(response.header("set-cookie").unwrap().contains("; Max-Age=43200;"));
    server.clock.advance(31 * MINUTE);
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn promise_6_touches_are_throttled() {
    let probe = Probe::default();
    let server = Server::new(probe.clone());
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    probe.calls();
    server.clock.advance(MINUTE - MILLISECOND);
    browser.subject().await;
    assert_eq!(probe.calls(), 1);
    server.clock.advance(MILLISECOND);
    browser.subject().await;
    assert_eq!(probe.calls(), 2, "the load and the touch");
    browser.subject().await;
    assert_eq!(probe.calls(), 1);
}

#[tokio::test]
async fn promise_6_stricter_rules_reach_older_sessions() {
    let probe = Probe::default();
    let lax = Server::new(probe.clone());
    let mut browser = lax.browser();
    browser.logs_in("alice").await;
    let strict = Server::new(probe).with(|sessions| sessions.idle_timeout(5 * MINUTE));
    strict.clock.advance(5 * MINUTE);
    browser.server = strict;
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn promise_6_a_clock_that_jumps_ends_nothing_for_good_and_grants_nothing() {
    let server = Server::new(Probe::default());
    let mut browsers = Vec::new();
    for number in 0..100 {
        let mut browser = server.browser();
        browser.logs_in(&format!("user {number}")).await;
        browsers.push(browser);
    }
    for jump in [START + 3650 * DAY, Timestamp::MAX] {
        server.clock.set(jump);
        assert_eq!(browsers[0].subject().await, None, "expired by that clock");
        server.browser().logs_in("mallory").await;
        server.clock.set(START + MINUTE);
    }
    let mut live = 0;
    for browser in &mut browsers {
        live += usize::from(browser.subject().await.is_some());
    }
    assert!(live >= 90, "a jump must not sweep everything at once, but {live} of 100 are left");

    server.clock.set(Timestamp::from_millis(0));
    assert_eq!(browsers[99].subject().await, None, "a session from the future grants nothing");
    server.clock.set(START + MINUTE);
    assert_eq!(browsers[99].subject().await.as_deref(), Some("user 99"), "but it is not swept either");
}

#[tokio::test]
async fn promise_6_remember_replaces_both_timeouts_within_its_bound() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    let response = browser
        .does(|session| {
            session.log_in("alice")?;
            session.remember(90 * DAY)
        })
        .await;
    assert!(response.header("set-cookie").unwrap().contains("; Max-Age=2592000;"), "thirty days");
    server.clock.advance(30 * DAY);
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn promise_6_remember_gives_a_new_secret_and_ends_with_the_login_of_another() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    let before = browser.cookie.clone();
    browser.does(|session| session.remember(10 * DAY)).await;
    assert_ne!(browser.cookie, before);
    browser.logs_in("bob").await;
    server.clock.advance(HOUR);
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn promise_12_an_expiry_is_seen_without_waiting() {
    let clock = Arc::new(ManualClock::new(START));
    let server = Server::new(Probe::default()).with(|sessions| sessions.clock(Arc::clone(&clock)));
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    let visit = browser.visit().await;
    let expires_at = Timestamp::from(visit.session.expires_at().unwrap());
    assert_eq!(expires_at, START + 30 * MINUTE);
    clock.set(expires_at);
    assert_eq!(browser.subject().await, None);
}
