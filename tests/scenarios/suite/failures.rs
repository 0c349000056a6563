//! Handlers and middleware that fail or panic.

use serde_json::json;

use crate::{
    app::FAIL_LATER,
    device::{Device, handed},
    everywhere::everywhere,
    http::Request,
    tables::Client,
};

/// The ways in which a request can fail with a status: its handler answers so, fails so, or a middleware behind it does.
fn failing(device: &Device<'_>, path: &str, status: u16) -> [Request; 3] {
    let later = device.post(path, json!({}));
    [
        device.post(path, json!({ "status": status })),
        device.post(path, json!({ "then": "fail", "status": status })),
        later.with(FAIL_LATER, status.to_string()),
    ]
}

#[test]
fn a_server_error_keeps_no_change() {
    everywhere(async |stage| {
        let mut device = stage.device();
        device.adds("hat").await;
        for path in ["/cart", "/login"] {
            for request in failing(&device, path, 500) {
                let response = device.sends(&request).await;
                assert_eq!((response.status, handed(&response).len()), (500, 0), "{request:?}");
            }
        }
        assert_eq!(device.subject().await, None);
        assert_eq!(device.cart().await, ["hat"]);
    });
}

#[test]
fn any_other_failure_keeps_its_changes_and_hands_out_its_token() {
    everywhere(async |stage| {
        for which in 0..3 {
            let mut device = stage.device();
            let request = failing(&device, "/login", 418)[which].clone();
            let response = device.sends(&request).await;
            assert_eq!((response.status, handed(&response).len()), (418, 1), "{request:?}");
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_eq!(response.all("vary"), stage.vary);
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
        }
    });
}

#[test]
fn a_log_out_is_kept_whatever_fails_and_takes_the_cookie() {
    everywhere(async |stage| {
        for which in 0..3 {
            let mut device = stage.logged_in("alice").await;
            let mut copy = device.clone();
            let request = failing(&device, "/logout", 500)[which].clone();
            let response = device.sends(&request).await;
            assert_eq!(response.status, 500);
            if stage.client == Client::Browser {
                assert_eq!(device.token(), None, "{request:?}");
            }
            let left = if stage.revokes() { None } else { Some("alice".to_owned()) };
            assert_eq!(copy.subject().await, left, "{request:?}");
        }
    });
}

#[test]
fn a_panic_keeps_no_change_but_a_log_out_and_the_server_goes_on() {
    everywhere(async |stage| {
        let mut device = stage.device();
        device.adds("hat").await;
        for path in ["/cart", "/login"] {
            let request = device.post(path, json!({ "then": "panic" }));
            assert!(stage.connect().await.exchange(&request).await.is_none(), "nobody can answer");
        }
        assert_eq!(device.subject().await, None);
        assert_eq!(device.cart().await, ["hat"]);

        let request = device.post("/logout", json!({ "then": "panic" }));
        assert!(stage.connect().await.exchange(&request).await.is_none());
        if stage.revokes() {
            for _ in 0..1000 {
                if device.cart().await.is_empty() {
                    return;
                }
            }
            panic!("the log-out was not carried through");
        }
    });
}
