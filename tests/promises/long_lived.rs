//! Handlers that outlive their request: they look again, learn what has become of their session, and can always go on.

use cloakroom::{
    Bearer, Cookie, Session, SessionErrorKind, SessionStatus,
    keyring::{KeyRing, SecretKey},
    store::EncryptedCookieStore,
};

use crate::{
    browser::{Browser, MINUTE, Server},
    probe::Probe,
};

/// The handle of a websocket whose response has left.
async fn socket(browser: &mut Browser) -> Session {
    let visit = browser.visit().await;
    let session = visit.session.clone();
    session.keep_open().unwrap();
    assert!(browser.receive(visit).await.is_ok());
    session
}

async fn alice(server: &Server) -> Browser {
    let mut browser = server.browser();
    browser.does(|session| session.log_in("alice").and_then(|()| session.insert("count", 1))).await;
    browser
}

#[tokio::test]
async fn a_handler_that_only_reads_learns_of_a_logout_when_it_looks_again() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Live);
    browser.does(Session::log_out).await;
    assert_eq!(socket.status(), SessionStatus::Live, "nobody has told it");

    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Ended);
    assert_eq!((socket.status(), socket.subject()), (SessionStatus::Ended, None));
    assert_eq!(socket.get::<i64>("count").unwrap(), None);
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::Conflict);
    socket.insert("count", 2).unwrap();
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::Conflict);
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Ended);
}

#[tokio::test]
async fn an_end_by_an_administrator_is_seen() {
    let server = Server::new(Probe::default());
    let socket = socket(&mut alice(&server).await).await;
    server.sessions.end_sessions_of("alice").await.unwrap();
    socket.update("count", |count: &mut i64| *count += 1).unwrap();
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::Conflict);
    assert_eq!((socket.status(), socket.subject()), (SessionStatus::Ended, None));
    socket.discard();
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::Conflict);
}

#[tokio::test]
async fn another_login_in_the_same_session_is_told_from_an_end() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    browser.does(|session| session.log_in("alice")).await;
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Replaced);
    assert_eq!(socket.subject(), None);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_renewal_by_another_request_changes_nothing_for_the_handler() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    browser.does(Session::renew).await;
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Live);
    socket.insert("count", 2).unwrap();
    socket.save().await.unwrap();
}

#[tokio::test]
async fn time_ends_a_session_for_its_handler_too() {
    let server = Server::new(Probe::default());
    let socket = socket(&mut alice(&server).await).await;
    server.clock.advance(31 * MINUTE);
    assert_eq!(socket.status(), SessionStatus::Ended);
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Ended);
    assert_eq!(socket.subject(), None);
}

#[tokio::test]
async fn a_look_shows_the_changes_of_others_and_keeps_ones_own() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    socket.update("count", |count: &mut i64| *count += 1).unwrap();
    browser.does(|session| session.insert("count", 10)).await;
    assert_eq!(socket.get::<i64>("count").unwrap(), Some(2));
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Live);
    assert_eq!(socket.get::<i64>("count").unwrap(), Some(11));
    assert_eq!(browser.sees::<i64>("count").await, Some(10), "a look writes nothing");
    socket.save().await.unwrap();
    assert_eq!(browser.sees::<i64>("count").await, Some(11));
}

#[tokio::test]
async fn an_ordinary_handler_can_look_again() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let visit = browser.visit().await;
    browser.does(|session| session.insert("count", 10)).await;
    assert_eq!(visit.session.get::<i64>("count").unwrap(), Some(1));
    assert_eq!(visit.session.reload().await.unwrap(), SessionStatus::Live);
    let read = visit.session.get::<i64>("count").unwrap().unwrap();
    visit.session.insert("count", read + 1).unwrap();
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.sees::<i64>("count").await, Some(11));
}

#[tokio::test]
async fn a_new_session_has_nothing_to_look_for() {
    let probe = Probe::default();
    let visit = Server::new(probe.clone()).browser().visit().await;
    visit.session.insert("count", 1).unwrap();
    probe.calls();
    assert_eq!(visit.session.reload().await.unwrap(), SessionStatus::New);
    assert_eq!(probe.calls(), 0);
    assert_eq!(visit.session.get::<i64>("count").unwrap(), Some(1));
}

#[tokio::test]
async fn promise_8_a_look_during_an_outage_is_an_error_and_changes_nothing() {
    let probe = Probe::default();
    let server = Server::new(probe.clone());
    let socket = socket(&mut alice(&server).await).await;
    probe.set_down(true);
    assert_eq!(socket.reload().await.unwrap_err().status(), 503);
    assert_eq!((socket.status(), socket.subject().as_deref()), (SessionStatus::Live, Some("alice")));
    probe.set_down(false);
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Live);
}

#[tokio::test]
async fn a_session_that_its_client_carries_is_live_until_its_time_is_over() {
    let stateless = EncryptedCookieStore::new(&KeyRing::new(SecretKey::generate().unwrap()));
    let server = Server::new(stateless);
    let socket = socket(&mut alice(&server).await).await;
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Live);
    assert_eq!(socket.subject().as_deref(), Some("alice"));
    server.clock.advance(31 * MINUTE);
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Ended);
    assert_eq!(socket.subject(), None);
}

#[tokio::test]
async fn a_change_that_no_longer_applies_can_be_dropped() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    let read = socket.get::<i64>("count").unwrap().unwrap();
    browser.does(|session| session.insert("count", 10)).await;
    socket.insert("count", read + 1).unwrap();
    for _ in 0..2 {
        assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::Conflict);
    }
    assert_eq!(socket.reload().await.unwrap_err().kind(), SessionErrorKind::Conflict);
    assert_eq!(socket.status(), SessionStatus::Live);
    socket.discard();
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Live);
    let read = socket.get::<i64>("count").unwrap().unwrap();
    socket.insert("count", read + 1).unwrap();
    socket.save().await.unwrap();
    assert_eq!(browser.sees::<i64>("count").await, Some(11));
}

#[tokio::test]
async fn after_a_renewal_that_cannot_be_told_a_handler_goes_on() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    socket.update("count", |count: &mut i64| *count += 1).unwrap();
    socket.renew().unwrap();
    socket.remember(100 * MINUTE).unwrap();
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::TokenUndeliverable);
    socket.save().await.unwrap();
    assert_eq!(browser.sees::<i64>("count").await, Some(2));
}

/// It is not forgotten, because whoever logs in must not stay who they were.
#[tokio::test]
async fn a_login_that_cannot_be_told_is_refused_until_it_is_dropped() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    socket.log_in("bob").unwrap();
    for _ in 0..2 {
        assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::TokenUndeliverable);
    }
    socket.discard();
    assert_eq!(socket.subject().as_deref(), Some("alice"));
    socket.insert("count", 2).unwrap();
    socket.save().await.unwrap();
    assert_eq!(browser.sees::<i64>("count").await, Some(2));
}

#[tokio::test]
async fn a_handler_can_deliver_a_new_token_itself() {
    let server = Server::new(Probe::default()).with(|sessions| {
        sessions.transports([Cookie::named("__Host-id").into(), Bearer::authorization().into()])
    });
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    socket.issue_bearer().unwrap();
    socket.save().await.unwrap();
    let token = socket.token().unwrap();
    socket.insert("count", 2).unwrap();
    socket.save().await.unwrap();

    let value = format!("Bearer {}", token.expose());
    let request = server.browser().request().with("authorization", value);
    let session = server.browser().try_visit(&request).await.unwrap().session;
    assert_eq!(session.subject().as_deref(), Some("alice"));
    assert_eq!(session.get::<i64>("count").unwrap(), Some(2));
}

#[tokio::test]
async fn a_handler_whose_response_was_a_conflict_knows_that_its_session_has_ended() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let visit = browser.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    socket.insert("count", 2).unwrap();
    browser.clone().does(Session::log_out).await;
    assert_eq!(browser.receive(visit).await.status(), 409);
    assert_eq!((socket.status(), socket.subject()), (SessionStatus::Ended, None));
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::Conflict);
}

#[tokio::test]
async fn changes_that_are_dropped_during_a_save_are_not_written_by_the_next_one() {
    let probe = Probe::default();
    let server = Server::new(probe.clone());
    let mut browser = alice(&server).await;
    let socket = socket(&mut browser).await;
    probe.delay_next(3);
    let (one, two) = (socket.clone(), socket.clone());
    one.insert("first", 1).unwrap();
    let (saved, ()) = tokio::join!(one.save(), async {
        two.insert("second", 2).unwrap();
        two.discard();
    });
    saved.unwrap();
    socket.save().await.unwrap();
    assert_eq!(socket.get::<i64>("second").unwrap(), None);
    assert_eq!(browser.sees::<i64>("first").await, Some(1));
    assert_eq!(browser.sees::<i64>("second").await, None);
}

#[tokio::test]
async fn a_logout_is_not_dropped() {
    let server = Server::new(Probe::default());
    let mut browser = alice(&server).await;
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    visit.session.insert("flash", 1).unwrap();
    visit.session.discard();
    assert_eq!(browser.receive(visit).await.cookie(), Some(""));
    assert_eq!(browser.subject().await, None);
}
