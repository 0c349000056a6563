//! Sessions seen from outside their requests: by a job, by an administrator, and by an application's tests.

use cloakroom::{
    Bearer, Session, SessionErrorKind, SessionStore, StoreErrorKind,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, MemoryStore},
};

use crate::{
    browser::{Browser, Server},
    probe::Probe,
};

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

async fn logged_in(server: &Server, subject: &str) -> Browser {
    let mut browser = server.browser();
    assert!(browser.logs_in(subject).await.is_ok());
    browser
}

#[tokio::test]
async fn a_job_ends_all_sessions_of_a_user_and_learns_how_many_there_were() {
    let server = Server::new(Probe::default());
    let (mut phone, mut laptop) = (logged_in(&server, "alice").await, logged_in(&server, "alice").await);
    let mut bob = logged_in(&server, "bob").await;
    assert_eq!(server.sessions.sessions_of("alice").await.unwrap().len(), 2);
    assert_eq!(server.sessions.end_sessions_of("alice").await.unwrap(), 2);
    assert_eq!(server.sessions.end_sessions_of("alice").await.unwrap(), 0);
    assert_eq!((phone.subject().await, laptop.subject().await), (None, None));
    assert_eq!(bob.subject().await.as_deref(), Some("bob"));
    assert!(server.sessions.sessions_of("alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_administrator_finds_and_ends_one_session() {
    let server = Server::new(Probe::default());
    let (mut alice, mut visitor) = (logged_in(&server, "alice").await, server.browser());
    visitor.does(|session| session.insert("cart", 1)).await;
    let [hers, theirs] =
        [alice.visit().await, visitor.visit().await].map(|visit| visit.session.id().unwrap());
    let found = server.sessions.find_session(hers).await.unwrap().unwrap();
    assert_eq!((found.id(), found.subject()), (hers, Some("alice")));
    assert!(!format!("{found:?}").contains("alice"));
    let found = server.sessions.find_session(theirs).await.unwrap().unwrap();
    assert_eq!(found.subject(), None);

    assert!(server.sessions.end_session(hers).await.unwrap());
    assert!(!server.sessions.end_session(hers).await.unwrap());
    assert!(server.sessions.find_session(hers).await.unwrap().is_none());
    assert_eq!(alice.subject().await, None);
    assert_eq!(visitor.sees::<i64>("cart").await, Some(1));
}

/// An ID is no secret, and whoever asks for one that is unknown leaves nothing behind.
#[tokio::test]
async fn an_unknown_id_is_neither_found_nor_ended() {
    let store = MemoryStore::new();
    let server = Server::new(store.clone());
    let unknown = "00112233445566778899aabbccddeeff".parse().unwrap();
    assert!(!server.sessions.end_session(unknown).await.unwrap());
    assert_eq!(store.usage().tombstones, 0);
}

#[tokio::test]
async fn an_expired_session_is_not_found() {
    let server = Server::new(Probe::default());
    let id = logged_in(&server, "alice").await.visit().await.session.id().unwrap();
    server.clock.advance(31 * crate::browser::MINUTE);
    assert!(server.sessions.find_session(id).await.unwrap().is_none());
    assert_eq!(server.sessions.end_sessions_of("alice").await.unwrap(), 0);
}

#[tokio::test]
async fn promise_14_what_a_store_cannot_find_is_an_error_and_never_nothing() {
    let server = Server::new(EncryptedCookieStore::new(&keys()));
    let id = logged_in(&server, "alice").await.visit().await.session.id().unwrap();
    let errors = [
        server.sessions.sessions_of("alice").await.unwrap_err(),
        server.sessions.end_sessions_of("alice").await.unwrap_err(),
        server.sessions.find_session(id).await.unwrap_err(),
        server.sessions.end_session(id).await.unwrap_err(),
    ];
    let unsupported = SessionErrorKind::Store(StoreErrorKind::Unsupported);
    assert_eq!(errors.map(|error| error.kind()), [unsupported; 4]);
}

#[tokio::test]
async fn promise_8_a_ban_during_an_outage_is_an_error() {
    let probe = Probe::default();
    let server = Server::new(probe.clone());
    logged_in(&server, "alice").await;
    probe.set_down(true);
    assert_eq!(server.sessions.end_sessions_of("alice").await.unwrap_err().status(), 503);
    probe.set_down(false);
    // A task of its own needs a future that is `Send`.
    let ended = tokio::spawn(async move { server.sessions.end_sessions_of("alice").await });
    assert_eq!(ended.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn nobody_has_the_sessions_of_an_empty_name() {
    let server = Server::new(Probe::default());
    let error = server.sessions.end_sessions_of("").await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::InvalidSubject);
}

/// Every store, with data that need more than one cookie where clients carry them.
#[tokio::test]
async fn a_test_has_a_session_in_one_line() {
    let stores: [Box<dyn Fn() -> Server>; 3] = [
        Box::new(|| Server::new(MemoryStore::new())),
        Box::new(|| Server::new(EncryptedCookieStore::new(&keys()).max_token(6_000))),
        Box::new(|| Server::new(JwtStore::from_ring(&keys()).max_token(6_000))),
    ];
    for server in stores {
        let server = server();
        let fill = |session: &Session| {
            session.log_in("alice")?;
            session.insert("cart", "x".repeat(2_000))
        };
        let (name, value) = server.sessions.test_session(fill).await.unwrap();
        let request = server.browser().request().with(&name, value);
        let session = server.browser().try_visit(&request).await.unwrap().session;
        assert_eq!(session.subject().as_deref(), Some("alice"));
        assert_eq!(session.get::<String>("cart").unwrap().map(|cart| cart.len()), Some(2_000));
    }
}

#[tokio::test]
async fn a_test_presents_its_session_as_the_first_transport_does() {
    let by = |bearer: Bearer| {
        Server::new(MemoryStore::new()).with(|sessions| sessions.transports([bearer.into()]))
    };
    for server in [by(Bearer::authorization()), by(Bearer::in_header("x-token"))] {
        let (name, value) = server.sessions.test_session(|session| session.log_in("alice")).await.unwrap();
        let request = server.browser().request().with(&name, value);
        let session = server.browser().try_visit(&request).await.unwrap().session;
        assert_eq!(session.subject().as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn what_a_test_cannot_store_is_an_error() {
    let server = Server::new(EncryptedCookieStore::new(&keys()));
    let error = server.sessions.test_session(|session| session.insert("cart", "x".repeat(100_000))).await;
    assert_eq!(error.unwrap_err().status(), 413);
}

/// A store behind a pointer is the same to a job.
#[tokio::test]
async fn a_job_works_with_a_store_that_was_chosen_at_run_time() {
    let store: std::sync::Arc<dyn SessionStore> = std::sync::Arc::new(MemoryStore::new());
    let server = Server::new(store);
    logged_in(&server, "alice").await;
    // A task of its own needs a future that is `Send`.
    let ended = tokio::spawn(async move { server.sessions.end_sessions_of("alice").await });
    assert_eq!(ended.await.unwrap().unwrap(), 1);
}
