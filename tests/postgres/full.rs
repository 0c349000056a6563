//! Servers that have no connection left, and disks that are full.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use cloakroom::{Session, SessionError, StoreErrorKind, store::PostgresStore};
use tokio_postgres::NoTls;

use crate::{
    browser::Browser,
    rig::{PostgresServer, SmallDisk},
    scene::{Scene, at, outcome, site, soon, store_error},
    visits::{add, breathes, look, recovers},
};

/// What a request is told for which there is no connection. On a busy machine its time may be over before it has tried often enough.
const OUTAGE: [StoreErrorKind; 3] =
    [StoreErrorKind::Unavailable, StoreErrorKind::CircuitOpen, StoreErrorKind::Timeout];

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_a_connection_left_is_an_outage() {
    let scene = Scene::new().await;
    let mut browser = scene.site().browser();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    scene.server.sql(
        "CREATE USER guest; GRANT ALL ON cloakroom_sessions TO guest; ALTER USER guest CONNECTION LIMIT 0",
    );
    let guest = scene.server.url().replace("postgres@", "guest@");
    let refused = site(PostgresStore::from_url(&guest).unwrap());
    assert_eq!(look(&at(&refused, &browser), "n").await, Err(503));
    scene.server.sql("ALTER USER guest CONNECTION LIMIT 1");
    // One connection is enough for reads, and none is left for writes.
    assert_eq!(recovers(&at(&refused, &browser), "n").await, Some(1));
    let error = outcome(&mut at(&refused, &browser), |session| add(session, "n")).await;
    assert!(OUTAGE.map(store_error).contains(&error), "{error:?}");
    // Two are enough for all.
    scene.server.sql("ALTER USER guest CONNECTION LIMIT 2");
    assert_eq!(recovers(&at(&refused, &browser), "n").await, Some(1));
    let errors: Vec<_> = {
        let mut errors = Vec::new();
        for _ in 0..20 {
            errors.push(outcome(&mut at(&refused, &browser), |session| add(session, "n")).await);
        }
        errors
    };
    assert_eq!(errors.last(), Some(&None), "{errors:?}");
}

/// The server keeps some connections for its superuser; all others are taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_connection_left_is_an_outage_until_one_is_free() {
    let server = PostgresServer::builder()
        .option("max_connections", "6")
        .option("superuser_reserved_connections", "4");
    let scene = Scene::before(server.start()).await;
    scene.server.sql("CREATE USER guest; GRANT ALL ON cloakroom_sessions TO guest");
    let guest = scene.server.url().replace("postgres@", "guest@");
    let store = PostgresStore::from_url(&guest).unwrap();
    let shop = site(store.clone());
    let others = [crowd_in(&guest).await, crowd_in(&guest).await];
    assert!(tokio_postgres::connect(&guest, NoTls).await.is_err(), "there is none left");

    let error = store.ping(soon()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("max_connections"), "{error}");
    assert!(format!("{error:?}").contains("SQLSTATE 53300"), "{error:?}");
    let mut browser = shop.browser();
    let error = outcome(&mut browser, |session| add(session, "n")).await;
    assert!(OUTAGE.map(store_error).contains(&error), "{error:?}");

    // One is enough for whoever writes; then there is none to read.
    let [one, other] = others;
    drop(one);
    succeeds(&mut browser, |session| add(session, "n")).await;
    assert_eq!(look(&browser, "n").await, Err(503), "who has a session has not lost it");
    drop(other);
    assert_eq!(recovers(&browser, "n").await, Some(1));
    succeeds(&mut browser, |session| add(session, "n")).await;
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

/// A connection of somebody else's, which lasts until it is dropped.
async fn crowd_in(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Tries until it is done. What fails is an outage.
async fn succeeds(browser: &mut Browser, handler: fn(&Session) -> Result<(), SessionError>) {
    for _ in 0..1000 {
        match browser.does(handler).await.error {
            None => return,
            Some(error) => assert_eq!(error.status(), 503, "{error:?}"),
        }
        breathes().await;
    }
    panic!("waited in vain until there is a connection");
}

/// Text that PostgreSQL cannot compress.
fn noise() -> String {
    (0..100).map(|_| format!("{:016x}", RandomState::new().build_hasher().finish())).collect()
}

fn take_room(session: &Session) -> Result<(), SessionError> {
    session.insert("noise", noise())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(2) else { return };
    let server = PostgresServer::start();
    server.put_tables_under(disk.path());
    let scene = Scene::before(server).await;
    let site = scene.site();
    let mut browser = site.browser();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);

    disk.fill();
    let mut begun = Vec::new();
    let refused = loop {
        let mut new = site.browser();
        match new.does(take_room).await.error {
            None => begun.push(new),
            Some(error) => break error,
        }
        assert!(begun.len() < 100, "the disk is full");
    };
    assert_eq!((refused.status(), Some(refused.kind())), (503, store_error(StoreErrorKind::Full)));
    assert_eq!(look(&browser, "n").await, Ok(Some(1)), "sessions can be read");
    let crowd = (0..20).map(|_| {
        let mut new = site.browser();
        tokio::spawn(async move { outcome(&mut new, take_room).await })
    });
    for answer in crowd.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), store_error(StoreErrorKind::Full), "no circuit breaker is needed");
    }

    disk.empty();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
    for new in &begun {
        assert!(new.try_visit(&new.request()).await.unwrap().session.contains("noise"));
    }
}

/// PostgreSQL ends all its processes when it cannot write what it would need after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_write_ahead_log_is_an_outage_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let mut scene = Scene::before(PostgresServer::builder().log_under(disk.path()).start()).await;
    let site = scene.site();
    let mut browser = site.browser();
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);

    disk.fill();
    let (mut begun, mut counted) = (Vec::new(), 1);
    let refused = loop {
        let mut new = site.browser();
        if let Some(error) = new.does(take_room).await.error {
            break error;
        }
        begun.push(new);
        if let Some(error) = browser.does(|session| add(session, "n")).await.error {
            break error;
        }
        counted += 1;
        assert!(begun.len() < 5_000, "the disk is full");
    };
    assert_eq!(refused.status(), 503, "{refused:?}");
    assert!(matches!(look(&browser, "n").await, Err(503) | Ok(Some(_))), "it is no log-out");
    assert!(scene.server.log().contains("No space left on device"), "{}", scene.server.log());

    disk.empty();
    scene.server.restart();
    let found = recovers(&browser, "n").await.unwrap();
    assert!(found == counted || found == counted + 1, "{found} after {counted}");
    for new in &begun {
        assert!(new.try_visit(&new.request()).await.unwrap().session.contains("noise"));
    }
    assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
    assert_eq!(look(&browser, "n").await, Ok(Some(found + 1)));
}
