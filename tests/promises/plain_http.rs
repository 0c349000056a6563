//! `Secure` cookies that clients never return: the log says so, once.

use cloakroom::{Cookie, store::MemoryStore};

use crate::{
    browser::{Request, Server, finish},
    events::Events,
};

/// A login that is sent from a page of this origin.
async fn log_in(server: &Server, origin: Option<&str>) {
    let request = Request { method: "POST", path: "/login", headers: Vec::new() };
    let host = origin.and_then(|origin| origin.split_once("://")).map_or("shop.example", |(_, host)| host);
    let request = request.with("host", host);
    let request = origin.into_iter().fold(request, |request, origin| request.with("origin", origin));
    let visit = server.browser().try_visit(&request).await.unwrap();
    visit.session.log_in("alice").unwrap();
    assert!(finish(visit, 200).await.is_ok());
}

#[tokio::test]
async fn a_page_over_plain_http_is_told_by_its_origin() {
    let (events, _guard) = Events::listen();
    let server = Server::new(MemoryStore::new());
    for origin in ["https://shop.example", "http://localhost:3000"] {
        log_in(&server, Some(origin)).await;
    }
    assert!(events.complaints().is_empty());
    let server = Server::new(MemoryStore::new());
    log_in(&server, Some("http://shop.example")).await;
    assert!(events.only_complaint().message.contains("plain HTTP"));
    log_in(&server, Some("http://shop.example")).await;
    assert!(events.complaints().is_empty(), "it is said once");
}

#[tokio::test]
async fn cookies_of_which_none_comes_back_are_noticed() {
    let (events, _guard) = Events::listen();
    let server = Server::new(MemoryStore::new());
    for _ in 0..2 {
        log_in(&server, None).await;
    }
    assert!(events.complaints().is_empty());
    log_in(&server, None).await;
    assert_eq!(events.only_complaint().field("handed_out"), "3");
    log_in(&server, None).await;
    assert!(events.complaints().is_empty(), "it is said once");
}

#[tokio::test]
async fn one_cookie_that_comes_back_is_enough() {
    let (events, _guard) = Events::listen();
    let server = Server::new(MemoryStore::new());
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    browser.subject().await;
    for _ in 0..5 {
        log_in(&server, None).await;
    }
    assert!(events.complaints().is_empty());
}

#[tokio::test]
async fn a_cookie_for_plain_http_is_no_reason_for_a_warning() {
    let (events, _guard) = Events::listen();
    let plain = Cookie::insecure_for_local_development("session");
    let server = Server::new(MemoryStore::new()).with(|sessions| sessions.cookie(plain));
    for _ in 0..5 {
        log_in(&server, Some("http://shop.example")).await;
    }
    assert!(events.complaints().is_empty());
}
