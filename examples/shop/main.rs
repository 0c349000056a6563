//! A small shop whose carts and log-ins are sessions: `cargo run --example shop`.
//!
//! | file | holds |
//! | --- | --- |
//! | `main.rs` | the server |
//! | `setup.rs` | the settings |
//! | `sessions.json` | where sessions live, and their rules |
//! | `handlers.rs` | the routes |
//! | `site/` | the shop itself, for any framework |
//!
//! Three environment variables: `SESSION_STORE` says where sessions live (`memory:`, `redis://localhost`,
//! `encrypted-cookie:?keys=generate`, `jwt:?keys_env=SESSION_KEYS`, …: see `cloakroom::config::StoreConfig`),
//! `SESSION_CONFIG` names a file to take the place of `sessions.json`, and `PORT` is the port (3000 by default, 0 for
//! any free one).
//!
//! `examples/shop_actix` serves the same shop with actix-web: only `main.rs` and `handlers.rs` differ.

mod handlers;
mod setup;
mod site;

use std::process::ExitCode;

use cloakroom::tower::SessionLayer;
use tokio::{net::TcpListener, signal};

#[tokio::main]
async fn main() -> ExitCode {
    setup::ended(run().await)
}

async fn run() -> Result<(), String> {
    let sessions = setup::sessions()?;
    let guarantees = sessions.guarantees();
    let app = handlers::shop().layer(SessionLayer::new(sessions));

    let address = setup::address()?;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| setup::cannot_listen(address, &error))?;
    setup::announce(listener.local_addr().map_err(|error| error.to_string())?, guarantees.name);
    let served = axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await;
    served.map_err(|error| error.to_string())
}

/// Ends when the user presses ctrl-c; open requests are answered first.
async fn ctrl_c() {
    if signal::ctrl_c().await.is_err() {
        // Without the signal there is nothing to wait for: the shop runs until it is killed.
        std::future::pending::<()>().await;
    }
}
