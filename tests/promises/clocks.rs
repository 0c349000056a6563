//! Promises 3, 7, 15 and 16 between servers whose clocks differ, and for requests that are older than several changes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use cloakroom::{
    OnTooManySessions::{EndOldest, Refuse},
    StoreError, StoreErrorKind,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, MemoryStore},
    time::ManualClock,
};

use crate::{
    browser::{Browser, HOUR, MINUTE, START, Server, finish},
    hooked::{Call, Hook, Hooked},
    logs::Logs,
};

const SECOND: Duration = Duration::from_secs(1);

/// Two servers of one store; the clock of the first is ahead.
fn apart(by: Duration) -> (Server, Server) {
    ahead_of(Server::new(MemoryStore::new()), by)
}

/// A server beside another one of the same store, with its clock ahead.
fn ahead_of(behind: Server, by: Duration) -> (Server, Server) {
    let clock = Arc::new(ManualClock::new(START + by));
    let sessions = behind.sessions.clone().clock(Arc::clone(&clock));
    (Server { sessions, clock }, behind)
}

/// The same browser, routed to another server.
fn at(server: &Server, browser: &Browser) -> Browser {
    Browser { server: server.clone(), ..browser.clone() }
}

async fn visitor(server: &Server) -> Browser {
    let mut browser = server.browser();
    browser.does(|session| session.insert("cart", 1)).await;
    browser
}

async fn alice(server: &Server) -> Browser {
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    browser
}

#[tokio::test]
async fn a_token_from_before_a_login_opens_nothing_on_a_server_whose_clock_is_behind() {
    for by in [Duration::from_millis(50), SECOND, 30 * SECOND, 59 * SECOND] {
        let (ahead, behind) = apart(by);
        let mut browser = visitor(&ahead).await;
        let planted = at(&behind, &browser);
        browser.logs_in("alice").await;
        assert_eq!(planted.clone().subject().await, None, "{by:?}");
        let written = planted.clone().does(|session| session.insert("cart", 2)).await;
        assert_eq!((written.status(), written.cookie()), (409, None));
    }
}

#[tokio::test]
async fn a_confirmed_renewal_ends_the_grace_on_a_server_whose_clock_is_behind() {
    let (ahead, behind) = apart(30 * SECOND);
    let mut browser = alice(&ahead).await;
    let mut old = at(&behind, &browser);
    browser.does(|session| session.renew()).await;
    assert_eq!(old.subject().await.as_deref(), Some("alice"), "the new token was not seen yet");
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(old.subject().await, None);
}

#[tokio::test]
async fn a_renewal_honours_the_old_token_on_a_server_whose_clock_is_ahead() {
    for by in [32 * SECOND, 59 * SECOND] {
        let (ahead, behind) = apart(by);
        let mut browser = alice(&behind).await;
        let mut old = at(&ahead, &browser);
        browser.does(|session| session.renew()).await;
        assert_eq!(old.subject().await.as_deref(), Some("alice"), "{by:?}");
        assert!(old.does(|session| session.insert("cart", 1)).await.is_ok());
        assert_eq!(old.does(|session| session.renew()).await.cookie(), None, "it buys no more time");
        ahead.clock.advance(90 * SECOND);
        assert_eq!(old.subject().await, None, "{by:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_older_than_several_changes_of_the_token_displaces_no_login() {
    for (changes, by) in [(1, 0), (2, 0), (2, 62), (5, 0), (12, 30)] {
        let (ahead, behind) = apart(by * SECOND);
        let mut browser = visitor(&behind).await;
        let late = at(&ahead, &browser);
        browser.logs_in("alice").await;
        for change in 1..changes {
            let again = change % 2 == 0;
            browser.does(|session| if again { session.log_in("alice") } else { session.renew() }).await;
        }
        let response = late.clone().does(|session| session.insert("cart", 2)).await;
        assert_eq!((response.status(), response.cookie()), (409, None), "{changes} changes, {by} s apart");
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn a_token_from_before_a_login_begins_anew_once_no_request_can_be_under_way() {
    let (server, _) = apart(Duration::ZERO);
    let mut browser = visitor(&server).await;
    let lost_its_response = browser.clone();
    browser.logs_in("alice").await;
    server.clock.advance(3 * MINUTE);
    let response = lost_its_response.clone().does(|session| session.insert("cart", 2)).await;
    assert!(response.is_ok() && response.cookie().is_some(), "{response:?}");
}

#[tokio::test]
async fn a_log_out_with_a_token_from_before_a_login_ends_that_login() {
    let (server, _) = apart(Duration::ZERO);
    let mut browser = alice(&server).await;
    let mut other_tab = browser.clone();
    browser.logs_in("alice").await;
    assert_eq!(other_tab.does(|session| session.log_out()).await.cookie(), Some(""));
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn an_old_token_logs_nobody_out_once_no_request_can_be_under_way() {
    let (server, _) = apart(Duration::ZERO);
    let mut browser = alice(&server).await;
    let mut stolen = browser.clone();
    browser.logs_in("alice").await;
    server.clock.advance(3 * MINUTE);
    stolen.does(|session| session.log_out()).await;
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_device_that_was_ended_from_elsewhere_begins_a_new_session_when_it_writes() {
    let (server, _) = apart(Duration::ZERO);
    let (phone, mut laptop) = (alice(&server).await, alice(&server).await);
    assert_eq!(phone.visit().await.session.end_others().await.unwrap(), 1);

    let dead = laptop.cookie.clone();
    assert_eq!(laptop.subject().await, None);
    let page = laptop.does(|session| session.insert("csrf", "x")).await;
    assert_eq!(page.status(), 200);
    assert!(laptop.cookie.is_some() && laptop.cookie != dead, "a new cookie takes the place of the dead one");
    assert_eq!(laptop.sees::<String>("csrf").await.as_deref(), Some("x"));
    laptop.logs_in("alice").await;
    assert_eq!(laptop.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_session_over_the_limit_is_ended_from_elsewhere_too() {
    let (server, _) = apart(Duration::ZERO);
    let server = server.with(|sessions| sessions.sessions_per_subject(1, EndOldest));
    let mut laptop = alice(&server).await;
    server.clock.advance(SECOND);
    let _phone = alice(&server).await;
    assert_eq!(laptop.does(|session| session.insert("csrf", "x")).await.status(), 200);
}

/// By its clock the new login comes before the old one.
#[tokio::test]
async fn a_login_on_a_server_whose_clock_is_behind_ends_the_session_over_the_limit() {
    let (ahead, behind) = apart(30 * SECOND);
    let [ahead, behind] =
        [ahead, behind].map(|server| server.with(|sessions| sessions.sessions_per_subject(1, EndOldest)));
    let mut laptop = alice(&ahead).await;
    let mut phone = alice(&behind).await;
    assert_eq!(laptop.subject().await, None);
    assert_eq!(phone.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_request_from_before_the_login_of_an_ended_device_displaces_nothing() {
    for loaded_before in [true, false] {
        let (server, _) = apart(Duration::ZERO);
        let (phone, mut laptop) = (alice(&server).await, alice(&server).await);
        phone.visit().await.session.end_others().await.unwrap();
        let old = laptop.clone();
        let early = if loaded_before { Some(old.visit().await) } else { None };
        laptop.logs_in("alice").await;
        let late = match early {
            Some(visit) => visit,
            None => old.visit().await,
        };
        late.session.insert("csrf", "x").unwrap();
        let response = finish(late, 200).await;
        assert_eq!((response.status(), response.cookie()), (409, None), "loaded before: {loaded_before}");
        assert_eq!(laptop.subject().await.as_deref(), Some("alice"));
    }
}

/// The way to the login leads over a page that writes.
#[tokio::test]
async fn a_request_with_the_cookie_of_an_ended_session_displaces_no_login_after_it() {
    let (server, _) = apart(Duration::ZERO);
    let (phone, mut laptop) = (alice(&server).await, alice(&server).await);
    phone.visit().await.session.end_others().await.unwrap();
    let mut late = laptop.clone();
    let loaded = late.visit().await;
    assert!(laptop.does(|session| session.insert("csrf", "x")).await.is_ok());
    laptop.logs_in("alice").await;
    loaded.session.insert("csrf", "y").unwrap();
    for response in [finish(loaded, 200).await, late.does(|session| session.insert("csrf", "z")).await] {
        assert_eq!((response.status(), response.cookie()), (409, None));
    }
    assert_eq!(laptop.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_request_from_before_the_log_out_of_an_ended_device_displaces_nothing() {
    let (server, _) = apart(Duration::ZERO);
    let (phone, mut laptop) = (alice(&server).await, alice(&server).await);
    phone.visit().await.session.end_others().await.unwrap();
    let mut late = laptop.clone();
    assert_eq!(laptop.does(|session| session.log_out()).await.cookie(), Some(""));
    laptop.logs_in("alice").await;
    let response = late.does(|session| session.insert("csrf", "x")).await;
    assert_eq!((response.status(), response.cookie()), (409, None));
}

#[tokio::test]
async fn a_double_clicked_login_leaves_one_session() {
    for loaded_before in [true, false] {
        let (server, _) = apart(Duration::ZERO);
        let mut browser = visitor(&server).await;
        let mut clicks = Vec::new();
        if loaded_before {
            clicks = vec![browser.visit().await, browser.visit().await, browser.visit().await];
        }
        let stale = browser.clone();
        for click in 0..3 {
            let visit = if loaded_before { clicks.remove(0) } else { stale.visit().await };
            visit.session.log_in("alice").unwrap();
            visit.session.remember(9 * 24 * HOUR).unwrap();
            visit.session.insert("click", click).unwrap();
            let response = finish(visit, 200).await;
            assert!(response.is_ok(), "{response:?}");
            browser.keep(&response);
        }
        let visit = browser.visit().await;
        assert_eq!(visit.session.sessions().await.unwrap().len(), 1, "loaded before: {loaded_before}");
        assert_eq!(visit.session.get("cart").unwrap(), Some(1));
        assert_eq!(visit.session.get("click").unwrap(), Some(2));
        assert_eq!(visit.session.idle_timeout(), 9 * 24 * HOUR);
    }
}

#[tokio::test]
async fn a_double_clicked_login_is_one_session_where_no_second_is_allowed() {
    let (server, _) = apart(Duration::ZERO);
    let server = server.with(|sessions| sessions.sessions_per_subject(1, Refuse));
    let mut browser = visitor(&server).await;
    let mut second = browser.clone();
    assert!(browser.logs_in("alice").await.is_ok());
    assert!(second.logs_in("alice").await.is_ok());
    assert_eq!(second.subject().await.as_deref(), Some("alice"));
}

/// The session is live on the other server, so nothing takes its place here.
#[tokio::test]
async fn a_session_from_the_future_beyond_the_leeway_is_not_displaced() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    let cookies = EncryptedCookieStore::new(&keys);
    for behind in [Server::new(MemoryStore::new()), Server::new(cookies)] {
        let (ahead, behind) = ahead_of(behind, 90 * SECOND);
        let browser = alice(&ahead).await;
        let mut other = at(&behind, &browser);
        assert_eq!(other.subject().await, None);
        let response = other.does(|session| session.insert("cart", 1)).await;
        assert_eq!((response.status(), response.cookie()), (409, None));
        behind.clock.advance(MINUTE);
        assert_eq!(other.subject().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn clocks_that_differ_by_more_than_the_leeway_are_reported_once() {
    let (logs, _guard) = Logs::capture();
    let (ahead, behind) = apart(90 * SECOND);
    let browser = alice(&ahead).await;
    for _ in 0..3 {
        assert_eq!(at(&behind, &browser).subject().await, None);
    }
    let logged = logs.text();
    assert_eq!(logged.matches("the clocks of the servers differ").count(), 1, "{logged}");
    assert!(logged.contains("ahead=90s leeway=60s"), "{logged}");
}

/// A store that no longer looks sessions up once it is told so.
#[derive(Debug, Default, Clone)]
struct CannotFind(Arc<AtomicBool>);

impl Hook for CannotFind {
    async fn around<T: Send>(
        &self,
        call: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match call {
            Call::Find if self.0.load(SeqCst) => {
                Err(StoreError::new(StoreErrorKind::Unavailable, "the store is gone"))
            }
            _ => made.await,
        }
    }
}

#[tokio::test]
async fn a_grace_that_cannot_be_judged_is_an_outage_and_no_logged_out_user() {
    let store = Hooked { store: MemoryStore::new(), hook: CannotFind(Arc::new(true.into())) };
    let (ahead, behind) = ahead_of(Server::new(store), 32 * SECOND);
    let mut browser = alice(&behind).await;
    let old = at(&ahead, &browser);
    browser.does(|session| session.renew()).await;
    let error = old.try_visit(&old.request()).await.err().unwrap();
    assert_eq!(error.status(), 503);
}

/// The second click of a login learns of the first one by asking the store, so it cannot be told when that fails.
#[tokio::test]
async fn a_second_click_during_an_outage_begins_no_second_session() {
    let hook = CannotFind::default();
    let server = Server::new(Hooked { store: MemoryStore::new(), hook: hook.clone() });
    let mut browser = visitor(&server).await;
    let stale = browser.clone();
    assert!(browser.logs_in("alice").await.is_ok());
    let click = stale.visit().await;
    hook.0.store(true, SeqCst);
    click.session.log_in("alice").unwrap();
    assert_eq!(finish(click, 200).await.status(), 503);
    let visit = browser.visit().await;
    assert_eq!(visit.session.sessions().await.unwrap().len(), 1);
}
