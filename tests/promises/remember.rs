//! Sessions that are remembered: their cookies, their lifetimes, and how that ends.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    Cookie, Session, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, MemoryStore, SignedCookieStore},
};

use crate::browser::{Browser, HOUR, MINUTE, Response, Server};

const DAY: Duration = Duration::from_secs(86_400);

fn servers() -> Vec<Server> {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    let stores: [Arc<dyn SessionStore>; 4] = [
        Arc::new(MemoryStore::new()),
        Arc::new(EncryptedCookieStore::new(&keys)),
        Arc::new(SignedCookieStore::new(&keys)),
        Arc::new(JwtStore::from_ring(&keys)),
    ];
    let fleeting = || Cookie::named("__Host-id").expires_with_browser();
    stores.into_iter().map(|store| Server::new(store).with(|it| it.cookie(fleeting()))).collect()
}

async fn remembered(server: &Server, duration: Duration) -> Browser {
    let mut browser = server.browser();
    let response = browser
        .does(|session| {
            session.log_in("alice")?;
            session.remember(duration)
        })
        .await;
    assert!(lasts(&response, duration));
    browser
}

/// Whether the response sets a cookie that outlives the browser for this long.
fn lasts(response: &Response, duration: Duration) -> bool {
    let line = response.header("set-cookie").unwrap();
    line.contains(&format!("; Max-Age={}; Expires=", duration.as_secs()))
}

fn is_fleeting(response: &Response) -> bool {
    let line = response.header("set-cookie").unwrap();
    !line.contains("Max-Age") && !line.contains("Expires")
}

async fn is_remembered(browser: &mut Browser) -> bool {
    let visit = browser.visit().await;
    let remembered = visit.session.is_remembered();
    browser.receive(visit).await;
    remembered
}

#[tokio::test]
async fn a_remembered_session_outlives_the_browser_and_others_do_not() {
    for server in servers() {
        let mut other = server.browser();
        assert!(is_fleeting(&other.logs_in("bob").await));
        assert!(!is_remembered(&mut other).await);
        let mut browser = remembered(&server, 20 * DAY).await;
        assert!(is_remembered(&mut browser).await);
        server.clock.advance(HOUR);
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
        assert_eq!(other.subject().await, None);
    }
}

#[tokio::test]
async fn use_prolongs_a_remembered_session_and_its_cookie() {
    for server in servers() {
        let mut browser = remembered(&server, 20 * DAY).await;
        server.clock.advance(DAY);
        let visit = browser.visit().await;
        let early = browser.receive(visit).await;
        assert!(early.cookie().is_none() || lasts(&early, 19 * DAY));
        for writes in [false, true, false, true] {
            server.clock.advance(15 * DAY);
            let visit = browser.visit().await;
            assert_eq!(visit.session.subject().as_deref(), Some("alice"));
            if writes {
                visit.session.insert("a", 1).unwrap();
            }
            let response = browser.receive(visit).await;
            assert!(lasts(&response, 20 * DAY), "{:?}", response.headers);
        }
        server.clock.advance(20 * DAY);
        assert_eq!(browser.subject().await, None);
    }
}

#[tokio::test]
async fn a_new_login_of_the_same_subject_is_remembered_still() {
    for server in servers() {
        let mut browser = remembered(&server, 20 * DAY).await;
        server.clock.advance(5 * DAY);
        assert!(lasts(&browser.logs_in("alice").await, 20 * DAY));
        assert!(is_remembered(&mut browser).await);
        server.clock.advance(19 * DAY);
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
        assert!(is_fleeting(&browser.logs_in("bob").await), "another subject");
        assert!(!is_remembered(&mut browser).await);
    }
}

#[tokio::test]
async fn remembering_is_taken_back_without_a_new_login() {
    for server in servers() {
        let mut browser = remembered(&server, 20 * DAY).await;
        server.clock.advance(14 * DAY);
        let response = browser.does(Session::forget).await;
        assert!(is_fleeting(&response));
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
        assert!(!is_remembered(&mut browser).await);
        for _ in 0..35 {
            server.clock.advance(20 * MINUTE);
            assert_eq!(browser.subject().await.as_deref(), Some("alice"), "both timeouts begin anew");
        }
        server.clock.advance(20 * MINUTE);
        assert_eq!(browser.subject().await, None, "twelve hours have passed");
    }
}

#[tokio::test]
async fn nothing_is_written_to_forget_what_was_not_remembered() {
    for server in servers() {
        let mut browser = server.browser();
        browser.logs_in("alice").await;
        assert_eq!(browser.does(Session::forget).await.cookie(), None);
        let visit = browser.visit().await;
        visit.session.remember(DAY).unwrap();
        assert!(visit.session.is_remembered());
        visit.session.forget().unwrap();
        assert!(!visit.session.is_remembered());
        browser.receive(visit).await;
        assert!(!is_remembered(&mut browser).await);
    }
}

/// A lifetime that ends within the second is no removal.
#[tokio::test]
async fn the_last_half_second_of_a_session_has_a_cookie() {
    let server = Server::new(MemoryStore::new()).with(|it| it.absolute_timeout(Duration::from_millis(500)));
    let response = server.browser().logs_in("alice").await;
    let line = response.header("set-cookie").unwrap();
    assert!(line.contains("; Max-Age=1; Expires=Mon, 21 Sep 2026 14:13:21 GMT;"), "{line}");
}
