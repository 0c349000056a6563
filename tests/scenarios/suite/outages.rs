//! A store that is out of reach: an error, never "no session", and nothing is lost by it.

use cloakroom::OnOutage;
use serde_json::json;

use crate::{
    device::handed,
    everywhere::{everywhere, everywhere_with},
    http::Response,
    tables::Client,
};

#[track_caller]
fn is_unavailable(response: &Response) {
    assert_eq!(response.status, 503);
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(response.text(), "Sessions are unavailable at the moment. Please try again soon.\n");
}

#[test]
fn an_outage_at_load_is_503_for_required_and_optional_sessions_and_touches_no_token() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        stage.line.cut();
        let responses = [
            device.gets("/me").await,
            device.gets("/glance").await,
            device.adds("hat").await,
            device.logs_out().await,
        ];
        for response in responses {
            is_unavailable(&response);
            assert_eq!(response.header("retry-after"), Some("1"));
            assert_eq!(handed(&response), [""; 0]);
            assert_eq!(response.all("vary"), stage.vary);
        }
        assert_eq!(device.gets("/plain").await.status, 200);
        assert_eq!(stage.device().gets("/me").await.status, 200, "who has no token needs no store");
        stage.line.mend();
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
        assert_eq!(device.cart().await, [""; 0]);
    });
}

#[test]
fn an_outage_at_save_is_503_in_place_of_the_handlers_answer_and_the_session_stays_as_it_was() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        device.adds("hat").await;
        let request = stage.begin(device.post("/cart", json!({ "name": "coat", "then": "wait" })));
        stage.gate().reached().await;
        stage.line.cut();
        stage.gate().open();
        let response = request.await.unwrap();
        is_unavailable(&response);
        assert_eq!(response.header("retry-after"), None, "what was sent may have had its effect");
        assert_eq!(handed(&response), [""; 0]);
        stage.line.mend();
        assert_eq!(device.cart().await, ["hat"]);
    });
}

#[test]
fn a_log_out_that_nobody_confirms_says_so_and_takes_the_cookie_all_the_same() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let mut copy = device.clone();
        let request = stage.begin(device.post("/logout", json!({ "then": "wait" })));
        stage.gate().reached().await;
        stage.line.cut();
        stage.gate().open();
        let response = request.await.unwrap();
        is_unavailable(&response);
        device.keeps(&response);
        assert_eq!(device.token().is_none(), stage.client == Client::Browser);
        stage.line.mend();
        assert_eq!(copy.subject().await.as_deref(), Some("alice"), "it did not end");
    });
}

#[test]
fn carrying_on_anonymous_serves_readers_refuses_writers_and_touches_no_token() {
    everywhere_with(
        |sessions| sessions.on_outage(OnOutage::ServeAnonymous),
        async |stage| {
            let mut device = stage.logged_in("alice").await;
            stage.line.cut();
            assert_eq!(device.gets("/glance").await.says("live"), false);
            assert_eq!(device.subject().await, None);
            for response in [device.adds("hat").await, device.logs_in("bob").await] {
                is_unavailable(&response);
                assert_eq!(handed(&response), [""; 0]);
            }
            let mut copy = device.clone();
            is_unavailable(&copy.logs_out().await);
            assert_eq!(copy.token().is_none(), stage.client == Client::Browser);
            stage.line.mend();
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
        },
    );
}
