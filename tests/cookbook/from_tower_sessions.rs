//! A small app, as `coming-from-tower-sessions.md` shows it.

use std::time::Duration;

use axum::{
    Router,
    routing::{get, post},
};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer,
};

const VISITS: Key<u32> = Key::new("visits");

async fn index(session: Session) -> Result<String, SessionError> {
    let visits = session.update(VISITS, |visits| {
        *visits += 1;
        *visits
    })?;
    let user = session.subject().unwrap_or_else(|| "stranger".to_owned());
    Ok(format!("Hello {user}, visit number {visits}"))
}

async fn log_in(session: Session, name: String) -> Result<(), SessionError> {
    session.log_in(name)
}

async fn log_out(session: Session) -> Result<(), SessionError> {
    session.log_out()
}

fn app() -> Router {
    let sessions = SessionManager::new(MemoryStore::new())
        .cookie(Cookie::insecure_for_local_development("session"))
        .idle_timeout(Duration::from_secs(10 * 60));
    Router::new()
        .route("/", get(index))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .layer(SessionLayer::new(sessions))
}

#[tokio::test]
async fn it_counts_visits_across_a_login_and_begins_anew_after_a_logout() {
    let mut browser = super::Browser::new(&app());
    assert_eq!(browser.get("/").await.text, "Hello stranger, visit number 1");
    browser.post("/login", "alice").await;
    assert_eq!(browser.get("/").await.text, "Hello alice, visit number 2");
    browser.post("/logout", "").await;
    assert_eq!(browser.get("/").await.text, "Hello stranger, visit number 1");
}
