//! A cache before PostgreSQL, which is told of changes by a trigger.
//!
//! The clock stands still unless a test moves it, so an entry goes only because the server told of a change.

use std::time::Duration;

use cloakroom::{
    Session,
    store::{Cached, CachedOptions, PostgresStore, PostgresStoreBuilder},
};

use crate::{
    browser::{Browser, Server},
    rig::{PostgresServer, eventually},
    scene::{Scene, at, site, soon},
    visits::{add, look, recovers},
};

/// How long the cache may be wrong.
const WITHIN: Duration = Duration::from_secs(10);

/// A site with a cache, which reaches the server by the way, and another node of it.
struct Two {
    scene: Scene,
    cached: Server,
    elsewhere: Server,
}

fn cached(store: PostgresStore) -> Server {
    let options = CachedOptions { within: WITHIN, ..CachedOptions::default() };
    site(Cached::with_options(store, options).unwrap())
}

impl Two {
    async fn announced() -> Self {
        let scene = Scene::new().await;
        scene.server.sql(PostgresStore::ANNOUNCEMENTS);
        Self::before(scene, |store| store)
    }

    fn before(scene: Scene, options: impl FnOnce(PostgresStoreBuilder) -> PostgresStoreBuilder) -> Self {
        let cached = cached(options(scene.builder()).build());
        let elsewhere = site(scene.direct_store()).with(|sessions| sessions.clock(cached.clock.clone()));
        Self { scene, cached, elsewhere }
    }

    /// A browser whose session has `n` = 1, and is in the cache.
    async fn known(&self) -> Browser {
        let mut browser = self.elsewhere.browser();
        assert!(browser.does(|session| add(session, "n")).await.is_ok());
        let browser = at(&self.cached, &browser);
        // The first read after a connection was made is not kept.
        for _ in 0..2 {
            assert_eq!(look(&browser, "n").await, Ok(Some(1)));
        }
        browser
    }

    async fn adds(&self, browser: &Browser) {
        assert!(at(&self.elsewhere, browser).does(|session| add(session, "n")).await.is_ok());
    }

    /// What a read of another session makes of what is known.
    async fn asks_for_another(&self) {
        assert_eq!(
            look(&Browser { server: self.cached.clone(), cookie: Some("0".repeat(64)) }, "n").await,
            Ok(None)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_elsewhere_is_told_before_the_next_answer() {
    let two = Two::announced().await;
    let browser = two.known().await;
    for n in 2..100 {
        two.adds(&browser).await;
        // Whatever is asked for next: its answer comes after what is told.
        two.asks_for_another().await;
        assert_eq!(look(&browser, "n").await, Ok(Some(n)));
    }
    assert!(at(&two.elsewhere, &browser).does(Session::log_out).await.is_ok());
    two.asks_for_another().await;
    assert_eq!(look(&browser, "n").await, Ok(None));
}

/// Whoever changes a session, and however many at once.
#[tokio::test(flavor = "multi_thread")]
async fn every_writer_is_announced() {
    for change in [
        "UPDATE cloakroom_sessions SET ends = ends",
        "DELETE FROM cloakroom_sessions",
        "TRUNCATE cloakroom_sessions",
    ] {
        let two = Two::announced().await;
        let browser = two.known().await;
        two.scene.server.sql(change);
        two.asks_for_another().await;
        two.scene.wire.hold();
        assert_eq!(look(&browser, "n").await, Err(503), "{change}: it is asked for again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_although_nothing_is_asked() {
    let two = Two::announced().await;
    let browser = two.known().await;
    two.adds(&browser).await;
    eventually("the change is seen", async || look(&browser, "n").await == Ok(Some(2))).await;
}

/// The proof is renewed by every answer, so what does not change stays known; silence makes it old.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_change_is_known_as_long_as_the_server_is_heard() {
    let two = Two::announced().await;
    let browser = two.known().await;
    for _ in 0..5 {
        two.cached.clock.advance(WITHIN / 2);
        two.asks_for_another().await;
    }
    two.scene.wire.hold();
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    two.cached.clock.advance(WITHIN - Duration::from_millis(1));
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    two.cached.clock.advance(Duration::from_millis(1));
    assert_eq!(look(&browser, "n").await, Err(503), "then it is an error, not a guess");
    two.scene.wire.heal();
    assert_eq!(recovers(&browser, "n").await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_takes_everything_along() {
    let two = Two::announced().await;
    let browser = two.known().await;
    two.scene.wire.cut();
    eventually("the loss is noticed", async || look(&browser, "n").await == Err(503)).await;
    two.adds(&browser).await;
    two.scene.wire.heal();
    assert_eq!(recovers(&browser, "n").await, Some(2));
    two.adds(&browser).await;
    eventually("the new connection is told, too", async || look(&browser, "n").await == Ok(Some(3))).await;
}

/// Without the trigger, on connections of the application and where no statement has a name, what is known ages.
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_announced_an_entry_counts_by_its_age() {
    for (trigger, named) in [(false, true), (true, false)] {
        let scene = Scene::new().await;
        if trigger {
            scene.server.sql(PostgresStore::ANNOUNCEMENTS);
        }
        let two = Two::before(scene, |store| store.named_statements(named));
        let browser = two.known().await;
        two.adds(&browser).await;
        two.cached.clock.advance(WITHIN / 2);
        two.asks_for_another().await;
        assert_eq!(look(&browser, "n").await, Ok(Some(1)));
        two.cached.clock.advance(WITHIN / 2);
        assert_eq!(look(&browser, "n").await, Ok(Some(2)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_gets_its_trigger_if_the_store_is_told_to() {
    let server = PostgresServer::start();
    server.sql("CREATE SCHEMA web");
    let builder = || PostgresStore::builder(&server.url()).unwrap().table("web.visitors").unwrap();
    for _ in 0..2 {
        builder().announce_changes(true).build().create_table(soon()).await.unwrap();
    }
    assert_eq!(server.sql("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "2");
    let here = cached(builder().build());
    let elsewhere = site(builder().build()).with(|sessions| sessions.clock(here.clock.clone()));
    let mut browser = here.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    assert!(at(&elsewhere, &browser).does(|session| add(session, "n")).await.is_ok());
    eventually("the change is seen", async || look(&browser, "n").await == Ok(Some(2))).await;
}
