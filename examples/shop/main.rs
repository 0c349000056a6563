//! A small shop whose carts and log-ins are sessions: `cargo run --example shop`.
//!
//! | file | holds |
//! | --- | --- |
//! | `main.rs` | the server |
//! | `store.rs` | the choice of where sessions live |
//! | `handlers.rs` | the routes |
//! | `site/` | the shop itself, for any framework |
//!
//! Three environment variables: `SESSION_STORE` chooses the store (`memory`, which is the default, `encrypted-cookie`,
//! `signed-cookie` or `jwt`), `SESSION_KEYS` has the keys of the last three, the active one first, and `PORT` is the port
//! (3000 by default, 0 for any free one).

mod handlers;
mod site;
mod store;

use std::{
    env,
    io::{self, ErrorKind, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use axum::Router;
use cloakroom::{Cookie, SessionManager, store::SessionStore, tower::SessionLayer};
use tokio::{net::TcpListener, signal};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // Nothing is left to tell it to if standard error is closed.
            let _ = writeln!(io::stderr(), "cloakroom shop: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), String> {
    let store = store::open(setting("SESSION_STORE").as_deref())?;
    let lives_in = store.guarantees().name;
    let listener = listen(port(setting("PORT").as_deref())?).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;

    // If nobody reads standard output, the shop serves all the same.
    let _ = writeln!(io::stdout(), "cloakroom shop: http://{address}  (sessions live in: {lives_in})");
    let served = axum::serve(listener, app(store)).with_graceful_shutdown(ctrl_c()).await;
    served.map_err(|error| error.to_string())
}

/// The shop with sessions that live in `store`.
fn app(store: impl SessionStore) -> Router {
    let sessions = SessionManager::new(store)
        .idle_timeout(30 * MINUTE)
        .absolute_timeout(12 * HOUR)
        // Browsers return a `Secure` cookie only over HTTPS, and this shop speaks plain HTTP on the loopback address:
        // some browsers make an exception there, Safari and curl do not. Behind HTTPS leave this line out.
        .cookie(Cookie::insecure_for_local_development("session"));
    handlers::shop().layer(SessionLayer::new(sessions))
}

fn setting(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn port(setting: Option<&str>) -> Result<u16, String> {
    let Some(text) = setting else { return Ok(3000) };
    let number = text.parse();
    number.map_err(|_| format!("PORT={text:?} is no port; use a number up to 65535, or 0 for any free port"))
}

/// Listens on the loopback address only: this is a demonstration, not a public server.
async fn listen(port: u16) -> Result<TcpListener, String> {
    let bound = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    bound.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} is in use; set PORT to another one, or to 0 for any free port")
        }
        _ => format!("cannot listen on port {port}: {error}; set PORT to another one"),
    })
}

/// Ends when the user presses ctrl-c; open requests are answered first.
async fn ctrl_c() {
    if signal::ctrl_c().await.is_err() {
        // Without the signal there is nothing to wait for: the shop runs until it is killed.
        std::future::pending::<()>().await;
    }
}
