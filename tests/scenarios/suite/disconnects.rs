//! Clients that go away before they are answered.

use cloakroom::store::Index;
use serde_json::json;

use crate::{device::Device, everywhere::everywhere, http::Request, stage::Stage};

/// Sends a request, and goes away when its handler waits.
async fn leaves_during(stage: &Stage, request: &Request) {
    let mut connection = stage.connect().await;
    connection.send(request).await.unwrap();
    stage.gate().reached().await;
    drop(connection);
    stage.gate().abandoned().await;
}

/// Waits for what a detached task brings about.
async fn becomes_nobody(mut device: Device<'_>) {
    for _ in 0..1000 {
        if device.clone().subject().await.is_none() && device.cart().await.is_empty() {
            return;
        }
    }
    panic!("it was not carried through");
}

#[test]
fn a_log_out_is_carried_through_when_its_client_goes_away_during_the_handler() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        leaves_during(stage, &device.post("/logout", json!({ "then": "wait" }))).await;
        if stage.revokes() {
            becomes_nobody(device).await;
        } else {
            assert_eq!(device.subject().await.as_deref(), Some("alice"), "nobody took its token");
        }
    });
}

#[test]
fn a_log_out_is_carried_through_when_its_client_goes_away_during_the_write() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let write = stage.line.hold();
        let mut connection = stage.connect().await;
        connection.send(&device.post("/logout", json!({}))).await.unwrap();
        write.reached().await;
        drop(connection);
        stage.gate().abandoned().await;
        write.open();
        if stage.revokes() {
            becomes_nobody(device).await;
        } else {
            assert_eq!(device.subject().await.as_deref(), Some("alice"), "nobody took its token");
        }
    });
}

#[test]
fn a_login_is_carried_through_when_its_client_goes_away() {
    everywhere(async |stage| {
        let mut device = stage.device();
        device.adds("hat").await;
        leaves_during(stage, &device.post("/login", json!({ "then": "wait" }))).await;
        if stage.refuses_replaced_tokens() {
            becomes_nobody(device).await;
        }
        if stage.guarantees.index != Index::None {
            let listed = stage.logged_in("alice").await.gets("/devices").await.says("devices");
            assert_eq!(listed.as_array().unwrap().len(), 2);
        }
    });
}

#[test]
fn the_server_goes_on_when_a_client_goes_away() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        leaves_during(stage, &device.post("/cart", json!({ "name": "hat", "then": "wait" }))).await;
        assert_eq!(device.adds("coat").await.status, 200);
        assert_eq!(device.cart().await.last().map(String::as_str), Some("coat"));
    });
}
