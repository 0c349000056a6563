//! A small shop whose carts and logins are sessions: `cargo run --example shop`.
//!
//! | file | holds |
//! | --- | --- |
//! | `main.rs` | the server |
//! | `setup.rs` | the settings, and what happens at the end |
//! | `sessions.json` | where sessions are stored, and their rules |
//! | `handlers.rs` | the routes |
//! | `site/` | the shop itself, for any framework |
//!
//! Three environment variables: `SESSION_STORE` says where sessions are stored (`memory:`, `redis://localhost`,
//! `encrypted-cookie:?keys=generate`, `jwt:?keys_env=SESSION_KEYS`, `sqlite:sessions.db` with the feature `sqlite`,
//! `postgres://app@localhost/shop?create_table=true` with the feature `postgres`, …: see `cloakroom::config::StoreConfig`),
//! `SESSION_CONFIG` names a file to take the place of `sessions.json`, and `PORT` is the port (3000 by default, 0 for any free one).
//!
//! `examples/shop_actix` serves the same shop with actix-web: only `main.rs` and `handlers.rs` differ.

mod handlers;
mod setup;
mod site;

use std::process::ExitCode;

use cloakroom::tower::SessionLayer;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    setup::ended(run().await)
}

async fn run() -> Result<(), String> {
    let sessions = setup::sessions()?;
    let guarantees = sessions.guarantees();
    let app = handlers::shop().layer(SessionLayer::new(sessions.clone()));

    let address = setup::address()?;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| setup::cannot_listen(address, &error))?;
    setup::announce(listener.local_addr().map_err(|error| error.to_string())?, guarantees.name);
    // Requests that are open are answered first.
    let served = axum::serve(listener, app).with_graceful_shutdown(setup::leave(sessions)).await;
    served.map_err(|error| error.to_string())
}
