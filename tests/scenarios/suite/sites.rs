//! Requests that another site began: they change nothing, for nobody.

use serde_json::json;

use crate::{
    device::{Device, handed},
    everywhere::{in_apps, in_browsers, in_browsers_with},
    http::Request,
};

/// The request as a page of another site makes a browser send it.
fn forged(request: &Request) -> [Request; 3] {
    [
        request.clone().with("sec-fetch-site", "cross-site"),
        request.clone().with("origin", "https://evil.example"),
        request.clone().with("origin", "null"),
    ]
}

fn post(device: &Device<'_>, path: &str) -> Request {
    device.post(path, json!({ "name": "mallory" }))
}

#[test]
fn another_site_can_neither_log_a_visitor_in_nor_out_nor_change_anything() {
    in_browsers(async |stage| {
        let (mut device, mut other) = (stage.logged_in("alice").await, stage.logged_in("alice").await);
        for path in ["/login", "/logout", "/cart", "/devices/end-others", "/devices/end-all"] {
            for request in forged(&post(&device, path)) {
                let response = device.sends(&request).await;
                assert_eq!((response.status, handed(&response).len()), (403, 0), "{path}");
                assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
                assert_eq!(response.text(), "This request came from another site and was refused.\n");
            }
        }
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
        assert_eq!(device.cart().await, [""; 0]);
        assert_eq!(other.subject().await.as_deref(), Some("alice"));

        let mut victim = stage.device();
        for request in forged(&post(&victim, "/login")) {
            assert_eq!(victim.sends(&request).await.status, 403);
        }
        assert_eq!(victim.token(), None);
    });
}

#[test]
fn looking_is_not_refused() {
    in_browsers(async |stage| {
        let mut device = stage.logged_in("alice").await;
        for request in forged(&device.request("GET", "/me")) {
            let response = device.sends(&request).await;
            assert_eq!((response.status, response.says("subject")), (200, json!("alice")));
        }
    });
}

#[test]
fn a_path_can_be_allowed_and_exactly_that() {
    in_browsers(async |stage| {
        let mut device = stage.device();
        for request in forged(&post(&device, "/callback?code=1")) {
            assert_eq!(device.sends(&request).await.status, 200);
        }
        assert_eq!(device.subject().await.as_deref(), Some("mallory"));
    });
}

/// A browser keeps a `SameSite=Lax` cookie back from a form that another site posts, but would take a new one for it.
#[test]
fn what_a_request_without_its_cookie_writes_displaces_no_session() {
    in_browsers_with(
        |sessions| sessions.allow_cross_site("/cart"),
        async |stage| {
            let mut device = stage.logged_in("alice").await;
            for request in forged(&post(&stage.device(), "/cart")) {
                let response = device.sends(&request).await;
                assert_eq!((response.status, handed(&response).len()), (200, 0));
            }
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
            assert_eq!(device.cart().await, [""; 0]);
        },
    );
}

#[test]
fn a_pattern_allows_the_paths_that_it_matches() {
    in_browsers_with(
        |sessions| sessions.allow_cross_site("/{any}"),
        async |stage| {
            let mut device = stage.logged_in("alice").await;
            for (path, status) in [("/cart", 200), ("/devices/end-all", 403)] {
                for request in forged(&post(&device, path)) {
                    assert_eq!(device.sends(&request).await.status, status, "{path}");
                }
            }
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
        },
    );
}

#[test]
fn the_pages_of_a_trusted_origin_change_sessions() {
    in_browsers_with(
        |sessions| sessions.trusted_origins(["https://app.example"]),
        async |stage| {
            let mut device = stage.logged_in("alice").await;
            for site in [None, Some("cross-site")] {
                let request = post(&device, "/cart").with("origin", "https://app.example");
                let request =
                    site.into_iter().fold(request, |request, site| request.with("sec-fetch-site", site));
                assert_eq!(device.sends(&request).await.status, 200);
            }
            assert_eq!(device.cart().await.len(), 2);
        },
    );
}

#[test]
fn requests_of_ones_own_site_are_served() {
    in_browsers(async |stage| {
        let mut device = stage.device();
        let request = post(&device, "/login");
        for own in ["same-origin", "same-site", "none"] {
            let own = request.clone().with("sec-fetch-site", own).with("origin", "https://other.example");
            assert_eq!(device.sends(&own).await.status, 200);
        }
        let own = request.with("origin", format!("http://{}", stage.host()));
        assert_eq!(device.sends(&own).await.status, 200);
    });
}

/// No page of another site can make a browser send such a header.
#[test]
fn a_request_with_a_bearer_token_is_never_cross_site() {
    in_apps(async |stage| {
        let mut device = stage.logged_in("alice").await;
        for request in forged(&post(&device, "/cart")) {
            assert_eq!(device.sends(&request).await.status, 200);
        }
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
    });
}
