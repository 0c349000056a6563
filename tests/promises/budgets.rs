//! Promise 17: anonymous sessions displace nobody who is logged in.

use cloakroom::{
    OnTooManySessions, SessionErrorKind, StoreErrorKind,
    keyring::{KeyRing, SecretKey},
    store::{Budget, EncryptedCookieStore, MemoryStore},
};

use crate::browser::Server;

#[tokio::test]
async fn promise_17_a_flood_of_anonymous_sessions_displaces_no_logged_in_one() {
    let store = MemoryStore::builder().anonymous(Budget { sessions: 100, bytes: 1 << 20 }).build();
    let server = Server::new(store.clone());
    let mut users = Vec::new();
    for number in 0..200 {
        let mut browser = server.browser();
        browser.logs_in(&format!("user {number}")).await;
        users.push(browser);
    }
    let mut visitor = server.browser();
    visitor.does(|session| session.insert("cart", 1)).await;
    visitor.sees::<i64>("cart").await;
    for _ in 0..5_000 {
        assert!(server.browser().does(|session| session.insert("a", 1)).await.is_ok());
    }
    assert!(store.usage().anonymous_sessions <= 100);
    for user in &mut users {
        assert!(user.subject().await.is_some());
    }
    assert_eq!(visitor.sees::<i64>("cart").await, Some(1), "those never presented back go first");
}

#[tokio::test]
async fn promise_17_a_flood_of_reads_stores_nothing() {
    let store = MemoryStore::new();
    let server = Server::new(store.clone());
    for number in 0..10_000_u32 {
        let mut browser = server.browser();
        browser.cookie = Some(format!("{number:064x}"));
        assert_eq!(browser.sees::<i64>("a").await, None);
    }
    assert_eq!((store.usage().anonymous_sessions, store.usage().tombstones), (0, 0));
}

#[tokio::test]
async fn promise_17_logins_beyond_their_budget_are_refused_and_nobody_is_thrown_out() {
    let store = MemoryStore::builder().logged_in(Budget { sessions: 2, bytes: 1 << 20 }).build();
    let server = Server::new(store);
    let (mut one, mut two) = (server.browser(), server.browser());
    one.logs_in("alice").await;
    two.logs_in("bob").await;
    let mut third = server.browser();
    third.does(|session| session.insert("cart", 1)).await;
    let response = third.logs_in("carol").await;
    let kind = response.error.map(|error| error.kind());
    assert_eq!(kind, Some(SessionErrorKind::Store(StoreErrorKind::Full)));
    assert_eq!(third.sees::<i64>("cart").await, Some(1), "nothing was changed");
    assert_eq!(one.subject().await.as_deref(), Some("alice"));
    one.does(|session| session.log_out()).await;
    assert!(third.logs_in("carol").await.is_ok());
    assert_eq!(two.subject().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn promise_17_one_account_that_logs_in_without_end_displaces_nobody() {
    let store = MemoryStore::builder().logged_in(Budget { sessions: 150, bytes: 1 << 20 }).build();
    let server = Server::new(store.clone());
    let (mut first, mut last) = (server.browser(), server.browser());
    first.logs_in("mallory").await;
    for _ in 0..300 {
        server.clock.advance(std::time::Duration::from_millis(1));
        assert!(last.server.browser().logs_in("mallory").await.is_ok());
    }
    assert!(last.logs_in("mallory").await.is_ok());
    assert_eq!(store.usage().logged_in_sessions, 100);
    assert!(server.browser().logs_in("alice").await.is_ok());
    assert_eq!(first.subject().await, None, "the one used the longest ago was ended");
    assert_eq!(last.subject().await.as_deref(), Some("mallory"));
}

#[tokio::test]
async fn who_needs_more_sessions_for_one_subject_sets_another_limit() {
    let store = MemoryStore::new();
    let server = Server::new(store.clone())
        .with(|sessions| sessions.sessions_per_subject(usize::MAX, OnTooManySessions::Refuse));
    for _ in 0..150 {
        assert!(server.browser().logs_in("robot").await.is_ok());
    }
    assert_eq!(store.usage().logged_in_sessions, 150);
}

#[tokio::test]
async fn promise_14_a_limit_that_a_store_cannot_keep_is_an_error_only_if_it_was_asked_for() {
    let server = Server::new(EncryptedCookieStore::new(&KeyRing::new(SecretKey::generate().unwrap())));
    assert!(server.browser().logs_in("alice").await.is_ok());
    let server = server.with(|sessions| sessions.sessions_per_subject(100, OnTooManySessions::EndOldest));
    let response = server.browser().logs_in("alice").await;
    let kind = response.error.map(|error| error.kind());
    assert_eq!(kind, Some(SessionErrorKind::Store(StoreErrorKind::Unsupported)));
}
