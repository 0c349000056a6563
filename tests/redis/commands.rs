//! What each kind of request costs, counted on the wire.

use cloakroom::{Session, SessionError, store::CachedOptions};

use crate::{
    browser::{Browser, MINUTE, Server},
    rig::eventually,
    scene::{Scene, add, cached, look, site},
};

type Handler = fn(&Session) -> Result<(), SessionError>;

fn only_look(session: &Session) -> Result<(), SessionError> {
    session.get::<u64>("n").map(drop)
}

fn count(session: &Session) -> Result<(), SessionError> {
    add(session, "n")
}

fn log_in(session: &Session) -> Result<(), SessionError> {
    session.log_in("alice")
}

/// Who comes.
#[derive(Clone, Copy)]
enum Who {
    Stranger,
    Anonymous,
    LoggedIn,
    /// Was here last ten minutes ago.
    AnonymousBefore,
    LoggedInBefore,
}

use Who::{Anonymous, AnonymousBefore, LoggedIn, LoggedInBefore, Stranger};

/// Who comes, what the handler does, and what Redis is asked.
const COSTS: &[(&str, Who, Handler, &[&str])] = &[
    ("a stranger who looks", Stranger, only_look, &[]),
    ("a stranger's first value", Stranger, count, &["EVALSHA"]),
    ("a stranger's login", Stranger, log_in, &["EVALSHA", "EVALSHA", "EVALSHA"]),
    ("a look", LoggedIn, only_look, &["GET"]),
    ("a change", Anonymous, count, &["GET", "EVALSHA"]),
    ("a change by who is logged in", LoggedIn, count, &["GET", "EVALSHA"]),
    ("a login", Anonymous, log_in, &["GET", "EVALSHA", "EVALSHA", "EVALSHA"]),
    ("a renewal", LoggedIn, Session::renew, &["GET", "EVALSHA", "EVALSHA"]),
    ("a log-out", LoggedIn, Session::log_out, &["GET", "EVALSHA", "ZREM"]),
    ("the end of an anonymous session", Anonymous, Session::log_out, &["GET", "EVALSHA"]),
    ("a touch", AnonymousBefore, only_look, &["GET", "EVALSHA"]),
    ("a touch by who is logged in", LoggedInBefore, only_look, &["GET", "EVALSHA", "EVALSHA"]),
    ("a change instead of a touch", LoggedInBefore, count, &["GET", "EVALSHA"]),
];

async fn comes(site: &Server, who: Who) -> Browser {
    let mut browser = site.browser();
    match who {
        Stranger => {}
        Anonymous | AnonymousBefore => drop(browser.does(count).await),
        LoggedIn | LoggedInBefore => drop(browser.does(log_in).await),
    }
    if let AnonymousBefore | LoggedInBefore = who {
        site.clock.advance(10 * MINUTE);
    }
    browser
}

#[tokio::test]
async fn each_request_costs_what_it_must() {
    let scene = Scene::new();
    let site = scene.site();
    // The scripts get known.
    for (_, who, handler, _) in COSTS {
        comes(&site, *who).await.does(handler).await;
    }
    for (what, who, handler, cost) in COSTS {
        let mut browser = comes(&site, *who).await;
        scene.proxy.reset();
        assert!(browser.does(handler).await.is_ok());
        assert_eq!(&scene.proxy.commands(), cost, "{what}");
    }
}

#[tokio::test]
async fn a_session_that_nobody_asks_for_costs_nothing() {
    let scene = Scene::new();
    let site = scene.site();
    let browser = comes(&site, LoggedIn).await;
    scene.proxy.reset();
    drop(browser.server.sessions.exchange("/").finish(200));
    assert!(scene.proxy.seen().is_empty());
}

#[tokio::test]
async fn junk_costs_nothing_and_a_forgery_two_looks() {
    let scene = Scene::new();
    let site = scene.site();
    let forged = "0".repeat(63) + "1";
    // The script gets known.
    look(&Browser { server: site.clone(), cookie: Some(forged.clone()) }, "n").await.unwrap();
    for (cookie, cost) in [("junk", &[][..]), (&forged[1..], &[]), (&forged, &["GET", "EVALSHA"])] {
        let mut browser = Browser { server: site.clone(), cookie: Some(cookie.to_owned()) };
        scene.proxy.reset();
        assert!(browser.does(only_look).await.is_ok());
        assert_eq!(scene.proxy.commands(), cost, "{cookie}");
    }
}

#[tokio::test]
async fn a_script_that_is_unknown_costs_one_command_more_once() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = comes(&site, Anonymous).await;
    let () = scene.server.command(&["SCRIPT", "FLUSH"]);
    for cost in [&["GET", "EVALSHA", "EVAL"][..], &["GET", "EVALSHA"]] {
        scene.proxy.reset();
        assert!(browser.does(count).await.is_ok());
        assert_eq!(scene.proxy.commands(), cost);
    }
}

/// With a cache, what is read again costs nothing; what is written costs what it costs without.
#[tokio::test]
async fn a_hit_of_the_cache_costs_nothing() {
    let scene = Scene::new();
    let site = site(cached(scene.store(), CachedOptions::default()));
    let mut browser = comes(&site, Anonymous).await;
    eventually("it is known", async || {
        // The news of a write of one's own may outdate the read behind it.
        scene.proxy.reset();
        browser.does(only_look).await;
        scene.proxy.commands().is_empty()
    })
    .await;
    for cost in [&["EVALSHA"][..], &["GET", "EVALSHA"]] {
        scene.proxy.reset();
        browser.does(count).await;
        assert_eq!(scene.proxy.commands(), cost, "written");
    }
    assert_eq!(scene.proxy.connections(), 0, "one connection serves all");
}
