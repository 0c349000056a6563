//! A change of the password, which ends the user's other sessions.

use std::time::Duration;

use axum::{
    Form, Router,
    routing::{get, post},
};
use cloakroom::{
    Session, SessionError, SessionManager,
    store::{MemoryStore, Requirement, UnmetRequirement},
    tower::SessionLayer,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct NewPassword {
    new: String,
}

async fn change_password(session: Session, Form(form): Form<NewPassword>) -> Result<String, SessionError> {
    session.require_login_within(Duration::from_secs(5 * 60))?; // 401: show the login form, then come back
    let Some(user) = session.subject() else { return Ok("Please log in".to_owned()) };
    store_password(&user, &form.new);
    let ended = session.end_others().await?;
    session.log_in(user)?; // a copy of this device's token is worth nothing either
    Ok(format!("Your password is changed; {ended} other devices were signed out."))
}

/// When the program starts: an app that ends sessions from elsewhere needs a store with an index.
fn check(sessions: SessionManager) -> Result<SessionManager, UnmetRequirement> {
    sessions.require([Requirement::Index])
}

fn store_password(_user: &str, _password: &str) {}

async fn log_in(session: Session, name: String) -> Result<(), SessionError> {
    session.log_in(name)
}

async fn who(session: Session) -> String {
    session.subject().unwrap_or_else(|| "anonymous".to_owned())
}

#[tokio::test]
async fn a_new_password_signs_out_the_other_devices_and_no_stranger() {
    let (sessions, clock) = super::testing::with_manual_clock(SessionManager::new(MemoryStore::new()));
    let sessions = check(sessions).unwrap();
    let app = Router::new()
        .route("/", get(who))
        .route("/login", post(log_in))
        .route("/password", post(change_password))
        .layer(SessionLayer::new(sessions));
    let mut browsers = ["alice", "alice", "bob"].map(|name| (name, super::Browser::new(&app)));
    for (name, browser) in &mut browsers {
        browser.post("/login", name).await;
    }
    let [(_, laptop), (_, phone), (_, bobs)] = &mut browsers;
    let mut stolen = laptop.clone();

    let answer = laptop.post("/password", "new=secret").await;
    assert_eq!(answer.text, "Your password is changed; 1 other devices were signed out.");
    assert_eq!(laptop.get("/").await.text, "alice");
    assert_eq!(phone.get("/").await.text, "anonymous");
    assert_eq!(stolen.get("/").await.text, "anonymous");
    assert_eq!(bobs.get("/").await.text, "bob");

    clock.advance(Duration::from_secs(6 * 60));
    assert_eq!(laptop.post("/password", "new=other").await.status, 401, "the login is too old");
}
