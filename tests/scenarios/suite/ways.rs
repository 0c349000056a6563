//! Cookies beside bearer tokens.

use serde_json::json;

use crate::{
    device::handed,
    everywhere::{everywhere, in_apps, wherever},
    http::Request,
    tables::{COOKIE, Client},
};

#[test]
fn a_client_gets_its_tokens_in_its_own_way_and_in_no_other() {
    everywhere(async |stage| {
        let mut device = stage.device();
        let responses = [
            device.adds("hat").await,
            device.logs_in("alice").await,
            device.posts("/renew", json!({})).await,
            device.posts("/farewell", json!({ "name": "leaflet" })).await,
        ];
        for response in &responses[..3] {
            let bearers = usize::from(stage.client == Client::App);
            assert_eq!(response.all("session-token").len(), bearers);
            assert_eq!(response.all("set-cookie").len(), 1 - bearers);
        }
        assert_eq!(device.cart().await, ["leaflet"]);
        let last = handed(&responses[3]);
        assert!(last.last().unwrap().contains(device.token().unwrap()));
    });
}

#[test]
fn the_scheme_is_read_without_regard_to_case_and_no_other_is() {
    in_apps(async |stage| {
        let device = stage.logged_in("alice").await;
        let token = device.token().unwrap();
        let subject = async |value: String| {
            let request = Request::new("GET", "/me").with("authorization", value);
            stage.exchange(&request).await.says("subject")
        };
        for scheme in ["Bearer ", "bearer ", "BEARER  "] {
            assert_eq!(subject(format!("{scheme}{token}")).await, "alice");
        }
        for scheme in ["", "Basic ", "Token ", "Bearer"] {
            assert_eq!(subject(format!("{scheme}{token}")).await, json!(null), "{scheme:?}");
        }
        let cookie = Request::new("GET", "/me").with("cookie", format!("session-token={token}"));
        assert_eq!(stage.exchange(&cookie).await.says("subject"), json!(null));
    });
}

/// Two clients that present what each other holds, in one request.
#[test]
fn the_first_way_that_brings_a_token_counts() {
    wherever(
        |transport| (transport.ways)().len() == 2,
        async |stage| {
            let log_in = async |name: &str, app: bool| {
                let request = Request::new("POST", "/login").body(&json!({ "name": name, "app": app }));
                let response = stage.exchange(&request).await;
                let token = handed(&response)[0].split(';').next().unwrap().to_owned();
                token.strip_prefix(&format!("{COOKIE}=")).map_or(token.clone(), str::to_owned)
            };
            let (cookie, bearer) = (log_in("alice", false).await, log_in("bob", true).await);
            let subject = async |cookie: &str| {
                let request = Request::new("GET", "/me").with("authorization", format!("Bearer {bearer}"));
                stage.exchange(&request.with("cookie", format!("{COOKIE}={cookie}"))).await.says("subject")
            };
            assert_eq!(subject(&cookie).await, "alice");
            assert_eq!(subject("junk").await, "bob");
        },
    );
}

/// A genuine token in the wrong place opens nothing.
#[test]
fn a_way_that_the_manager_does_not_have_is_not_read() {
    wherever(
        |transport| (transport.ways)().len() == 1,
        async |stage| {
            let device = stage.logged_in("alice").await;
            let token = device.token().unwrap();
            let request = Request::new("GET", "/me");
            let request = match stage.client {
                Client::Browser => request.with("authorization", format!("Bearer {token}")),
                Client::App => request.with("cookie", format!("{COOKIE}={token}")),
            };
            assert_eq!(stage.exchange(&request).await.says("subject"), json!(null));
        },
    );
}
