//! Logouts, here and from elsewhere.

use cloakroom::{
    OnTooManySessions, SessionManager,
    store::{Index, ResponseReordering, Revocation},
};
use serde_json::json;

use crate::{
    device::handed,
    everywhere::{everywhere, everywhere_with},
    stage::{MINUTE, Stage},
    tables::Client,
};

#[test]
fn a_log_out_takes_the_token_back_and_ends_every_copy_where_the_store_can() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let mut copy = device.clone();
        let response = device.logs_out().await;
        assert_eq!(response.status, 200);
        match stage.client {
            Client::Browser => assert!(response.header("set-cookie").unwrap().contains("; Max-Age=0;")),
            Client::App => assert_eq!(handed(&response), [""; 0]),
        }
        assert_eq!(device.token(), None);
        assert_eq!(device.subject().await, None);
        let left = if stage.revokes() { None } else { Some("alice".to_owned()) };
        assert_eq!(copy.subject().await, left);
    });
}

#[test]
fn a_late_save_does_not_bring_a_session_back_where_late_responses_are_harmless() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let late = stage.begin(device.post("/cart", json!({ "then": "wait" })));
        stage.gate().reached().await;
        device.logs_out().await;
        stage.gate().open();
        let late = late.await.unwrap();
        device.keeps(&late);
        let ends = stage.guarantees.revocation != Revocation::AtExpiry;
        if ends || stage.guarantees.response_reordering == ResponseReordering::Harmless {
            assert_eq!((late.status, handed(&late).len()), (409, 0));
            assert_eq!(device.subject().await, None);
        } else {
            assert_eq!(late.status, 200);
            assert_eq!(device.subject().await.as_deref(), Some("alice"), "as its guarantees say");
        }
    });
}

#[test]
fn an_old_token_is_no_dead_end() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let mut missed_it = device.clone();
        device.logs_out().await;
        if !stage.revokes() {
            return;
        }
        let early = missed_it.adds("hat").await;
        assert_eq!((early.status, handed(&early).len()), (409, 0), "its client may hold a newer token");
        stage.clock.advance(2 * MINUTE);
        assert_eq!(missed_it.adds("coat").await.status, 200);
        assert_eq!(missed_it.subject().await, None);
        assert_eq!(missed_it.cart().await, ["coat"]);
    });
}

#[test]
fn what_is_written_after_a_log_out_belongs_to_a_new_session() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        device.adds("hat").await;
        let before = device.id().await;
        assert_eq!(device.posts("/farewell", json!({ "name": "leaflet" })).await.status, 200);
        assert_eq!(device.subject().await, None);
        assert_eq!(device.cart().await, ["leaflet"]);
        assert_ne!(device.id().await, before);
    });
}

#[test]
fn other_devices_are_listed_and_ended_from_here_where_the_store_has_an_index() {
    everywhere(async |stage| {
        if stage.guarantees.index == Index::None {
            return;
        }
        let mut laptop = stage.logged_in("alice").await;
        let mut phone = stage.logged_in("alice").await;
        let mut tablet = stage.logged_in("alice").await;
        let listed = laptop.gets("/devices").await.says("devices");
        assert_eq!(listed.as_array().unwrap().len(), 3);

        let late = stage.begin(phone.post("/cart", json!({ "then": "wait" })));
        stage.gate().reached().await;
        let id = phone.id().await;
        assert_eq!(laptop.posts("/devices/end", json!({ "id": id })).await.says("ended"), true);
        assert_eq!(laptop.posts("/devices/end", json!({ "id": id })).await.says("ended"), false);
        stage.gate().open();
        let late = late.await.unwrap();
        assert_eq!((late.status, handed(&late).len()), (409, 0));
        assert_eq!(phone.subject().await, None);

        assert_eq!(laptop.posts("/devices/end-others", json!({})).await.says("ended"), 1);
        assert_eq!(tablet.subject().await, None);
        assert_eq!(laptop.subject().await.as_deref(), Some("alice"));

        let mut desktop = stage.logged_in("alice").await;
        assert_eq!(laptop.posts("/devices/end-all", json!({})).await.says("ended"), 2);
        assert_eq!(laptop.token(), None);
        assert_eq!((laptop.subject().await, desktop.subject().await), (None, None));
    });
}

#[test]
fn nobody_ends_a_strangers_session() {
    everywhere(async |stage| {
        let (mut alice, mut stranger) = (stage.logged_in("alice").await, stage.logged_in("mallory").await);
        let id = alice.id().await;
        assert_ne!(stranger.posts("/devices/end", json!({ "id": id })).await.says("ended"), true);
        stranger.posts("/devices/end-others", json!({})).await;
        assert_eq!(alice.subject().await.as_deref(), Some("alice"));
    });
}

#[test]
fn ending_what_the_store_cannot_end_is_an_error_that_ends_nothing() {
    everywhere(async |stage| {
        if stage.guarantees.index != Index::None || stage.guarantees.revocation != Revocation::AtExpiry {
            return;
        }
        let (mut laptop, mut phone) = (stage.logged_in("alice").await, stage.logged_in("alice").await);
        let id = phone.id().await;
        assert_eq!(laptop.gets("/devices").await.status, 500);
        for path in ["/devices/end", "/devices/end-others", "/devices/end-all"] {
            let response = laptop.posts(path, json!({ "id": id })).await;
            assert_eq!((response.status, handed(&response).len()), (500, 0));
            assert_eq!(response.text(), "Something went wrong with your session.\n");
        }
        assert_eq!(laptop.subject().await.as_deref(), Some("alice"));
        assert_eq!(phone.subject().await.as_deref(), Some("alice"));
    });
}

#[test]
fn all_devices_end_and_may_log_in_again_where_the_store_lists_none_but_revokes() {
    everywhere(async |stage| {
        if stage.guarantees.index != Index::None || !stage.revokes() {
            return;
        }
        let (mut laptop, mut phone) = (stage.logged_in("alice").await, stage.logged_in("alice").await);
        assert_eq!(laptop.gets("/devices").await.status, 500);
        assert_eq!(laptop.posts("/devices/end-others", json!({})).await.status, 200);
        assert_eq!(laptop.subject().await.as_deref(), Some("alice"));
        assert_eq!(phone.subject().await, None);
        let mut phone = stage.logged_in("alice").await;
        assert_eq!(laptop.posts("/devices/end-all", json!({})).await.status, 200);
        assert_eq!(laptop.subject().await, None);
        assert_eq!(phone.subject().await, None);
    });
}

#[test]
fn a_login_too_many_ends_the_session_used_the_longest_ago() {
    let rules = |sessions: SessionManager| sessions.sessions_per_subject(2, OnTooManySessions::EndOldest);
    everywhere_with(rules, async |stage| {
        if has_no_index(stage).await {
            return;
        }
        let mut devices = Vec::new();
        for _ in 0..2 {
            devices.push(stage.logged_in("alice").await);
            stage.clock.advance(MINUTE);
        }
        // The first one is used after the second.
        stage.clock.advance(2 * MINUTE);
        assert_eq!(devices[0].subject().await.as_deref(), Some("alice"));
        let mut bob = stage.logged_in("bob").await;
        devices.push(stage.logged_in("alice").await);
        let mut left = Vec::new();
        for device in &mut devices {
            left.push(device.subject().await.is_some());
        }
        assert_eq!(left, [true, false, true]);
        assert_eq!(bob.subject().await.as_deref(), Some("bob"), "others are not concerned");
        assert_eq!(devices[2].logs_in("alice").await.status, 200, "the same device again is no other one");
        assert!(devices[0].subject().await.is_some());
    });
}

#[test]
fn a_login_too_many_is_refused_where_none_is_to_make_room() {
    let rules = |sessions: SessionManager| sessions.sessions_per_subject(1, OnTooManySessions::Refuse);
    everywhere_with(rules, async |stage| {
        if has_no_index(stage).await {
            return;
        }
        let mut first = stage.logged_in("alice").await;
        let mut second = stage.device();
        second.adds("hat").await;
        assert_eq!(second.logs_in("alice").await.status, 403);
        assert_eq!((second.subject().await, second.cart().await), (None, vec!["hat".to_owned()]));
        first.logs_out().await;
        assert_eq!(second.logs_in("alice").await.status, 200, "there is room now");
    });
}

/// Whether the store cannot count sessions; then logins must say so.
async fn has_no_index(stage: &Stage) -> bool {
    let none = stage.guarantees.index == Index::None;
    if none {
        assert_eq!(
            stage.device().logs_in("alice").await.status,
            500,
            "a limit that cannot be kept is no limit"
        );
    }
    none
}
