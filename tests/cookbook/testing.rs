//! Tests of an app: time that a test advances, a user who is logged in.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, header::COOKIE},
    routing::get,
};
use cloakroom::{
    RequestHead, Session, SessionError, SessionManager,
    manager::Finish,
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

/// The `Cookie` header of a browser in which `user` is logged in.
pub(crate) async fn logged_in(sessions: &SessionManager, user: &str) -> Result<String, SessionError> {
    let exchange = sessions.exchange("/");
    let head = RequestHead { method: "POST", authority: None, headers: &HeaderMap::new() };
    exchange.lazy().load(&head).await?.log_in(user)?;
    let finished = match exchange.finish(200) {
        Finish::Ready(finished) => finished,
        Finish::Pending(finished) => finished.await,
    };
    let mut headers = HeaderMap::new();
    finished.apply(&mut headers);
    let line = headers["set-cookie"].to_str().expect("a cookie is ASCII");
    Ok(line.split(';').next().unwrap_or_default().to_owned())
}

async fn get_with(app: &Router, cookie: &str) -> String {
    let request = Request::get("/account").header(COOKIE, cookie).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_login_expires_after_half_an_hour_without_activity() -> Result<(), SessionError> {
    let (sessions, clock) = with_manual_clock(SessionManager::new(MemoryStore::new()));
    let app = app(sessions.clone());
    let cookie = logged_in(&sessions, "alice").await?;
    assert_eq!(get_with(&app, &cookie).await, "alice");

    clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(get_with(&app, &cookie).await, "Please log in");
    Ok(())
}
