//! A session in a cookie that the client can read but not change: nothing is kept on the server. `cargo run --example signed_cookie`, then
//!
//! ```text
//! curl -c jar -b jar -d item=hat http://127.0.0.1:3000/
//! ```

use std::{collections::BTreeMap, env, error::Error, io::Write as _};

use axum::{Form, Router, routing::get};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager,
    keyring::{KeyRing, SecretKey},
    store::SignedCookieStore,
    tower::SessionLayer,
};

const CART: Key<BTreeMap<String, u32>> = Key::new("cart");

async fn show(session: Session) -> Result<String, SessionError> {
    Ok(format!("Your cart: {:?}\n", session.get(CART)?.unwrap_or_default()))
}

async fn add(session: Session, Form(order): Form<BTreeMap<String, String>>) -> Result<String, SessionError> {
    let item = order.get("item").cloned().unwrap_or_default();
    session.update(CART, move |cart| *cart.entry(item.clone()).or_default() += 1)?;
    show(session).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = if env::var_os("SESSION_KEYS").is_some() {
        KeyRing::from_env("SESSION_KEYS")?
    } else {
        writeln!(std::io::stderr(), "SESSION_KEYS is not set: this run makes a key of its own")?;
        KeyRing::new(SecretKey::generate()?)
    };
    let sessions = SessionManager::new(SignedCookieStore::new(&keys))
        // Only for plain HTTP on your own machine; leave it out in production.
        .cookie(Cookie::insecure_for_local_development("session"));
    let app = Router::new().route("/", get(show).post(add)).layer(SessionLayer::new(sessions));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
