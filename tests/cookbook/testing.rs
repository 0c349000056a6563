//! Tests of an app: time that a test advances, a user who is logged in.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request, routing::get};
use cloakroom::{
    Session, SessionError, SessionManager,
    store::MemoryStore,
    time::{ManualClock, Timestamp},
    tower::SessionLayer,
};
use tower::ServiceExt as _;

fn app(sessions: SessionManager) -> Router {
    Router::new().route("/account", get(account)).layer(SessionLayer::new(sessions))
}

async fn account(session: Session) -> String {
    session.subject().unwrap_or_else(|| "Please log in".to_owned())
}

/// The manager with a clock that only the test advances.
pub(crate) fn with_manual_clock(sessions: SessionManager) -> (SessionManager, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
    (sessions.clock(Arc::clone(&clock)), clock)
}

async fn get_with(app: &Router, (name, value): &(String, String)) -> String {
    let request = Request::get("/account").header(name, value).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_login_expires_after_half_an_hour_without_activity() -> Result<(), SessionError> {
    let (sessions, clock) = with_manual_clock(SessionManager::new(MemoryStore::new()));
    let app = app(sessions.clone());
    let header = sessions.test_session(|session| session.log_in("alice")).await?;
    assert_eq!(get_with(&app, &header).await, "alice");

    clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(get_with(&app, &header).await, "Please log in");
    Ok(())
}
