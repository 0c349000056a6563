//! Promises 1 and 14: handlers do not know their store, and a store says what it lacks.

use std::sync::Arc;

use async_trait::async_trait;
use cloakroom::{
    Session, SessionError, SessionErrorKind, SessionStore, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{
        Created, End, Ended, Guarantees, Index, Loaded, MemoryStore, PresentedToken, Replaced, StoreContext,
    },
};

use crate::{browser::Server, probe::Probe};

/// A store without any of the optional parts.
#[derive(Debug, Default)]
struct Bare(MemoryStore);

#[async_trait]
impl SessionStore for Bare {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees().name("bare").index(Index::None)
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.0.recognises(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.0.load(presented, cx).await
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.0.create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.0.replace(record, expected, cx).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.0.end(end, cx).await
    }
}

/// A handler like any other.
fn handler(session: &Session) -> Result<Option<u32>, SessionError> {
    session.update("count", |count: &mut u32| *count += 1)?;
    session.get("count")
}

#[tokio::test]
async fn promise_1_a_store_is_chosen_at_run_time_and_no_handler_changes() {
    let stores: [Arc<dyn SessionStore>; 3] =
        [Arc::new(MemoryStore::new()), Arc::new(Probe::default()), Arc::new(Bare::default())];
    for store in stores {
        let mut browser = Server::new(store).browser();
        for count in 1..=3 {
            let visit = browser.visit().await;
            assert_eq!(handler(&visit.session).unwrap(), Some(count));
            assert!(browser.receive(visit).await.is_ok());
        }
        browser.logs_in("alice").await;
        assert_eq!(browser.sees::<u32>("count").await, Some(3));
        browser.does(|session| session.log_out()).await;
        assert_eq!(browser.sees::<u32>("count").await, None);
    }
}

#[tokio::test]
async fn promise_14_asking_for_what_a_store_lacks_is_a_clear_error() {
    let mut browser = Server::new(Bare::default()).browser();
    browser.logs_in("alice").await;
    let visit = browser.visit().await;
    assert_eq!(visit.session.guarantees().index, Index::None);
    let unsupported = SessionErrorKind::Store(StoreErrorKind::Unsupported);
    assert_eq!(visit.session.sessions().await.unwrap_err().kind(), unsupported);
    assert_eq!(visit.session.end_others().await.unwrap_err().kind(), unsupported);
    assert_eq!(visit.session.end_all().await.unwrap_err().kind(), unsupported);
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.subject().await.as_deref(), Some("alice"), "nothing was ended by halves");
}

#[test]
fn promise_14_an_application_is_told_at_the_start_what_its_store_lacks() {
    use cloakroom::store::Requirement::{AllNodes, Index as Listed, NoLostUpdates, Revocation};
    let manager = || cloakroom::SessionManager::new(Bare::default());
    assert!(manager().require([Revocation, NoLostUpdates]).is_ok());
    let unmet = manager().require([Revocation, Listed, AllNodes]).unwrap_err();
    assert_eq!((unmet.store, unmet.requirement), ("bare", Listed));
    assert!(unmet.to_string().contains("list and end the sessions of a user"), "{unmet}");
    assert_eq!(manager().require([AllNodes]).unwrap_err().requirement, AllNodes);
}

#[tokio::test]
async fn a_store_that_is_only_asked_to_replace_is_touched_by_replacing() {
    let mut browser = Server::new(Bare::default()).browser();
    browser.logs_in("alice").await;
    for _ in 0..6 {
        browser.server.clock.advance(20 * crate::browser::MINUTE);
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    }
}
