//! Sessions from outside their requests: a ban, and support that looks at an account as its user sees it.

use axum::{
    Router,
    routing::{get, post},
};
use cloakroom::{Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};

/// In an administrator's request or in a job; a clone of the manager is cheap.
async fn ban(sessions: SessionManager, user: String) -> Result<String, SessionError> {
    mark_as_banned(&user); // first, so that the user cannot log in again
    let ended = sessions.end_sessions_of(&user).await?;
    Ok(format!("{user} is banned; {ended} sessions were ended."))
}

async fn look_as(session: Session, user: String) -> Result<&'static str, SessionError> {
    match session.subject() {
        Some(support) if is_support(&support) => {
            session.act_as(&user)?;
            Ok("You now see what they see.")
        }
        _ => Ok("Please log in as support."),
    }
}

async fn back(session: Session) -> Result<&'static str, SessionError> {
    session.stop_acting()?;
    Ok("You are yourself again.")
}

async fn page(session: Session) -> String {
    let user = session.subject().unwrap_or_else(|| "anonymous".to_owned());
    match session.actor() {
        Some(support) => format!("{support} acts as {user}"),
        None => user,
    }
}

fn mark_as_banned(_user: &str) {}

fn is_support(user: &str) -> bool {
    user == "support"
}

async fn log_in(session: Session, name: String) -> Result<(), SessionError> {
    session.log_in(name)
}

fn app(sessions: SessionManager) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/login", post(log_in))
        .route("/look-as", post(look_as))
        .route("/back", post(back))
        .layer(SessionLayer::new(sessions))
}

#[tokio::test]
async fn a_ban_ends_every_session_of_the_user_and_no_other() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = app(sessions.clone());
    let mut browsers = ["mallory", "mallory", "bob"].map(|name| (name, super::Browser::new(&app)));
    for (name, browser) in &mut browsers {
        browser.post("/login", name).await;
    }
    let answer = ban(sessions, "mallory".to_owned()).await.unwrap();
    assert_eq!(answer, "mallory is banned; 2 sessions were ended.");
    let mut seen = Vec::new();
    for (_, browser) in &mut browsers {
        seen.push(browser.get("/").await.text);
    }
    assert_eq!(seen, ["anonymous", "anonymous", "bob"]);
}

#[tokio::test]
async fn support_sees_what_a_user_sees_and_comes_back() {
    let app = app(SessionManager::new(MemoryStore::new()));
    let mut browser = super::Browser::new(&app);
    browser.post("/login", "support").await;
    assert_eq!(browser.post("/look-as", "bob").await.text, "You now see what they see.");
    assert_eq!(browser.get("/").await.text, "support acts as bob");
    assert_eq!(browser.post("/look-as", "alice").await.text, "Please log in as support.");
    browser.post("/back", "").await;
    assert_eq!(browser.get("/").await.text, "support");
}
