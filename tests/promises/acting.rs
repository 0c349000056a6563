//! One subject acts as another.

use cloakroom::{
    OnTooManySessions, Session, SessionErrorKind, SessionStatus,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, MemoryStore},
};

use crate::browser::{Browser, HOUR, Server};

async fn logged_in(server: &Server, subject: &str) -> Browser {
    let mut browser = server.browser();
    assert!(browser.logs_in(subject).await.is_ok());
    browser
}

/// What a request sees: the subject, and who acts.
async fn who(browser: &mut Browser) -> [Option<String>; 2] {
    let visit = browser.visit().await;
    let seen = [visit.session.subject(), visit.session.actor()];
    assert!(browser.receive(visit).await.is_ok());
    seen
}

fn named(names: [Option<&str>; 2]) -> [Option<String>; 2] {
    names.map(|name| name.map(str::to_owned))
}

#[tokio::test]
async fn support_sees_what_a_user_sees_and_is_told_from_them() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    for server in [
        Server::new(MemoryStore::new()),
        Server::new(EncryptedCookieStore::new(&keys)),
        Server::new(JwtStore::from_ring(&keys)),
    ] {
        let mut support = logged_in(&server, "support").await;
        support.does(|session| session.insert("note", "of support")).await;
        let since = support.visit().await.session.authenticated_at();
        assert!(support.does(|session| session.act_as("bob")).await.cookie().is_some());
        assert_eq!(who(&mut support).await, named([Some("bob"), Some("support")]));
        assert_eq!(support.sees::<String>("note").await, None);

        let visit = support.visit().await;
        assert_eq!(visit.session.authenticated_at(), None);
        let error = visit.session.require_login_within(HOUR).unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::FreshLoginRequired);
        visit.session.insert("note", "as bob").unwrap();
        assert!(support.receive(visit).await.is_ok());

        support.does(Session::stop_acting).await;
        assert_eq!(who(&mut support).await, named([Some("support"), None]));
        assert_eq!(support.sees::<String>("note").await, None);
        assert_eq!(support.visit().await.session.authenticated_at(), since);
    }
}

#[tokio::test]
async fn the_sessions_of_the_user_are_not_affected() {
    let server = Server::new(MemoryStore::new())
        .with(|sessions| sessions.sessions_per_subject(1, OnTooManySessions::EndOldest));
    let (mut bob, mut support) = (logged_in(&server, "bob").await, logged_in(&server, "support").await);
    support.does(|session| session.act_as("bob")).await;
    assert_eq!(bob.subject().await.as_deref(), Some("bob"));
    assert_eq!(bob.visit().await.session.sessions().await.unwrap().len(), 1);
    assert_eq!(server.sessions.sessions_of("support").await.unwrap().len(), 1);
    assert_eq!(server.sessions.sessions_of("bob").await.unwrap().len(), 1);
    assert_eq!(server.sessions.end_sessions_of("support").await.unwrap(), 1);
    assert_eq!(who(&mut support).await, named([None, None]));
    assert_eq!(bob.subject().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn promise_7_the_token_from_before_opens_nothing_and_a_request_under_way_writes_nothing() {
    let server = Server::new(MemoryStore::new());
    let mut support = logged_in(&server, "support").await;
    for switch in [|session: &Session| session.act_as("bob"), Session::stop_acting] {
        let (mut old, late) = (support.clone(), support.visit().await);
        late.session.insert("note", "of before").unwrap();
        support.does(switch).await;
        assert_eq!(who(&mut old).await, named([None, None]));
        assert_eq!(old.receive(late).await.status(), 409);
        assert_eq!(support.sees::<String>("note").await, None);
    }
}

#[tokio::test]
async fn a_long_lived_handler_learns_that_its_subject_acts_now() {
    let server = Server::new(MemoryStore::new());
    let mut support = logged_in(&server, "support").await;
    let visit = support.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    support.receive(visit).await;
    support.does(|session| session.act_as("bob")).await;
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Replaced);
    assert_eq!(socket.subject(), None);
}

#[tokio::test]
async fn a_logout_ends_the_session_and_a_login_the_acting() {
    let server = Server::new(MemoryStore::new());
    let mut support = logged_in(&server, "support").await;
    support.does(|session| session.act_as("bob").and_then(|()| session.insert("note", 1))).await;
    support.does(|session| session.log_in("support")).await;
    assert_eq!(who(&mut support).await, named([Some("support"), None]));
    assert_eq!(support.sees::<i64>("note").await, None);
    support.does(|session| session.act_as("bob").and_then(|()| session.act_as("carol"))).await;
    assert_eq!(who(&mut support).await, named([Some("carol"), Some("support")]));
    support.does(Session::log_out).await;
    assert_eq!(who(&mut support).await, named([None, None]));
    assert!(server.sessions.sessions_of("support").await.unwrap().is_empty());
}

/// By whoever has just logged in, before anything is stored.
#[tokio::test]
async fn a_login_may_be_followed_by_acting_at_once() {
    let server = Server::new(MemoryStore::new());
    let mut support = server.browser();
    support.does(|session| session.log_in("support").and_then(|()| session.act_as("bob"))).await;
    assert_eq!(who(&mut support).await, named([Some("bob"), Some("support")]));
}

#[tokio::test]
async fn who_is_not_logged_in_acts_as_nobody() {
    let server = Server::new(MemoryStore::new());
    let visit = server.browser().visit().await;
    let error = visit.session.act_as("bob").unwrap_err();
    assert_eq!((error.kind(), error.status()), (SessionErrorKind::FreshLoginRequired, 401));
    visit.session.stop_acting().unwrap();
    visit.session.log_in("s".repeat(200)).unwrap();
    for bad in [String::new(), "b".repeat(41)] {
        assert_eq!(visit.session.act_as(bad).unwrap_err().kind(), SessionErrorKind::InvalidSubject);
    }
    visit.session.act_as("b".repeat(40)).unwrap();
}
