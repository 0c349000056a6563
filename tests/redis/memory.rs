//! A server whose memory runs out: a flood of visitors, and what goes on all the same.

use cloakroom::{
    Session, SessionErrorKind, StoreErrorKind,
    store::{MigratingStore, Phase, RedisStore},
};

use crate::{
    browser::{Browser, MINUTE, Server},
    rig::RedisServer,
    scene::{Scene, add, at, look},
};

const FULL: Option<SessionErrorKind> = Some(SessionErrorKind::Store(StoreErrorKind::Full));

/// How a request with this handler ends.
async fn outcome(
    browser: &mut Browser,
    handler: impl FnOnce(&Session) -> Result<(), cloakroom::SessionError>,
) -> Option<SessionErrorKind> {
    browser.does(handler).await.error.map(|error| error.kind())
}

/// The largest part of the memory that was used, in percent.
fn peak(server: &RedisServer) -> u64 {
    100 * server.info("used_memory_peak").unwrap().parse::<u64>().unwrap()
        / server.info("maxmemory").unwrap().parse::<u64>().unwrap()
}

fn used_memory(server: &RedisServer) -> u64 {
    server.info("used_memory").unwrap().parse().unwrap()
}

/// Leaves so many bytes.
fn limit_memory(server: &RedisServer, left: u64) {
    let most = (used_memory(server) + left).to_string();
    let () = server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let () = server.command(&["CONFIG", "SET", "maxmemory", &most]);
}

/// Visitors come until hardly any is taken any more. What connections and replies take differs from moment to moment.
async fn flood(site: &Server) {
    let visit = |site: Server| async move {
        let mut browser = site.browser();
        outcome(&mut browser, |session| session.insert("seen", "x".repeat(1000))).await
    };
    loop {
        let visitors: Vec<_> = (0..64).map(|_| tokio::spawn(visit(site.clone()))).collect();
        let mut refused = 0;
        for visitor in visitors {
            let ended = visitor.await.unwrap();
            assert!(ended.is_none() || ended == FULL, "{ended:?}");
            refused += u32::from(ended == FULL);
        }
        if refused > 60 {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_visitors_keeps_nobody_out() {
    let server = RedisServer::start();
    let site = Server::new(RedisStore::from_url(&server.url()).unwrap());
    let (mut alice, mut carol) = (site.browser(), site.browser());
    alice.logs_in("alice").await;
    carol.does(|session| add(session, "n")).await;
    limit_memory(&server, 4 << 20);
    flood(&site).await;
    assert!((75..90).contains(&peak(&server)), "{} percent", peak(&server));

    assert_eq!(outcome(&mut alice, |session| session.insert("cart", "x".repeat(10_000))).await, None);
    assert_eq!(outcome(&mut site.browser(), |session| session.log_in("bob")).await, None, "a login");
    assert_eq!(outcome(&mut carol, |session| session.log_in("carol")).await, None, "a visitor's login");
    assert_eq!(look(&carol, "n").await, Ok(Some(1)));
    assert_eq!(outcome(&mut carol, |session| add(session, "n")).await, None);
    let left = alice.clone();
    assert_eq!(outcome(&mut alice, Session::log_out).await, None, "a logout");
    assert_eq!(look(&left, "n").await, Ok(None));
}

#[tokio::test]
async fn a_server_that_is_full_keeps_those_alive_who_use_their_sessions() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = site.browser();
    browser.logs_in("alice").await;
    browser.does(|session| add(session, "n")).await;
    let () = scene.server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..4 {
        site.clock.advance(10 * MINUTE);
        assert_eq!(look(&browser, "n").await, Ok(Some(1)), "it is in use");
    }
    assert_eq!(browser.visit().await.session.sessions().await.unwrap().len(), 1, "and listed");
}

#[tokio::test]
async fn a_logout_on_a_full_server_works_through_a_migration() {
    let scene = Scene::new();
    for phase in [Phase::Prepare, Phase::Move, Phase::Finish] {
        let [from, to] = ["from:", "to:"].map(|prefix| scene.builder().prefix(prefix).build());
        let site = Server::new(MigratingStore::new(from, to, phase));
        let mut browser = site.browser();
        browser.logs_in("alice").await;
        let () = scene.server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        let left = browser.clone();
        assert_eq!(outcome(&mut browser, Session::log_out).await, None, "{phase:?}");
        let () = scene.server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        assert_eq!(at(&site, &left).subject().await, None);
    }
}
