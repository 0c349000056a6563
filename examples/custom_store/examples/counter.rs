//! Counts a browser's visits in a session that survives a restart: `cargo run --example counter`, visit
//! <http://127.0.0.1:3000> a few times, stop the program, start it again and go on counting.

use std::{error::Error, time::Duration};

use axum::{Router, routing::get};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager, store::RecordStore, tower::SessionLayer,
};
use custom_store::RedbBackend;
use redb::Database;

const VISITS: Key<u32> = Key::new("visits");

async fn count(session: Session) -> Result<String, SessionError> {
    session.update(VISITS, |visits| *visits += 1)?;
    Ok(format!("Visits: {}\n", session.get(VISITS)?.unwrap_or_default()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = RecordStore::from_backend(RedbBackend::open(|| Database::create("sessions.redb"))?);
    let sessions = SessionManager::new(store)
        .idle_timeout(Duration::from_secs(30 * 60))
        // Only for plain HTTP on your own machine; leave it out in production.
        .cookie(Cookie::insecure_for_local_development("session"));
    let app = Router::new().route("/", get(count)).layer(SessionLayer::new(sessions));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
