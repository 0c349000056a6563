//! Promises 11 and 16: caches, and requests that another site began.

use cloakroom::{Session, SessionError, manager::Finish};

use crate::{
    browser::{Browser, Request, Response, Server, finish},
    probe::Probe,
};

type Action = fn(&Session) -> Result<(), SessionError>;

/// The response of a handler that set `given` itself and does `action`.
async fn answer(
    browser: &Browser,
    given: &[(&'static str, &str)],
    action: impl FnOnce(&Session),
) -> Response {
    let visit = browser.visit().await;
    action(&visit.session);
    match visit.exchange.finish(200) {
        Finish::Ready(finished) => Response::new(&finished, given),
        Finish::Pending(commit) => Response::new(&commit.await, given),
    }
}

#[tokio::test]
async fn promise_11_a_response_that_read_a_session_is_private_unless_it_says_otherwise() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.logs_in("alice").await;
    let silent = answer(&browser, &[], |_| ()).await;
    assert_eq!(silent.header("vary"), Some("Cookie"));
    assert_eq!(silent.header("cache-control"), Some("private, no-cache"));
    let knowing = answer(&browser, &[("cache-control", "public, max-age=60")], |_| ()).await;
    assert_eq!(knowing.header("vary"), Some("Cookie"));
    assert_eq!(knowing.header("cache-control"), Some("public, max-age=60"));
}

#[tokio::test]
async fn promise_11_a_response_that_sets_the_cookie_is_stored_by_no_cache_whatever_it_says() {
    let browser = Server::new(Probe::default()).browser();
    let given = [("cache-control", "public, max-age=60"), ("cdn-cache-control", "max-age=60")];
    let response = answer(&browser, &given, |session| session.insert("a", 1).unwrap()).await;
    assert!(response.cookie().is_some());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("cdn-cache-control"), Some("no-store"));
}

#[tokio::test]
async fn promise_11_a_response_that_looked_for_a_session_in_vain_varies_by_cookie() {
    let response = answer(&Server::new(Probe::default()).browser(), &[], |_| ()).await;
    assert_eq!(response.header("vary"), Some("Cookie"));
    assert_eq!(response.header("cache-control"), None);
}

#[tokio::test]
async fn promise_11_a_response_that_did_not_look_is_left_alone() {
    let Finish::Ready(finished) = Server::new(Probe::default()).sessions.exchange("/").finish(200) else {
        panic!("there is nothing to write")
    };
    assert!(Response::new(&finished, &[]).headers.is_empty());
}

fn cross_site(request: Request) -> Vec<Request> {
    let headers = request.headers.clone();
    let again = || Request { headers: headers.clone(), ..request };
    vec![
        again().with("sec-fetch-site", "cross-site"),
        again().with("origin", "https://evil.example").with("host", "shop.example"),
        again().with("origin", "null").with("host", "shop.example"),
    ]
}

#[tokio::test]
async fn promise_16_another_site_can_neither_log_in_nor_out() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.logs_in("alice").await;
    for request in cross_site(browser.request()) {
        let actions: [Action; 3] =
            [Session::log_out, |session| session.log_in("mallory"), |session| session.insert("a", 1)];
        for action in actions {
            let visit = browser.try_visit(&request).await.unwrap();
            action(&visit.session).unwrap();
            let response = finish(visit, 200).await;
            assert_eq!((response.status(), response.cookie()), (403, None));
        }
    }
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    let visit = browser.try_visit(&cross_site(browser.request())[0]).await.unwrap();
    assert!(finish(visit, 200).await.is_ok(), "reading is not refused");
}

#[tokio::test]
async fn promise_16_a_path_can_be_allowed_and_safe_methods_are() {
    let server = Server::new(Probe::default()).with(|sessions| sessions.allow_cross_site("/callback"));
    let browser = server.browser();
    for request in cross_site(Request { path: "/callback", ..browser.request() })
        .into_iter()
        .chain(cross_site(Request { method: "GET", ..browser.request() }))
    {
        let visit = browser.try_visit(&request).await.unwrap();
        visit.session.log_in("alice").unwrap();
        assert!(finish(visit, 200).await.cookie().is_some());
    }
    for request in cross_site(Request { path: "/callback/", ..browser.request() }) {
        let visit = browser.try_visit(&request).await.unwrap();
        visit.session.log_in("alice").unwrap();
        assert_eq!(finish(visit, 200).await.status(), 403);
    }
}

#[tokio::test]
async fn promise_16_a_vanished_client_of_another_site_changes_nothing_either() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.logs_in("alice").await;
    let visit = browser.try_visit(&cross_site(browser.request())[0]).await.unwrap();
    visit.session.log_out().unwrap();
    drop(visit);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_16_another_site_cannot_log_out_the_other_devices_either() {
    let server = Server::new(Probe::default());
    let (mut phone, mut laptop) = (server.browser(), server.browser());
    phone.logs_in("alice").await;
    laptop.logs_in("alice").await;
    let other = laptop.visit().await.session.id().unwrap();
    for request in cross_site(phone.request()) {
        let visit = phone.try_visit(&request).await.unwrap();
        assert_eq!(visit.session.sessions().await.unwrap().len(), 2, "looking is not refused");
        assert_eq!(visit.session.end(other).await.unwrap_err().status(), 403);
        assert_eq!(visit.session.end_others().await.unwrap_err().status(), 403);
        assert_eq!(visit.session.end_all().await.unwrap_err().status(), 403);
        finish(visit, 200).await;
    }
    assert_eq!(laptop.subject().await.as_deref(), Some("alice"));
    assert_eq!(phone.subject().await.as_deref(), Some("alice"));
}
