//! Requests to servers whose clients carry the store's latest answer, and those that ask for the state as of now.

use std::time::Duration;

use cloakroom::{
    Session, SessionErrorKind, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, Guarantees, Hybrid, MemoryStore, Scope, StoreLayer},
};

use crate::{
    browser::{Browser, Server},
    probe::Probe,
};

const SECOND: Duration = Duration::from_secs(1);

/// A store that all servers share, as if it was in none of them.
#[derive(Debug, Clone, Default)]
struct Everywhere(MemoryStore);

impl StoreLayer for Everywhere {
    fn inner(&self) -> &dyn SessionStore {
        &self.0
    }

    fn guarantees(&self) -> Guarantees {
        SessionStore::guarantees(&self.0).scope(Scope::AllNodes)
    }
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

/// Two servers of the same sessions.
fn servers() -> [Server; 2] {
    let (store, keys) = (Everywhere::default(), keys());
    [0, 1].map(|_| Server::new(Hybrid::new(store.clone(), &keys).unwrap()))
}

/// A browser at the first server whose user has logged in, and the same browser at the second.
async fn alice([one, other]: &[Server; 2]) -> [Browser; 2] {
    let mut browser = one.browser();
    browser.does(|session| session.log_in("alice").and_then(|()| session.insert("count", 1))).await;
    let there = Browser { server: other.clone(), cookie: browser.cookie.clone() };
    [browser, there]
}

#[tokio::test]
async fn a_logout_elsewhere_is_an_error_for_who_asks_for_now() {
    let [mut here, mut there] = alice(&servers()).await;
    here.does(Session::log_out).await;
    let visit = there.visit().await;
    assert_eq!(visit.session.subject().as_deref(), Some("alice"), "its token is believed");
    let error = visit.session.revalidate().await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (SessionErrorKind::Conflict, 409));
    assert_eq!(visit.session.subject(), None);
    there.receive(visit).await;
    there.server.clock.advance(61 * SECOND);
    assert_eq!(there.subject().await, None);
}

#[tokio::test]
async fn a_group_of_routes_asks_for_now_whoever_loaded_the_session_before() {
    let [mut here, there] = alice(&servers()).await;
    let request = there.request();
    let exchange = there.server.sessions.exchange("/");
    let believed = exchange.lazy().load(&request.head()).await.unwrap();
    assert_eq!(believed.subject().as_deref(), Some("alice"));
    assert!(exchange.lazy().fresh().load(&request.head()).await.is_ok());
    here.does(Session::log_out).await;
    assert!(exchange.lazy().fresh().load(&request.head()).await.is_ok(), "once for each request");

    let exchange = there.server.sessions.exchange("/");
    assert_eq!(exchange.lazy().fresh().load(&request.head()).await.unwrap().subject(), None);
    let later = there.server.sessions.exchange("/").lazy();
    assert_eq!(later.load(&request.head()).await.unwrap().subject(), None, "known here by now");
}

#[tokio::test]
async fn a_session_that_ended_since_it_was_loaded_is_refused_where_routes_ask_for_now() {
    let [mut here, there] = alice(&servers()).await;
    let request = there.request();
    let exchange = there.server.sessions.exchange("/");
    exchange.lazy().load(&request.head()).await.unwrap();
    here.does(Session::log_out).await;
    let error = exchange.lazy().fresh().load(&request.head()).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Conflict);
}

#[tokio::test]
async fn who_asks_for_now_sees_what_others_wrote_and_keeps_its_own() {
    let [mut here, mut there] = alice(&servers()).await;
    let visit = there.visit().await;
    visit.session.update("count", |count: &mut i64| *count += 1).unwrap();
    here.does(|session| session.insert("count", 10)).await;
    visit.session.revalidate().await.unwrap();
    assert_eq!(visit.session.get::<i64>("count").unwrap(), Some(11));
    assert!(there.receive(visit).await.is_ok());
    assert_eq!(there.sees::<i64>("count").await, Some(11));
}

#[tokio::test]
async fn every_store_answers_who_asks_for_now() {
    for server in [Server::new(Probe::default()), Server::new(EncryptedCookieStore::new(&keys()))] {
        let mut browser = server.browser();
        let visit = browser.visit().await;
        visit.session.revalidate().await.unwrap();
        browser.receive(visit).await;
        browser.logs_in("alice").await;
        let visit = browser.visit().await;
        visit.session.revalidate().await.unwrap();
        assert_eq!(visit.session.subject().as_deref(), Some("alice"));
    }
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.logs_in("alice").await;
    let visit = browser.visit().await;
    probe.set_down(true);
    assert_eq!(visit.session.revalidate().await.unwrap_err().status(), 503);
    assert_eq!(visit.session.subject().as_deref(), Some("alice"), "nothing has changed");
}

#[tokio::test]
async fn a_secret_that_was_replaced_proves_nothing_after_its_grace() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    let visit = browser.visit().await;
    browser.does(Session::renew).await;
    visit.session.revalidate().await.unwrap();
    let early = browser.visit().await;
    browser.does(Session::renew).await;
    server.clock.advance(31 * SECOND);
    assert_eq!(early.session.revalidate().await.unwrap_err().kind(), SessionErrorKind::Conflict);
}

#[tokio::test]
async fn promise_2_tabs_with_tokens_of_different_age_lose_nothing() {
    let [mut here, mut there] = alice(&servers()).await;
    let add = |session: &Session| session.update("count", |count: &mut i64| *count += 1);
    for _ in 0..5 {
        for browser in [&mut here, &mut there] {
            browser.does(add).await;
        }
    }
    assert_eq!(there.sees::<i64>("count").await, Some(11));
}

#[tokio::test]
async fn who_only_reads_is_told_a_new_token_once_a_window() {
    let [mut here, _] = alice(&servers()).await;
    for _ in 0..3 {
        for (after, is_told) in [(SECOND, false), (54 * SECOND, false), (6 * SECOND, true)] {
            here.server.clock.advance(after);
            let visit = here.visit().await;
            assert_eq!(visit.session.get::<i64>("count").unwrap(), Some(1));
            assert_eq!(here.receive(visit).await.cookie().is_some(), is_told);
        }
        here.server.clock.advance(Duration::ZERO);
    }
}

#[tokio::test]
async fn promise_15_a_request_that_only_reads_brings_no_token_after_a_login() {
    let [mut here, there] = alice(&servers()).await;
    for server in [&here.server, &there.server] {
        server.clock.advance(61 * SECOND);
    }
    let [slow, slow_there] = [here.visit().await, there.visit().await];
    here.logs_in("alice").await;
    for slow in [slow, slow_there] {
        let response = crate::browser::finish(slow, 200).await;
        assert!(response.is_ok() && response.cookie().is_none());
    }
    assert_eq!(here.subject().await.as_deref(), Some("alice"));
}
