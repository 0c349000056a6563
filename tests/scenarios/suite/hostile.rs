//! Tokens that nobody issued, cookies as nobody should send them, sessions that grow too large.

use serde_json::json;

use crate::{
    device::{Device, handed},
    everywhere::{everywhere, in_browsers},
    http::Request,
    stage::Stage,
    tables::{COOKIE, Client},
};

/// A request that presents these bytes as its token.
fn presenting(stage: &Stage, token: &[u8], method: &'static str, path: &str) -> Request {
    let request = Request::new(method, path);
    match stage.client {
        Client::Browser => request.with("cookie", [COOKIE.as_bytes(), b"=", token].concat()),
        Client::App => request.with("authorization", [b"Bearer ", token].concat()),
    }
}

fn with_cookies(header: String) -> Request {
    Request::new("GET", "/me").with("cookie", header)
}

fn pair(device: &Device<'_>) -> String {
    format!("{COOKIE}={}", device.token().unwrap())
}

/// The token, changed in every way that comes to mind.
fn distorted(token: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        token[1..].to_owned(),
        token[..token.len() - 1].to_owned(),
        token[..token.len() / 2].to_owned(),
        token[..1].to_owned(),
        format!("{token}0"),
        format!("{token}."),
        format!("{token}%20"),
        format!("\"{token}"),
        format!("2~{token}"),
        format!("{token},{token}"),
        token.chars().rev().collect(),
    ]
    .map(String::into_bytes)
    .to_vec();
    for at in (0..token.len()).step_by(7) {
        let mut flipped = token.as_bytes().to_vec();
        flipped[at] = if flipped[at] == b'a' { b'b' } else { b'a' };
        all.push(flipped);
        let mut foreign = token.as_bytes().to_vec();
        foreign[at] = 0xe9;
        all.push(foreign);
    }
    all
}

/// What never was a token anywhere.
fn junk() -> Vec<Vec<u8>> {
    let mut all = vec![b"\xff\xfe\x80".to_vec(), "\u{a0}token\u{a0}".into(), "a".repeat(32 * 1024).into()];
    let texts = [
        "",
        "x",
        "null",
        "\"\"",
        "=",
        "{\"subject\":\"alice\"}",
        "deleted",
        "9~",
        "1~x",
        &"0".repeat(64),
        &"f".repeat(64),
        &"A".repeat(64),
        &"A".repeat(200),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9.AAAA",
    ];
    all.extend(texts.map(|text| text.as_bytes().to_vec()));
    all
}

#[test]
fn a_token_that_nobody_issued_opens_nothing_and_costs_nobody_theirs() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let token = device.token().unwrap().to_owned();
        let mut connection = stage.connect().await;
        for hostile in distorted(&token).iter().chain(&junk()) {
            let request = presenting(stage, hostile, "GET", "/me");
            let response = connection.exchange(&request).await.expect("the connection is kept");
            let shown = String::from_utf8_lossy(&hostile[..hostile.len().min(80)]);
            assert_eq!((response.status, response.says("subject")), (200, json!(null)), "{shown}");
            assert_eq!(handed(&response), [""; 0], "{shown}");
        }
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
    });
}

#[test]
fn a_token_of_another_server_opens_nothing_whatever_its_store() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        for token in stage.foreign_tokens().await {
            let response = stage.exchange(&presenting(stage, token.as_bytes(), "GET", "/me")).await;
            assert_eq!((response.status, response.says("subject")), (200, json!(null)));
            assert_eq!(handed(&response), [""; 0]);
        }
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
    });
}

#[test]
fn an_unknown_token_never_becomes_a_sessions() {
    everywhere(async |stage| {
        for forged in ["0".repeat(64), "f".repeat(64), "A".repeat(200)] {
            let order = json!({ "name": "hat", "app": stage.client == Client::App });
            let request = presenting(stage, forged.as_bytes(), "POST", "/cart").body(&order);
            let mut device = stage.device();
            assert_eq!(device.sends(&request).await.status, 200);
            let issued = device.token().expect("a token of its own");
            assert!(!issued.contains(&forged[..16]));
            assert_eq!(device.cart().await, ["hat"]);
        }
    });
}

#[test]
fn identical_duplicates_collapse_and_junk_is_passed_over() {
    in_browsers(async |stage| {
        let device = stage.logged_in("alice").await;
        let (own, junk) = (pair(&device), format!("{COOKIE}=junk; ").repeat(200));
        stage.line.calls();
        let messy = format!("{junk}{own}; a=b; {own};; {junk}{own}; =; {}=x", COOKIE.to_lowercase());
        assert_eq!(stage.exchange(&with_cookies(messy)).await.says("subject"), "alice");
        assert_eq!(stage.line.calls(), 1);
        let several = with_cookies("a=b".into()).with("cookie", own).with("cookie", "c=d");
        assert_eq!(stage.exchange(&several).await.says("subject"), "alice");
    });
}

#[test]
fn five_hundred_cookies_cost_no_store_call() {
    in_browsers(async |stage| {
        let mut token = stage.logged_in("alice").await.token().unwrap().to_owned();
        let end = token.split_off(token.len() - 3);
        let forged = (0..500).map(|n| format!("{COOKIE}={token}{n:03}")).filter(|pair| !pair.ends_with(&end));
        let pairs: Vec<_> = forged.take(60_000 / (token.len() + 20)).collect();
        stage.line.calls();
        let response = stage.exchange(&with_cookies(pairs.join("; "))).await;
        assert_eq!((response.status, response.says("subject")), (200, json!(null)));
        assert_eq!(stage.line.calls(), 0);
    });
}

#[test]
fn a_few_forged_tokens_in_front_of_a_live_one_hide_it_from_no_reader_and_no_writer() {
    in_browsers(async |stage| {
        let device = stage.logged_in("alice").await;
        let own = pair(&device);
        let forged: Vec<_> = (0..15)
            .map(|at| {
                let mut forged = own.clone().into_bytes();
                let place = forged.len() - 5 - at;
                forged[place] = if forged[place] == b'a' { b'b' } else { b'a' };
                String::from_utf8(forged).unwrap()
            })
            .collect();
        let all = format!("{}; {own}", forged.join("; "));
        assert_eq!(stage.exchange(&with_cookies(all.clone())).await.says("subject"), "alice");
        let write = Request::new("POST", "/cart").with("cookie", all).body(&json!({ "name": "hat" }));
        let mut device = device.clone();
        assert_eq!(device.sends(&write).await.status, 200);
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
        assert_eq!(device.cart().await, ["hat"]);
    });
}

#[test]
fn a_token_in_quotes_is_the_token() {
    in_browsers(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let header = format!("$Version=\"1\"; {COOKIE}=\"{}\";$Path=\"/\"", device.token().unwrap());
        assert_eq!(stage.exchange(&with_cookies(header)).await.says("subject"), "alice");
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
    });
}

#[test]
fn two_different_live_sessions_are_refused_and_a_login_ends_the_doubt() {
    in_browsers(async |stage| {
        let (own, planted) = (stage.logged_in("alice").await, stage.logged_in("mallory").await);
        let both = format!("{}; {}", pair(&own), pair(&planted));
        assert_eq!(stage.exchange(&with_cookies(both.clone())).await.says("subject"), json!(null));

        let post = |path: &str| Request::new("POST", path).with("cookie", both.clone()).body(&json!({}));
        let refused = stage.exchange(&post("/cart")).await;
        assert_eq!((refused.status, handed(&refused).len()), (409, 0));
        let mut fresh = stage.device();
        assert_eq!(fresh.sends(&post("/login")).await.status, 200);
        assert_eq!(fresh.subject().await.as_deref(), Some("alice"));
    });
}

#[test]
fn a_session_that_would_grow_too_large_is_413_and_stays_as_it_was() {
    everywhere(async |stage| {
        let limit = stage.max_data();
        let mut device = stage.logged_in("alice").await;
        let response = device.posts("/blob", json!({ "len": limit })).await;
        assert_eq!((response.status, handed(&response).len()), (413, 0));
        assert_eq!(response.text(), "Your session holds too much. Remove something and try again.\n");
        let explained = device.posts("/blob/explained", json!({ "len": limit })).await;
        assert_eq!((explained.status, explained.says("limit")), (200, limit.into()));
        assert!(explained.says("size").as_u64().unwrap() > limit as u64);
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
    });
}

/// Some stores need several cookies for it.
#[test]
fn a_session_of_the_largest_size_is_kept_and_taken_back_whole() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let len = stage.max_data() - 64;
        let response = device.posts("/blob", json!({ "len": len })).await;
        assert_eq!(response.status, 200);
        for line in response.all("set-cookie") {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.len() + value.len() <= 4096, "browsers take no more");
        }
        assert_eq!(device.gets("/me").await.says("blob"), len);
        device.logs_out().await;
        assert!(device.holds_nothing());
    });
}
