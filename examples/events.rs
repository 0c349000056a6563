//! An event stream that outlives its response, and ends when its session is logged out: `cargo run --example events`, then open
//! <http://127.0.0.1:3000> in two tabs and log out in one of them. Without a browser:
//!
//! ```text
//! curl -c jar http://127.0.0.1:3000/
//! curl -b jar -N http://127.0.0.1:3000/events &
//! curl -b jar -X POST http://127.0.0.1:3000/logout
//! ```
//!
//! A handler that serves a websocket works in the same way: `keep_open` before its response, and `save` after each change.
//! `PORT` names the port, by default 3000; with 0 the system chooses one.

use std::{env, error::Error, io::Write as _, net::Ipv4Addr, time::Duration};

use axum::{
    Router,
    http::StatusCode,
    response::{
        Html, IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{get, post},
};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer,
};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::{net::TcpListener, time};

/// How many seconds this session has spent here, in all of its tabs. It is no loss if two tabs count the same second once.
const SECONDS: Key<u32> = Key::new("seconds").last_writer_wins();

async fn page(session: Session) -> Result<Html<&'static str>, SessionError> {
    // The session has to be stored before the stream begins: a stream cannot hand out a cookie.
    session.update(SECONDS, |_| ())?;
    Ok(Html(
        r#"<p id="seconds">0</p>
           <button onclick="fetch('/logout', { method: 'POST' })">Log out</button>
           <script>
             const events = new EventSource("/events");
             events.onmessage = event => seconds.textContent = event.data;
             events.onerror = () => { events.close(); seconds.textContent = "You are logged out."; };
           </script>"#,
    ))
}

async fn events(session: Session) -> Result<Response, SessionError> {
    if session.is_new() {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    session.keep_open()?;
    Ok(Sse::new(ticks(session).map(|second| second.map(|second| Event::default().data(second))))
        .into_response())
}

/// Counts seconds in the session until it can no longer be saved.
fn ticks(session: Session) -> impl Stream<Item = Result<String, SessionError>> {
    let clock = time::interval(Duration::from_secs(1));
    stream::unfold((session, clock), async |(session, mut clock)| {
        clock.tick().await;
        let counted = count(&session).await;
        Some((counted, (session, clock)))
    })
    .scan(false, |has_failed, second| {
        let ends = std::mem::replace(has_failed, second.is_err());
        async move { (!ends).then_some(second) }
    })
}

async fn count(session: &Session) -> Result<String, SessionError> {
    let seconds = session.update(SECONDS, |seconds| {
        *seconds += 1;
        *seconds
    })?;
    session.save().await?; // a conflict if the session was ended
    Ok(seconds.to_string())
}

async fn log_out(session: Session) -> Result<(), SessionError> {
    session.log_out()
}

pub(crate) fn app(sessions: SessionManager) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .route("/logout", post(log_out))
        .layer(SessionLayer::new(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionManager::new(MemoryStore::new())
        // Only for plain HTTP on your own machine; leave it out in production.
        .cookie(Cookie::insecure_for_local_development("session"));
    let port = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, app(sessions)).await?;
    Ok(())
}
