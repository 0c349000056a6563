//! Promises 9 and 13, and how cookies are read: whatever the bytes, nothing panics and the work is bounded.

use proptest::prelude::*;

use crate::{
    browser::{Browser, Request, Server, finish},
    probe::Probe,
};

async fn alice() -> (Probe, Browser) {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.logs_in("alice").await;
    (probe, browser)
}

fn with_cookies(header: impl Into<Vec<u8>>) -> Request {
    Request { method: "GET", path: "/", headers: vec![("cookie".into(), header.into())] }
}

async fn subject(browser: &Browser, request: &Request) -> Option<String> {
    let visit = browser.try_visit(request).await.unwrap();
    let subject = visit.session.subject();
    finish(visit, 200).await;
    subject
}

#[tokio::test]
async fn promise_9_any_flipped_bit_and_any_missing_byte_of_a_token_is_refused() {
    let (_, browser) = alice().await;
    let token = browser.cookie.clone().unwrap();
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut flipped = token.clone().into_bytes();
            flipped[at] ^= 1 << bit;
            let header = [b"__Host-id=", &flipped[..]].concat();
            assert_eq!(subject(&browser, &with_cookies(header)).await, None, "byte {at} bit {bit}");
        }
        let header = format!("__Host-id={}", &token[..at]);
        assert_eq!(subject(&browser, &with_cookies(header)).await, None, "prefix of {at}");
    }
}

#[tokio::test]
async fn identical_duplicates_collapse_and_junk_is_passed_over() {
    let (probe, browser) = alice().await;
    let token = browser.cookie.clone().unwrap();
    let junk = "__Host-id=junk; ".repeat(200);
    let header = format!("{junk}__Host-id={token}; a=b; __Host-id={token}; {junk}__Host-id={token}");
    probe.calls();
    assert_eq!(subject(&browser, &with_cookies(header)).await.as_deref(), Some("alice"));
    assert_eq!(probe.calls(), 1);
}

#[tokio::test]
async fn several_cookie_headers_are_read() {
    let (_, browser) = alice().await;
    let token = browser.cookie.clone().unwrap();
    let mut request = with_cookies("a=b");
    request = request.with("cookie", format!("__Host-id={token}"));
    assert_eq!(subject(&browser, &request).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn sixteen_cookies_are_looked_up_and_of_more_none() {
    let (probe, browser) = alice().await;
    for (count, calls) in [(16, 16), (17, 0), (500, 0)] {
        let cookies: Vec<_> = (0..count).map(|n| format!("__Host-id={n:064x}")).collect();
        probe.calls();
        assert_eq!(subject(&browser, &with_cookies(cookies.join("; "))).await, None);
        assert_eq!(probe.calls(), calls);
    }
}

#[tokio::test]
async fn one_live_token_among_dead_ones_counts_wherever_it_stands() {
    let (_, browser) = alice().await;
    let token = browser.cookie.clone().unwrap();
    for at in 0..16 {
        let mut values: Vec<_> = (0..15).map(|n| format!("{n:064x}")).collect();
        values.insert(at, token.clone());
        let header = values.iter().map(|value| format!("__Host-id={value}")).collect::<Vec<_>>().join("; ");
        assert_eq!(subject(&browser, &with_cookies(header)).await.as_deref(), Some("alice"), "at {at}");
    }
}

#[tokio::test]
async fn of_two_tokens_of_one_session_the_newer_counts_wherever_it_stands() {
    for newer_first in [true, false] {
        let (_, mut browser) = alice().await;
        let old = format!("__Host-id={}", browser.cookie.clone().unwrap());
        browser.does(|session| session.renew()).await;
        let new = format!("__Host-id={}", browser.cookie.clone().unwrap());
        let header = if newer_first { format!("{new}; {old}") } else { format!("{old}; {new}") };
        assert_eq!(subject(&browser, &with_cookies(header)).await.as_deref(), Some("alice"));
        assert_eq!(subject(&browser, &with_cookies(old)).await, None, "the new secret was seen");
    }
}

#[tokio::test]
async fn two_different_live_sessions_are_refused_and_a_login_ends_the_doubt() {
    let (_, browser) = alice().await;
    let mut planted = browser.server.browser();
    planted.logs_in("mallory").await;
    let header =
        format!("__Host-id={}; __Host-id={}", browser.cookie.clone().unwrap(), planted.cookie.unwrap());
    let request = with_cookies(header);
    assert_eq!(subject(&browser, &request).await, None);

    let visit = browser.try_visit(&request).await.unwrap();
    visit.session.insert("a", 1).unwrap();
    let response = finish(visit, 200).await;
    assert_eq!((response.status(), response.cookie()), (409, None));

    let visit = browser.try_visit(&request).await.unwrap();
    visit.session.log_in("alice").unwrap();
    assert!(finish(visit, 200).await.cookie().is_some());
}

#[tokio::test]
async fn an_unprefixed_name_has_its_planted_variants_removed() {
    let server =
        Server::new(Probe::default()).with(|sessions| sessions.cookie(cloakroom::Cookie::named("id")));
    let mut tokens = Vec::new();
    for name in ["alice", "mallory"] {
        let visit = server.browser().visit().await;
        visit.session.log_in(name).unwrap();
        let response = finish(visit, 200).await;
        let line = response.header("set-cookie").unwrap().to_owned();
        tokens.push(line.split(';').next().unwrap().to_owned());
    }
    let request = with_cookies(tokens.join("; ")).with("host", "app.example.com:8443");
    let visit = server.browser().try_visit(&request).await.unwrap();
    let response = finish(visit, 200).await;
    let removed: Vec<_> = response.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    assert_eq!(removed.iter().filter(|(_, line)| !line.contains("Partitioned")).count(), 2);
    assert!(removed[0].1.starts_with("id=; Path=/; Domain=app.example.com; Max-Age=0"), "{removed:?}");
    assert!(removed[1].1.starts_with("id=; Path=/; Domain=example.com; Max-Age=0"), "{removed:?}");
}

proptest! {
    #[test]
    fn promise_13_hostile_headers_never_panic_and_never_log_in(
        method in "[A-Z]{0,7}",
        headers in proptest::collection::vec(
            ("(cookie|origin|host|sec-fetch-site)", proptest::collection::vec(any::<u8>(), 0..200)),
            0..8,
        ),
        mut cookies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..8),
        writes in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let browser = Server::new(Probe::default()).browser();
            let mut request = Request { method: Box::leak(method.into_boxed_str()), path: "/", headers };
            for cookie in &mut cookies {
                cookie.splice(0..0, *b"__Host-id=");
                request = request.with("cookie", cookie.clone());
            }
            let visit = browser.try_visit(&request).await.unwrap();
            assert!(visit.session.is_new());
            if writes {
                visit.session.insert("a", 1).unwrap();
            }
            finish(visit, 200).await;
        });
    }
}
