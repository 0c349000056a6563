//! Carts, logins, tabs side by side.

use serde_json::json;

use crate::{app::TABS, device::handed, everywhere::everywhere};

#[test]
fn nothing_is_stored_or_sent_before_something_is_written() {
    everywhere(async |stage| {
        let mut device = stage.device();
        for path in ["/me", "/glance"] {
            let response = device.gets(path).await;
            assert_eq!(response.status, 200);
            assert_eq!(handed(&response), [""; 0]);
            assert_eq!(response.all("vary"), stage.vary);
            assert_eq!(response.header("cache-control"), None);
        }
        assert_eq!(stage.line.calls(), 0);
    });
}

#[test]
fn a_route_that_does_not_ask_for_the_session_costs_no_store_call_and_is_left_alone() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        stage.line.calls();
        for (path, status) in [("/plain", 200), ("/nowhere", 404)] {
            let response = device.gets(path).await;
            assert_eq!(response.status, status);
            assert_eq!(handed(&response), [""; 0]);
            assert_eq!((response.header("vary"), response.header("cache-control")), (None, None));
        }
        assert_eq!(stage.line.calls(), 0);
    });
}

#[test]
fn a_session_is_loaded_once_however_often_a_handler_asks_for_it() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        stage.line.calls();
        assert_eq!(device.gets("/thrice").await.says("alike"), true);
        assert_eq!(stage.line.calls(), 1);
    });
}

#[test]
fn an_optional_session_is_none_until_there_is_one() {
    everywhere(async |stage| {
        let mut device = stage.device();
        assert_eq!(device.gets("/glance").await.says("live"), false);
        device.logs_in("alice").await;
        let response = device.gets("/glance").await;
        assert_eq!((response.says("live"), response.says("subject")), (true.into(), "alice".into()));
    });
}

#[test]
fn a_cart_is_kept_from_request_to_request() {
    everywhere(async |stage| {
        let mut device = stage.device();
        for (count, item) in ["hat", "coat", "scarf"].into_iter().enumerate() {
            let response = device.adds(item).await;
            assert_eq!((response.status, response.says("count")), (200, (count + 1).into()));
        }
        assert_eq!(device.cart().await, ["hat", "coat", "scarf"]);
        assert_eq!(stage.device().cart().await, [""; 0], "everybody has their own");
    });
}

#[test]
fn a_login_keeps_the_cart_and_makes_older_tokens_worthless_where_the_store_can() {
    everywhere(async |stage| {
        let mut device = stage.device();
        device.adds("hat").await;
        let (before, mut planted) = (device.id().await, device.clone());
        assert_eq!(device.logs_in("alice").await.status, 200);
        assert_ne!(device.token(), planted.token());
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
        assert_eq!(device.cart().await, ["hat"]);
        assert_eq!(device.id().await, before, "it is the same session");

        assert_eq!(planted.subject().await, None);
        let left = if stage.refuses_replaced_tokens() { vec![] } else { vec!["hat"] };
        assert_eq!(planted.cart().await, left);
    });
}

#[test]
fn another_subject_finds_nothing_of_the_one_before() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        device.adds("hat").await;
        device.logs_in("alice").await;
        assert_eq!(device.cart().await, ["hat"]);
        device.logs_in("bob").await;
        assert_eq!(device.subject().await.as_deref(), Some("bob"));
        assert_eq!(device.cart().await, [""; 0]);
    });
}

#[test]
fn a_double_clicked_login_is_a_login_with_the_cart_whichever_response_comes_last() {
    everywhere(async |stage| {
        let mut one = stage.device();
        one.adds("hat").await;
        let mut two = one.clone();
        one.logs_in("alice").await;
        two.logs_in("alice").await;
        for mut device in [one, two] {
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
            assert_eq!(device.cart().await, ["hat"]);
        }
    });
}

#[test]
fn tabs_side_by_side_lose_nothing_where_the_store_promises_it() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let order = |item: usize| json!({ "name": item.to_string(), "then": "meet" });
        let tabs: Vec<_> = (0..TABS).map(|item| stage.begin(device.post("/cart", order(item)))).collect();
        for tab in tabs {
            let response = tab.await.unwrap();
            assert_eq!((response.status, response.says("count")), (200, 1.into()), "all began with nothing");
            device.keeps(&response);
        }
        let mut cart: Vec<usize> = device.cart().await.iter().map(|item| item.parse().unwrap()).collect();
        cart.sort_unstable();
        if stage.loses_no_update() {
            assert_eq!(cart, Vec::from_iter(0..TABS));
        } else {
            assert_eq!(cart, [TABS - 1], "the response that came last");
        }
    });
}

#[test]
fn a_write_that_rests_on_an_outdated_read_is_409_where_no_update_is_lost() {
    everywhere(async |stage| {
        let mut device = stage.device();
        device.posts("/label", json!({})).await;
        let slow = stage.begin(device.post("/label", json!({ "then": "wait" })));
        stage.gate().reached().await;
        assert_eq!(device.posts("/label", json!({})).await.status, 200);
        stage.gate().open();
        let slow = slow.await.unwrap();
        if stage.loses_no_update() {
            assert_eq!((slow.status, handed(&slow).len()), (409, 0));
            assert_eq!(slow.header("content-type"), Some("text/plain; charset=utf-8"));
            let told = "Your session changed in the meantime. Reload the page and try again.\n";
            assert_eq!(slow.text(), told, "and not the handler's own words");
        } else {
            assert_eq!(slow.status, 200);
        }
        assert_eq!(device.gets("/me").await.says("label"), 2);
    });
}

#[test]
fn requests_of_one_connection_have_sessions_of_their_own() {
    everywhere(async |stage| {
        let (alice, bob) = (stage.logged_in("alice").await, stage.logged_in("bob").await);
        let mut connection = stage.connect().await;
        for _ in 0..3 {
            for (device, subject) in
                [(&alice, json!("alice")), (&stage.device(), json!(null)), (&bob, json!("bob"))]
            {
                let response = connection.exchange(&device.request("GET", "/me")).await.unwrap();
                assert_eq!(response.says("subject"), subject);
                let added = connection.exchange(&device.post("/cart", json!({}))).await.unwrap();
                assert_eq!(added.status, 200);
                assert_eq!(connection.exchange(&device.request("GET", "/plain")).await.unwrap().status, 200);
            }
        }
    });
}
