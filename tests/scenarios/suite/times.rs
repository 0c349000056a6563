//! Both timeouts, renewal, remember-me. The clock is advanced; nothing waits.

use std::time::Duration;

use serde_json::json;

use crate::{
    device::handed,
    everywhere::{everywhere, in_browsers},
    stage::{DAY, MINUTE},
};

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn an_unused_session_ends() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        stage.clock.advance(30 * MINUTE - MILLISECOND);
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
        stage.clock.advance(30 * MINUTE);
        assert_eq!(device.subject().await, None);
        assert!(device.token().is_some(), "its client still has the token");
    });
}

#[test]
fn use_prolongs_a_session_and_the_absolute_timeout_ends_it_all_the_same() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        for _ in 0..35 {
            stage.clock.advance(20 * MINUTE);
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
        }
        stage.clock.advance(20 * MINUTE);
        assert_eq!(device.subject().await, None, "twelve hours have passed");
    });
}

#[test]
fn what_begins_after_an_end_by_time_is_another_session() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let before = device.id().await;
        stage.clock.advance(31 * MINUTE);
        assert_eq!(device.adds("hat").await.status, 200);
        assert_eq!(device.subject().await, None);
        assert_eq!(device.cart().await, ["hat"]);
        assert_ne!(device.id().await, before);
    });
}

#[test]
fn remember_me_replaces_both_timeouts_within_its_bound() {
    everywhere(async |stage| {
        let mut device = stage.device();
        let asked = (90 * DAY).as_secs();
        device.posts("/login", json!({ "name": "alice", "remember": asked })).await;
        for _ in 0..3 {
            stage.clock.advance(29 * DAY);
            assert_eq!(device.subject().await.as_deref(), Some("alice"));
        }
        stage.clock.advance(30 * DAY);
        assert_eq!(device.subject().await, None, "it was not used for thirty days");
    });
}

#[test]
fn max_age_says_how_long_a_session_can_last_at_the_most() {
    in_browsers(async |stage| {
        for (order, age) in [
            (json!({ "name": "alice" }), "; Max-Age=43200;"),
            (json!({ "name": "alice", "remember": 864_000 }), "; Max-Age=864000;"),
        ] {
            let response = stage.device().posts("/login", order).await;
            assert!(response.header("set-cookie").unwrap().contains(age));
        }
    });
}

#[test]
fn a_renewal_honours_the_old_token_until_the_new_one_is_seen() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let mut other_tab = device.clone();
        assert_eq!(handed(&device.posts("/renew", json!({})).await).len(), 1);
        assert_ne!(device.token(), other_tab.token());
        assert_eq!(other_tab.subject().await.as_deref(), Some("alice"));
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
        let left = if stage.refuses_replaced_tokens() { None } else { Some("alice".to_owned()) };
        assert_eq!(other_tab.subject().await, left, "the new one was seen");
    });
}

#[test]
fn a_renewal_honours_the_old_token_for_thirty_seconds_at_the_most() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let mut other_tab = device.clone();
        device.posts("/renew", json!({})).await;
        stage.clock.advance(Duration::from_secs(30) - MILLISECOND);
        assert_eq!(other_tab.subject().await.as_deref(), Some("alice"));
        stage.clock.advance(MILLISECOND);
        let left = if stage.refuses_replaced_tokens() { None } else { Some("alice".to_owned()) };
        assert_eq!(other_tab.subject().await, left);
        assert_eq!(device.subject().await.as_deref(), Some("alice"));
    });
}
