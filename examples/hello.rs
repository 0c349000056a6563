//! The smallest useful program, on any store: `cargo run --example hello`, then
//!
//! ```text
//! curl -c jar -b jar http://127.0.0.1:3000/
//! ```
//!
//! The argument says where sessions are kept, by default in `memory:`. Nothing else changes with it:
//!
//! ```text
//! cargo run --example hello -- 'encrypted-cookie:?keys=generate'
//! cargo run --example hello -- 'signed-cookie:?keys=generate'
//! cargo run --example hello -- 'jwt:?keys=generate&issuer=hello'
//! cargo run --example hello -- redis://127.0.0.1
//! ```
//!
//! `PORT` names the port, by default 3000; with 0 the system chooses one.

use std::{env, error::Error, io::Write as _, net::Ipv4Addr};

use axum::{Router, routing::get};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager,
    config::{Config, StoreConfig},
    tower::SessionLayer,
};
use tokio::net::TcpListener;

const VISITS: Key<u32> = Key::new("visits");

async fn hello(session: Session) -> Result<String, SessionError> {
    let visits = session.update(VISITS, |visits| {
        *visits += 1;
        *visits
    })?;
    Ok(format!("Hello, this is visit number {visits}\n"))
}

pub(crate) fn app(sessions: SessionManager) -> Router {
    Router::new().route("/", get(hello)).layer(SessionLayer::new(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    let sessions = Config::from(store.parse::<StoreConfig>()?)
        .manager()?
        // Only for plain HTTP on your own machine; leave it out in production.
        .cookie(Cookie::insecure_for_local_development("session"));

    let port = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(std::io::stdout(), "http://{}  (sessions: {store})", listener.local_addr()?)?;
    axum::serve(listener, app(sessions)).await?;
    Ok(())
}
