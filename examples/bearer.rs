//! A mobile client with a bearer token beside a browser with a cookie, at the same routes: `cargo run --example bearer`, then
//!
//! ```text
//! curl -c jar -d name=alice http://127.0.0.1:3000/login          # a browser gets a cookie
//! curl -b jar http://127.0.0.1:3000/notes
//!
//! token=$(curl -s -d name=alice http://127.0.0.1:3000/token)      # a mobile client gets a token
//! curl -H "Authorization: Bearer $token" -d text=milk http://127.0.0.1:3000/notes
//! curl -H "Authorization: Bearer $token" http://127.0.0.1:3000/notes
//! curl -H "Authorization: Bearer $token" -X DELETE http://127.0.0.1:3000/token
//! ```
//!
//! When the token changes later, the new one is in the response header `Session-Token`. `PORT` names the port, by default
//! 3000; with 0 the system chooses one.

use std::{env, error::Error, io::Write as _, net::Ipv4Addr};

use axum::{
    Form, Router,
    http::StatusCode,
    routing::{get, post},
};
use cloakroom::{
    Bearer, Cookie, Key, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer,
};
use serde::Deserialize;
use tokio::net::TcpListener;

const NOTES: Key<Vec<String>> = Key::new("notes");

#[derive(Deserialize)]
struct Login {
    name: String,
}

/// A real app asks for a proof in both.
async fn log_in(session: Session, Form(login): Form<Login>) -> Result<String, SessionError> {
    session.log_in(&login.name)?;
    Ok(format!("Hello, {}\n", login.name))
}

async fn issue_token(session: Session, Form(login): Form<Login>) -> Result<String, SessionError> {
    session.log_in(login.name)?;
    session.issue_bearer()?;
    session.save().await?; // the token is there once the session is stored
    Ok(session.token().map(|token| token.expose().to_owned()).unwrap_or_default())
}

async fn log_out(session: Session) -> Result<StatusCode, SessionError> {
    session.log_out()?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same for both clients, here and below.
async fn notes(session: Session) -> Result<(StatusCode, String), SessionError> {
    let Some(user) = session.subject() else {
        return Ok((StatusCode::UNAUTHORIZED, "Please log in\n".to_owned()));
    };
    let notes = session.get(NOTES)?.unwrap_or_default();
    Ok((StatusCode::OK, format!("Notes of {user}: {}\n", notes.join(", "))))
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

async fn add_note(session: Session, Form(note): Form<Note>) -> Result<StatusCode, SessionError> {
    if session.subject().is_none() {
        return Ok(StatusCode::UNAUTHORIZED);
    }
    session.update(NOTES, move |notes| notes.push(note.text.clone()))?;
    Ok(StatusCode::CREATED)
}

pub(crate) fn app(sessions: SessionManager) -> Router {
    // Only for plain HTTP on your own machine: `Cookie::default()` in production.
    let cookie = Cookie::insecure_for_local_development("session");
    let sessions = sessions.transports([cookie.into(), Bearer::authorization().into()]);
    Router::new()
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/token", post(issue_token).delete(log_out))
        .route("/notes", get(notes).post(add_note))
        .layer(SessionLayer::new(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionManager::new(MemoryStore::new());
    let port = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, app(sessions)).await?;
    Ok(())
}
