//! Promise 16, and what browsers keep back: requests that other sites began.

use cloakroom::{Bearer, Cookie, SameSite, Session, SessionError, SessionManager, store::MemoryStore};

use crate::{
    browser::{Browser, Request, Response, Server, finish},
    events::Events,
};

type Action = fn(&Session) -> Result<(), SessionError>;

/// How a browser describes a request of its page on another site.
const LINK: &[(&str, &str)] =
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
const FRAME: &[(&str, &str)] =
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
const IMAGE: &[(&str, &str)] =
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
/// A browser without Fetch Metadata.
const OLD_FORM: &[(&str, &str)] = &[("origin", "https://id.example"), ("host", "shop.example")];

fn server(same_site: SameSite) -> Server {
    Server::new(MemoryStore::new()).with(|sessions| {
        sessions.cookie(Cookie::named("__Host-id").same_site(same_site)).allow_cross_site("/callback")
    })
}

fn request(method: &'static str, path: &'static str, headers: &[(&str, &str)]) -> Request {
    let request = Request { method, path, headers: Vec::new() };
    headers.iter().fold(request, |request, (name, value)| request.with(name, *value))
}

/// The response to a request of a browser that sends the cookie only if the request lets it.
async fn answer(browser: &Browser, request: Request, sends_cookie: bool, action: Action) -> Response {
    let cookie = browser.cookie.iter().filter(|_| sends_cookie);
    let request = cookie.fold(request, |request, value| request.with("cookie", format!("__Host-id={value}")));
    let visit = browser.try_visit(&request).await.unwrap();
    action(&visit.session).unwrap();
    finish(visit, 200).await
}

fn write(session: &Session) -> Result<(), SessionError> {
    session.insert("csrf", "token")
}

#[tokio::test]
async fn what_a_request_without_its_cookie_writes_displaces_no_session() {
    for (same_site, method, path, headers) in [
        (SameSite::Strict, "GET", "/", LINK),
        (SameSite::Strict, "GET", "/callback", LINK),
        (SameSite::Strict, "POST", "/callback", LINK),
        (SameSite::Lax, "POST", "/callback", LINK),
        (SameSite::Lax, "POST", "/callback", OLD_FORM),
        (SameSite::Lax, "GET", "/", FRAME),
        (SameSite::Lax, "GET", "/", IMAGE),
        (SameSite::Lax, "GET", "/callback", FRAME),
    ] {
        let case = format!("{same_site:?} {method} {path} {headers:?}");
        let mut browser = server(same_site).browser();
        browser.logs_in("alice").await;
        let response = answer(&browser, request(method, path, headers), false, write).await;
        assert_eq!((response.status(), response.cookie()), (200, None), "{case}");
        browser.keep(&response);
        assert_eq!(browser.subject().await.as_deref(), Some("alice"), "{case}");
    }
}

#[tokio::test]
async fn a_session_begins_where_no_cookie_can_have_been_kept_back() {
    for (same_site, method, path, headers) in [
        (SameSite::Lax, "GET", "/", LINK),
        (SameSite::Lax, "GET", "/callback", LINK),
        (SameSite::None, "GET", "/", FRAME),
        (SameSite::None, "POST", "/callback", LINK),
        (SameSite::Strict, "GET", "/", &[("sec-fetch-site", "none")]),
        (SameSite::Strict, "GET", "/", &[("sec-fetch-site", "same-origin")]),
        (SameSite::Strict, "POST", "/", &[("sec-fetch-site", "same-site")]),
        (SameSite::Strict, "GET", "/", &[]),
    ] {
        let mut browser = server(same_site).browser();
        let response = answer(&browser, request(method, path, headers), false, write).await;
        browser.keep(&response);
        assert_eq!(
            browser.sees::<String>("csrf").await.as_deref(),
            Some("token"),
            "{same_site:?} {headers:?}"
        );
    }
}

#[tokio::test]
async fn a_session_whose_cookie_came_is_changed_as_ever() {
    let mut browser = server(SameSite::Strict).browser();
    browser.logs_in("alice").await;
    let response = answer(&browser, request("GET", "/", LINK), true, write).await;
    assert!(response.is_ok());
    browser.keep(&response);
    assert_eq!(browser.sees::<String>("csrf").await.as_deref(), Some("token"));
}

/// A link in an e-mail that logs in, and the assertion of an identity provider that nobody asked for.
#[tokio::test]
async fn a_login_is_never_dropped() {
    for (same_site, method, path) in [
        (SameSite::Strict, "GET", "/"),
        (SameSite::Strict, "POST", "/callback"),
        (SameSite::Lax, "POST", "/callback"),
    ] {
        let mut browser = server(same_site).browser();
        browser.does(write).await;
        let log_in: Action = |session| session.log_in("alice").and_then(|()| write(session));
        let response = answer(&browser, request(method, path, LINK), false, log_in).await;
        assert!(response.is_ok());
        browser.keep(&response);
        assert_eq!(browser.subject().await.as_deref(), Some("alice"), "{same_site:?} {method}");
        assert_eq!(browser.sees::<String>("csrf").await.as_deref(), Some("token"));
    }
}

#[tokio::test]
async fn a_handler_sees_what_it_wrote_although_it_is_dropped() {
    let browser = server(SameSite::Strict).browser();
    let visit = browser.try_visit(&request("GET", "/", LINK)).await.unwrap();
    write(&visit.session).unwrap();
    visit.session.save().await.unwrap();
    assert_eq!(visit.session.get::<String>("csrf").unwrap().as_deref(), Some("token"));
    assert_eq!(visit.session.id(), None);
    assert_eq!(finish(visit, 200).await.cookie(), None);

    let visit = browser.try_visit(&request("GET", "/", LINK)).await.unwrap();
    write(&visit.session).unwrap();
    visit.session.save().await.unwrap();
    visit.session.log_in("alice").unwrap();
    let response = finish(visit, 200).await;
    assert!(response.cookie().is_some(), "a login after it keeps all of it");
}

#[tokio::test]
async fn what_follows_a_log_out_without_a_cookie_begins_no_session_either() {
    let mut browser = server(SameSite::Lax).browser();
    browser.logs_in("alice").await;
    let farewell: Action = |session| session.log_out().and_then(|()| write(session));
    let response = answer(&browser, request("POST", "/callback", LINK), false, farewell).await;
    assert_eq!((response.status(), response.cookie()), (200, None));
}

#[tokio::test]
async fn a_bearer_token_displaces_no_cookie() {
    let server = Server::new(MemoryStore::new()).with(|sessions| {
        sessions
            .transports([Cookie::named("__Host-id").into(), Bearer::authorization().into()])
            .allow_cross_site("/callback")
    });
    let issue: Action = |session| write(session).and_then(|()| session.issue_bearer());
    let response = answer(&server.browser(), request("POST", "/callback", LINK), false, issue).await;
    assert_eq!(response.cookie(), None);
    assert!(response.header("session-token").is_some());
}

#[tokio::test]
async fn the_log_says_once_what_a_posted_callback_needs() {
    let browser = server(SameSite::Lax).browser();
    let (logs, _guard) = Events::listen();
    let look: Action = |session| session.take::<String>("state").map(drop);
    answer(&browser, request("POST", "/callback", LINK), false, look).await;
    let warning = logs.only_complaint();
    assert!(warning.message.contains("SameSite::None"), "{warning:?}");
    answer(&browser, request("POST", "/callback", LINK), false, look).await;
    assert!(logs.complaints().is_empty());

    answer(&browser, request("POST", "/callback", LINK), false, write).await;
    assert!(logs.only_complaint().message.contains("dropped"));
    answer(&browser, request("POST", "/callback", LINK), false, write).await;
    assert!(logs.complaints().is_empty());
}

#[tokio::test]
async fn promise_16_a_link_on_another_site_logs_nobody_out() {
    let server = server(SameSite::Lax);
    let (mut browser, mut other) = (server.browser(), server.browser());
    browser.logs_in("alice").await;
    other.logs_in("alice").await;
    for headers in [LINK, FRAME, &[("origin", "https://evil.example")]] {
        let response = answer(&browser, request("GET", "/logout", headers), true, Session::log_out).await;
        assert_eq!((response.status(), response.cookie()), (403, None), "{headers:?}");
    }
    let visit = browser
        .try_visit(
            &request("GET", "/", LINK)
                .with("cookie", format!("__Host-id={}", browser.cookie.clone().unwrap())),
        )
        .await
        .unwrap();
    assert_eq!(visit.session.end_others().await.unwrap_err().status(), 403);
    assert_eq!(visit.session.end_all().await.unwrap_err().status(), 403);
    drop(visit);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(other.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_login_by_a_link_may_replace_a_session() {
    let mut browser = server(SameSite::Lax).browser();
    browser.logs_in("alice").await;
    let anew: Action = |session| session.log_out().and_then(|()| session.log_in("bob"));
    let response = answer(&browser, request("GET", "/magic", LINK), true, anew).await;
    browser.keep(&response);
    assert_eq!(browser.subject().await.as_deref(), Some("bob"));
}

/// OpenID Connect Front-Channel Logout: the provider's page loads the log-out in a frame.
#[tokio::test]
async fn a_provider_may_log_a_visitor_out_where_the_path_allows_it() {
    let mut browser = server(SameSite::None).browser();
    browser.logs_in("alice").await;
    let response = answer(&browser, request("GET", "/callback", FRAME), true, Session::log_out).await;
    assert_eq!((response.status(), response.cookie()), (200, Some("")));
    browser.keep(&response);
    assert_eq!(browser.subject().await, None);
}

async fn status(
    sessions: impl FnOnce(SessionManager) -> SessionManager,
    path: &'static str,
    headers: &[(&str, &str)],
) -> u16 {
    let browser = Server::new(MemoryStore::new()).with(sessions).browser();
    answer(&browser, request("POST", path, headers), false, |session| session.log_in("alice")).await.status()
}

#[tokio::test]
async fn an_origin_is_ones_own_whatever_its_default_port() {
    for (origin, host, expected) in [
        ("https://shop.example", "shop.example:443", 200),
        ("http://shop.example", "shop.example:80", 200),
        ("https://shop.example", "shop.example:80", 200),
        ("http://shop.example:8080", "shop.example:8080", 200),
        ("http://shop.example", "shop.example:8080", 403),
        ("https://evil.example", "shop.example:443", 403),
        ("null", "shop.example", 403),
    ] {
        let headers = [("origin", origin), ("host", host)];
        assert_eq!(status(|sessions| sessions, "/", &headers).await, expected, "{origin} at {host}");
    }
}

#[tokio::test]
async fn a_host_that_a_proxy_changed_matters_only_without_fetch_metadata() {
    let behind_proxy = [("origin", "http://shop.example"), ("host", "127.0.0.1:3000")];
    assert_eq!(status(|sessions| sessions, "/", &behind_proxy).await, 403);
    let trusting = |sessions: SessionManager| sessions.trusted_origins(["http://shop.example:80"]);
    assert_eq!(status(trusting, "/", &behind_proxy).await, 200);
    for (site, expected) in [("same-origin", 200), ("none", 200), ("cross-site", 403)] {
        let headers = [behind_proxy[0], behind_proxy[1], ("sec-fetch-site", site)];
        assert_eq!(status(|sessions| sessions, "/", &headers).await, expected, "{site}");
    }
    let opaque = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    assert_eq!(status(|sessions| sessions, "/", &opaque).await, 200, "a page without referrer");
}

#[tokio::test]
async fn the_log_says_once_that_a_host_is_not_the_origin() {
    let browser = Server::new(MemoryStore::new()).browser();
    let (logs, _guard) = Events::listen();
    let behind_proxy = request("POST", "/", &[("origin", "http://shop.example"), ("host", "127.0.0.1:3000")]);
    answer(&browser, behind_proxy, false, |session| session.log_in("alice")).await;
    let complaints = logs.complaints();
    assert_eq!(complaints.len(), 2, "{complaints:#?}");
    assert_eq!(complaints[0].field("origin"), "http://shop.example");
    assert_eq!(complaints[0].field("host"), "127.0.0.1:3000");
    assert!(complaints[0].message.contains("trusted_origins"));
    assert_eq!(complaints[1].field("kind"), "CrossSite");
}

#[tokio::test]
async fn the_pages_of_a_trusted_site_change_sessions() {
    let trusting = |sessions: SessionManager| {
        sessions
            .cookie(Cookie::named("__Host-id").same_site(SameSite::None))
            .trusted_origins(["https://app.example"])
    };
    for (origin, expected) in [("https://app.example", 200), ("https://evil.example", 403), ("null", 403)] {
        for headers in [&[("origin", origin), ("sec-fetch-site", "cross-site")][..], &[("origin", origin)]] {
            assert_eq!(status(trusting, "/", headers).await, expected, "{headers:?}");
        }
    }
}

/// A form of theirs is one whose cookie the browser keeps back.
#[tokio::test]
async fn the_forms_of_a_trusted_site_displace_no_session_either() {
    let server =
        Server::new(MemoryStore::new()).with(|sessions| sessions.trusted_origins(["https://app.example"]));
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    let form = request("POST", "/", LINK).with("origin", "https://app.example");
    let response = answer(&browser, form, false, write).await;
    assert_eq!((response.status(), response.cookie()), (200, None));
}

#[tokio::test]
async fn a_pattern_allows_the_paths_that_it_matches() {
    let allowing = |sessions: SessionManager| {
        sessions.allow_cross_site("/saml/{org}/acs").allow_cross_site("/hooks/{*rest}")
    };
    for (path, expected) in [
        ("/saml/acme/acs", 200),
        ("/saml/a%2Fb/acs", 200),
        ("/hooks/a/b", 200),
        ("/saml/acme/acs/", 403),
        ("/saml//acs", 403),
        ("/saml/a/b/acs", 403),
        ("/hooks", 403),
        ("/hooks/", 403),
        ("/", 403),
    ] {
        assert_eq!(status(allowing, path, LINK).await, expected, "{path}");
    }
}
