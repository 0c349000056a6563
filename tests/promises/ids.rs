//! The ID of a session, for an application's own table.

use cloakroom::{
    SessionErrorKind, StoreErrorKind,
    random::{NoRandomness, Random},
    store::MemoryStore,
};

use crate::{browser::Server, probe::Probe};

#[tokio::test]
async fn a_session_has_its_id_as_soon_as_something_is_written() {
    let server = Server::new(Probe::default());
    for logs_in in [true, false] {
        let mut browser = server.browser();
        let visit = browser.visit().await;
        assert_eq!(visit.session.id(), None);
        if logs_in { visit.session.log_in("alice") } else { visit.session.insert("cart", 1) }.unwrap();
        let id = visit.session.id();
        assert!(id.is_some() && visit.session.is_new());
        assert_eq!(visit.session.id(), id, "it stays the same");
        assert!(browser.receive(visit).await.is_ok());
        assert_eq!(browser.visit().await.session.id(), id);
    }
}

#[tokio::test]
async fn the_session_after_a_logout_has_another_id() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    let visit = browser.visit().await;
    let before = visit.session.id();
    visit.session.log_out().unwrap();
    assert_eq!(visit.session.id(), None);
    visit.session.insert("flash", 1).unwrap();
    let after = visit.session.id();
    assert!(after.is_some() && after != before);
    browser.receive(visit).await;
    assert_eq!(browser.visit().await.session.id(), after);
}

#[tokio::test]
async fn an_id_that_was_told_survives_a_lost_reply() {
    for lost in [1, 3] {
        let probe = Probe::default();
        let mut browser = Server::new(probe.clone()).browser();
        let visit = browser.visit().await;
        visit.session.log_in("alice").unwrap();
        let id = visit.session.id();
        probe.lose_replies(lost);
        assert_eq!(visit.session.save().await.is_ok(), lost == 1);
        assert_eq!(visit.session.id(), id);
        assert!(browser.receive(visit).await.is_ok());
        assert_eq!(browser.visit().await.session.id(), id);
    }
}

/// A login whose session has ended begins another one, which cannot have the ID of the ended one.
#[tokio::test]
async fn the_id_is_final_once_it_was_saved() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.does(|session| session.insert("cart", 1)).await;
    let visit = browser.visit().await;
    let ended = visit.session.id().unwrap();
    server.sessions.end_session(ended).await.unwrap();
    visit.session.log_in("alice").unwrap();
    visit.session.save().await.unwrap();
    let id = visit.session.id();
    assert_ne!(id, Some(ended));
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.visit().await.session.id(), id);
}

/// Whatever is drawn, it is always the same.
#[derive(Debug)]
struct Stuck;

impl Random for Stuck {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.fill(7);
        Ok(())
    }
}

#[tokio::test]
async fn an_id_that_was_told_is_never_changed_for_another_one() {
    let server = Server::new(MemoryStore::new());
    let stuck = server.clone().with(|sessions| sessions.random(Stuck));
    assert!(stuck.browser().logs_in("alice").await.is_ok());
    let mut browser = stuck.browser();
    let visit = browser.visit().await;
    visit.session.log_in("bob").unwrap();
    assert!(visit.session.id().is_some());
    let response = browser.receive(visit).await;
    let kind = response.error.map(|error| error.kind());
    assert_eq!(kind, Some(SessionErrorKind::Store(StoreErrorKind::Corrupt)));
}

#[tokio::test]
async fn a_session_that_is_only_printed_draws_no_id() {
    let visit = Server::new(Probe::default()).browser().visit().await;
    visit.session.insert("cart", 1).unwrap();
    assert_eq!(format!("{:?}", visit.session), "Session { id: None, .. }");
}
