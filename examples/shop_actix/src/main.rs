//! The same shop as `examples/shop`, served by actix-web: `cargo run -p shop_actix`.
//!
//! Everything but `main.rs` and `handlers.rs` is shared with that shop, including its settings.

mod handlers;
#[path = "../../shop/setup.rs"]
mod setup;
#[path = "../../shop/site/mod.rs"]
mod site;

use std::process::ExitCode;

use actix_web::{App, HttpServer};
use cloakroom::actix::SessionMiddleware;

#[actix_web::main]
async fn main() -> ExitCode {
    setup::ended(run().await)
}

async fn run() -> Result<(), String> {
    // One manager for all workers: each runs the closure for itself.
    let sessions = setup::sessions()?;
    let guarantees = sessions.guarantees();
    let leaving = setup::leave(sessions.clone());
    let app = move || App::new().configure(handlers::shop).wrap(SessionMiddleware::new(sessions.clone()));

    let address = setup::address()?;
    let server = HttpServer::new(app).bind(address).map_err(|error| setup::cannot_listen(address, &error))?;
    for address in server.addrs() {
        setup::announce(address, guarantees.name);
    }
    let server = server.disable_signals().run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        leaving.await;
        // Requests that are open are answered first.
        handle.stop(true).await;
    });
    server.await.map_err(|error| error.to_string())
}
