//! How tokens travel: in headers for clients that are no browsers, and in several cookies where one is too small.

use std::collections::BTreeMap;

use cloakroom::{
    Bearer, Cookie, SessionErrorKind, StoreErrorKind,
    keyring::{KeyRing, SecretKey},
    store::EncryptedCookieStore,
};

use crate::{
    browser::{Request, Response, Server, finish},
    probe::Probe,
};

fn both_ways() -> Server {
    let server = Server::new(Probe::default());
    server.with(|sessions| {
        sessions.transports([Cookie::named("__Host-id").into(), Bearer::authorization().into()])
    })
}

fn post(headers: &[(&str, String)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), value.clone().into())).collect();
    Request { method: "POST", path: "/", headers }
}

/// Logs in as a client that is no browser, and gets its token.
async fn bearer_token(server: &Server, name: &str) -> String {
    let visit = server.browser().visit().await;
    visit.session.log_in(name).unwrap();
    visit.session.issue_bearer().unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(response.cookie(), None);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.header("session-token").unwrap().to_owned()
}

async fn subject(server: &Server, request: &Request) -> Option<String> {
    let visit = server.browser().try_visit(request).await.unwrap();
    let subject = visit.session.subject();
    assert!(finish(visit, 200).await.is_ok());
    subject
}

#[tokio::test]
async fn a_client_that_is_no_browser_has_its_token_in_a_header_both_ways() {
    let server = both_ways();
    let token = bearer_token(&server, "alice").await;
    let request = post(&[("authorization", format!("Bearer {token}"))]);
    assert_eq!(subject(&server, &request).await.as_deref(), Some("alice"));

    let visit = server.browser().try_visit(&request).await.unwrap();
    visit.session.log_in("bob").unwrap();
    let response = finish(visit, 200).await;
    let renewed = response.header("session-token").unwrap();
    assert_eq!(response.cookie(), None);
    let vary: Vec<_> =
        response.headers.iter().filter(|(name, _)| name == "vary").map(|(_, value)| &**value).collect();
    assert_eq!(vary, ["Cookie", "authorization"]);
    assert_eq!(subject(&server, &request).await, None, "the old token is worth nothing");
    let request = post(&[("authorization", format!("Bearer {renewed}"))]);
    assert_eq!(subject(&server, &request).await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn the_first_way_that_brings_a_token_counts() {
    let server = both_ways();
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    let cookie = format!("__Host-id={}", browser.cookie.unwrap());
    let bearer = format!("Bearer {}", bearer_token(&server, "bob").await);
    let both = post(&[("authorization", bearer.clone()), ("cookie", cookie.clone())]);
    assert_eq!(subject(&server, &both).await.as_deref(), Some("alice"));
    let junk = post(&[("authorization", bearer.clone()), ("cookie", "__Host-id=junk".into())]);
    assert_eq!(subject(&server, &junk).await.as_deref(), Some("bob"));
    let bearer_first = server.with(|sessions| {
        sessions.transports([Bearer::authorization().into(), Cookie::named("__Host-id").into()])
    });
    assert_eq!(subject(&bearer_first, &both).await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_handler_can_hand_the_token_out_itself() {
    let visit = both_ways().browser().visit().await;
    visit.session.log_in("alice").unwrap();
    visit.session.issue_bearer().unwrap();
    assert!(visit.session.token().is_none());
    visit.session.save().await.unwrap();
    let token = visit.session.token().unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(response.header("session-token"), Some(token.expose()));
}

#[tokio::test]
async fn a_token_in_a_header_of_ones_own_choice_has_no_scheme() {
    let server = Server::new(Probe::default())
        .with(|sessions| sessions.transports([Bearer::in_header("X-Ticket").into()]));
    let visit = server.browser().visit().await;
    visit.session.log_in("alice").unwrap();
    let response = finish(visit, 200).await;
    let token = response.header("x-ticket").unwrap().to_owned();
    assert_eq!(subject(&server, &post(&[("x-ticket", token)])).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_request_with_a_bearer_token_is_never_cross_site() {
    let server = both_ways();
    let bearer = format!("Bearer {}", bearer_token(&server, "alice").await);
    let request = post(&[("authorization", bearer), ("sec-fetch-site", "cross-site".into())]);
    let visit = server.browser().try_visit(&request).await.unwrap();
    visit.session.insert("a", 1).unwrap();
    assert!(finish(visit, 200).await.is_ok());
}

#[tokio::test]
async fn a_manager_without_bearer_tokens_says_so() {
    let visit = Server::new(Probe::default()).browser().visit().await;
    let error = visit.session.issue_bearer().unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Store(StoreErrorKind::Unsupported));
}

/// A browser that keeps every cookie.
#[derive(Clone, Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn keep(&mut self, response: &Response) {
        for (_, line) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.len() + value.len() <= 4096);
            match value {
                "" => self.0.remove(name),
                _ => self.0.insert(name.into(), value.into()),
            };
        }
    }

    fn request(&self) -> Request {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        post(&[("cookie", pairs.join("; "))])
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    async fn sets(&mut self, server: &Server, len: usize) {
        let visit = server.browser().try_visit(&self.request()).await.unwrap();
        visit.session.insert("a", "x".repeat(len)).unwrap();
        self.keep(&finish(visit, 200).await);
    }

    async fn len(&self, server: &Server) -> Option<usize> {
        let visit = server.browser().try_visit(&self.request()).await.unwrap();
        let len = visit.session.get::<String>("a").unwrap().map(|text| text.len());
        assert!(finish(visit, 200).await.is_ok());
        len
    }
}

fn stateless() -> Server {
    Server::new(EncryptedCookieStore::new(&KeyRing::new(SecretKey::generate().unwrap())).max_token(12_000))
}

#[tokio::test]
async fn a_long_session_takes_several_cookies_and_a_short_one_removes_those_it_needs_no_more() {
    let server = stateless();
    let mut jar = Jar::default();
    for (len, names) in [
        (100, &["__Host-id"][..]),
        (4_000, &["__Host-id", "__Host-id-1"]),
        (8_000, &["__Host-id", "__Host-id-1", "__Host-id-2"]),
        (4_000, &["__Host-id", "__Host-id-1"]),
        (100, &["__Host-id"]),
    ] {
        jar.sets(&server, len).await;
        assert_eq!(jar.names(), names);
        assert_eq!(jar.len(&server).await, Some(len));
    }
}

#[tokio::test]
async fn parts_that_are_missing_reordered_or_of_another_generation_are_refused_whole() {
    let server = stateless();
    let mut jar = Jar::default();
    jar.sets(&server, 8_000).await;
    let older = jar.clone();
    jar.sets(&server, 7_999).await;
    for part in ["__Host-id", "__Host-id-1", "__Host-id-2"] {
        let mut missing = jar.clone();
        missing.0.remove(part);
        assert_eq!(missing.len(&server).await, None, "without {part}");
        let mut mixed = jar.clone();
        mixed.0.insert(part.into(), older.0[part].clone());
        assert_eq!(mixed.len(&server).await, None, "with an older {part}");
    }
    let mut reordered = jar.clone();
    reordered.0.insert("__Host-id-1".into(), jar.0["__Host-id-2"].clone());
    reordered.0.insert("__Host-id-2".into(), jar.0["__Host-id-1"].clone());
    assert_eq!(reordered.len(&server).await, None);
    for count in ["2~", "4~", "9~"] {
        let mut miscounted = jar.clone();
        let first = &jar.0["__Host-id"];
        miscounted.0.insert("__Host-id".into(), format!("{count}{}", &first[2..]));
        assert_eq!(miscounted.len(&server).await, None, "{count}");
    }
    assert_eq!(jar.len(&server).await, Some(7_999));
}

#[tokio::test]
async fn a_stale_extra_part_is_ignored_and_removed_with_the_next_write() {
    let server = stateless();
    let mut jar = Jar::default();
    jar.sets(&server, 100).await;
    jar.0.insert("__Host-id-3".into(), "stale".into());
    assert_eq!(jar.len(&server).await, Some(100));
    jar.sets(&server, 101).await;
    assert_eq!(jar.names(), ["__Host-id"]);
}

#[tokio::test]
async fn a_log_out_removes_every_part() {
    let server = stateless();
    let mut jar = Jar::default();
    jar.sets(&server, 8_000).await;
    let visit = server.browser().try_visit(&jar.request()).await.unwrap();
    visit.session.log_out().unwrap();
    jar.keep(&finish(visit, 200).await);
    assert_eq!(jar.names(), [""; 0]);
}

#[tokio::test]
async fn a_session_that_outgrows_its_token_is_refused_with_size_and_limit_and_stays() {
    let server = stateless();
    let mut jar = Jar::default();
    jar.sets(&server, 8_000).await;
    let visit = server.browser().try_visit(&jar.request()).await.unwrap();
    let error = visit.session.insert("a", "x".repeat(12_000)).unwrap_err();
    let SessionErrorKind::TooLarge { size, limit } = error.kind() else { panic!("{error:?}") };
    assert!(size > limit && error.to_string().contains(&limit.to_string()), "{error}");
    assert_eq!(error.status(), 413);
    assert_eq!(jar.len(&server).await, Some(8_000));
}

#[tokio::test]
async fn promise_7_a_log_out_removes_the_cookie_whichever_of_several_it_came_in() {
    for at in 0..2 {
        let cookies = ["__Host-id", "__Host-old"];
        let server = Server::new(Probe::default())
            .with(|sessions| sessions.transports(cookies.map(|name| Cookie::named(name).into())));
        let visit = server
            .browser()
            .try_visit(&post(&[("cookie", format!("{}=whatever", cookies[at]))]))
            .await
            .unwrap();
        visit.session.log_out().unwrap();
        let mut jar = Jar::default();
        jar.0.insert(cookies[at].into(), "whatever".into());
        jar.keep(&finish(visit, 200).await);
        assert_eq!(jar.names(), [""; 0]);
    }
}

#[tokio::test]
async fn a_bearer_token_is_issued_even_if_another_request_renews_the_session_meanwhile() {
    let server = both_ways();
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    let (issue, renew) = (browser.visit().await, browser.visit().await);
    issue.session.issue_bearer().unwrap();
    renew.session.renew().unwrap();
    browser.receive(renew).await;
    let response = finish(issue, 200).await;
    let token = response.header("session-token").expect("a token was asked for");
    let request = post(&[("authorization", format!("Bearer {token}"))]);
    assert_eq!(subject(&server, &request).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_7_a_log_out_removes_the_cookie_even_if_a_bearer_token_is_issued_after_it() {
    for saves in [false, true] {
        let server = both_ways();
        let mut browser = server.browser();
        browser.logs_in("alice").await;
        let visit = browser.visit().await;
        visit.session.log_out().unwrap();
        if saves {
            visit.session.save().await.unwrap();
        }
        visit.session.log_in("alice").unwrap();
        visit.session.issue_bearer().unwrap();
        let response = browser.receive(visit).await;
        assert!(response.header("session-token").is_some());
        assert_eq!(browser.cookie, None);
    }
}

/// A browser's request has no bearer token, wherever one would be looked for first.
#[tokio::test]
async fn another_site_cannot_write_where_bearer_tokens_come_first() {
    for transports in [
        [Bearer::authorization().into(), Cookie::named("__Host-id").into()],
        [Cookie::named("__Host-id").into(), Bearer::authorization().into()],
    ] {
        let server = Server::new(Probe::default()).with(|sessions| sessions.transports(transports));
        let foreign = post(&[("sec-fetch-site", "cross-site".into())]);
        let visit = server.browser().try_visit(&foreign).await.unwrap();
        visit.session.insert("cart", 1).unwrap();
        let response = finish(visit, 200).await;
        assert_eq!(response.status(), 403);
        assert!(response.headers.iter().all(|(name, _)| name == "vary"), "{:?}", response.headers);
    }
}
