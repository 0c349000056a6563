//! Caches, the cookie's attributes, methods and statuses.

use serde_json::json;

use crate::{
    device::handed,
    everywhere::{everywhere, in_browsers},
    tables::COOKIE,
};

#[test]
fn the_cookie_has_the_safest_attributes() {
    in_browsers(async |stage| {
        let response = stage.device().logs_in("alice").await;
        let line = response.header("set-cookie").unwrap();
        let (pair, attributes) = line.split_once("; ").unwrap();
        let mut attributes: Vec<_> = attributes.split("; ").collect();
        attributes.sort_unstable();
        let expires = "Expires=Tue, 22 Sep 2026 02:13:20 GMT";
        assert_eq!(attributes, [expires, "HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Lax", "Secure"]);
        assert!(pair.strip_prefix(COOKIE).is_some_and(|value| value.len() > 64), "{pair}");
    });
}

#[test]
fn a_response_that_hands_out_a_token_is_stored_by_no_cache_whatever_the_handler_says() {
    everywhere(async |stage| {
        let said = json!([
            ["cache-control", "public, max-age=60"],
            ["cdn-cache-control", "max-age=60"],
            ["surrogate-control", "max-age=60"],
        ]);
        let response = stage.device().posts("/login", json!({ "headers": said })).await;
        assert_eq!(handed(&response).len(), 1);
        assert_eq!(response.all("vary"), stage.vary);
        for header in ["cache-control", "cdn-cache-control", "surrogate-control"] {
            assert_eq!(response.header(header), Some("no-store"), "{header}");
        }
    });
}

#[test]
fn a_response_that_read_a_session_is_private_unless_the_handler_says_otherwise() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let silent = device.gets("/me").await;
        assert_eq!(handed(&silent), [""; 0]);
        assert_eq!(silent.header("cache-control"), Some("private, no-cache"));
        assert_eq!(silent.all("vary"), stage.vary);

        let said =
            json!({ "headers": [["cache-control", "public, max-age=60"], ["vary", "Accept, Cookie"]] });
        let knowing = device.gets_with("/me", &said).await;
        assert_eq!(knowing.header("cache-control"), Some("public, max-age=60"));
        let others = stage.vary.iter().filter(|name| **name != "Cookie");
        assert_eq!(
            knowing.all("vary"),
            Vec::from_iter([&"Accept, Cookie"].into_iter().chain(others).copied())
        );
    });
}

#[test]
fn an_ordinary_change_hands_out_a_token_only_where_the_token_is_the_session() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let response = device.adds("hat").await;
        let expected = usize::from(stage.guarantees.token.is_self_contained());
        assert_eq!(handed(&response).len(), expected);
        let same = device.gets("/me").await;
        assert_eq!(handed(&same), [""; 0]);
    });
}

#[test]
fn the_handlers_own_cookies_stay() {
    in_browsers(async |stage| {
        let said = json!([["set-cookie", "theme=dark"], ["set-cookie", "lang=de"]]);
        let response = stage.device().posts("/login", json!({ "headers": said })).await;
        let lines = response.all("set-cookie");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[..2], ["theme=dark", "lang=de"]);
    });
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    everywhere(async |stage| {
        let device = stage.logged_in("alice").await;
        let mut connection = stage.connect().await;
        for device in [device, stage.device()] {
            let head = connection.exchange(&device.request("HEAD", "/me")).await.unwrap();
            let get = connection.exchange(&device.request("GET", "/me")).await.unwrap();
            assert_eq!(head.status, 200);
            assert_eq!(handed(&head), handed(&get));
            assert_eq!(head.all("vary"), get.all("vary"));
        }
    });
}

#[test]
fn statuses_without_a_body_and_redirects_have_the_sessions_headers_too() {
    everywhere(async |stage| {
        let mut device = stage.device();
        for status in [204, 303, 404] {
            let response = device.posts("/login", json!({ "status": status })).await;
            assert_eq!((response.status, handed(&response).len()), (status, 1));
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
        }
        let unchanged =
            device.gets_with("/me", &json!({ "status": 304, "headers": [["etag", "\"1\""]] })).await;
        assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some("\"1\"")));
        assert_eq!(unchanged.all("vary"), stage.vary);
        assert_eq!(unchanged.header("cache-control"), Some("private, no-cache"));
    });
}

#[test]
fn a_method_that_the_route_does_not_have_touches_no_session() {
    everywhere(async |stage| {
        let device = stage.logged_in("alice").await;
        stage.line.calls();
        let response = stage.exchange(&device.request("OPTIONS", "/me")).await;
        assert_eq!((response.status, handed(&response).len()), (405, 0));
        assert_eq!(stage.line.calls(), 0);
    });
}
