//! A message that is shown once, on the next page.

use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};
use cloakroom::{Key, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};

// Losing a message to another tab does no harm, and no page should fail because of one.
const NOTICE: Key<String> = Key::new("notice").last_writer_wins();

async fn save_settings(session: Session) -> Result<Redirect, SessionError> {
    session.insert(NOTICE, "Your settings are saved.".to_owned())?;
    Ok(Redirect::to("/"))
}

async fn front_page(session: Session) -> Result<String, SessionError> {
    // Only a page that has a message to show writes the session.
    let notice = if session.contains(NOTICE) { session.take(NOTICE)? } else { None };
    Ok(notice.unwrap_or_else(|| "Welcome".to_owned()))
}

#[tokio::test]
async fn a_message_is_shown_once() {
    let app = Router::new()
        .route("/", get(front_page))
        .route("/settings", post(save_settings))
        .layer(SessionLayer::new(SessionManager::new(MemoryStore::new())));
    let mut browser = super::Browser::new(&app);
    assert_eq!(browser.get("/").await.text, "Welcome");
    assert!(browser.cookies.is_empty(), "there was nothing to keep");
    assert_eq!(browser.post("/settings", "").await.location, "/");
    assert_eq!(browser.get("/").await.text, "Your settings are saved.");
    assert_eq!(browser.get("/").await.text, "Welcome");
}
