//! "Remember me" on a login form.

use std::time::Duration;

use axum::{
    Form, Router,
    response::Redirect,
    routing::{get, post},
};
use cloakroom::{Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};
use serde::Deserialize;

const REMEMBERED_FOR: Duration = Duration::from_secs(14 * 24 * 60 * 60);

#[derive(Deserialize)]
struct Login {
    name: String,
    /// A checkbox: `Some("on")` if it is ticked.
    remember: Option<String>,
}

async fn log_in(session: Session, Form(login): Form<Login>) -> Result<Redirect, SessionError> {
    session.log_in(login.name)?; // after its password was checked
    if login.remember.is_some() {
        session.remember(REMEMBERED_FOR)?;
    }
    Ok(Redirect::to("/"))
}

async fn who(session: Session) -> String {
    session.subject().unwrap_or_else(|| "anonymous".to_owned())
}

fn app(sessions: SessionManager) -> Router {
    Router::new().route("/", get(who)).route("/login", post(log_in)).layer(SessionLayer::new(sessions))
}

#[tokio::test]
async fn a_remembered_login_lasts_until_it_was_unused_for_two_weeks_and_others_for_half_an_hour() {
    let (sessions, clock) = super::testing::with_manual_clock(SessionManager::new(MemoryStore::new()));
    let app = app(sessions);
    let (mut own_laptop, mut library_pc) = (super::Browser::new(&app), super::Browser::new(&app));
    own_laptop.post("/login", "name=alice&remember=on").await;
    library_pc.post("/login", "name=alice").await;

    clock.advance(Duration::from_secs(31 * 60));
    assert_eq!(own_laptop.get("/").await.text, "alice");
    assert_eq!(library_pc.get("/").await.text, "anonymous");

    for _ in 0..3 {
        clock.advance(Duration::from_secs(13 * 24 * 60 * 60));
        assert_eq!(own_laptop.get("/").await.text, "alice");
    }
    clock.advance(REMEMBERED_FOR);
    assert_eq!(own_laptop.get("/").await.text, "anonymous");
}
