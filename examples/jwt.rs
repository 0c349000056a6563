//! A cart in a JSON Web Token, which any program with the public key can read. `cargo run --example jwt`, then
//!
//! ```text
//! curl -c jar -b jar -d item=hat http://127.0.0.1:3000/
//! curl http://127.0.0.1:3000/.well-known/jwks.json
//! ```

use std::{collections::BTreeMap, error::Error};

use axum::{Form, Router, routing::get};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager,
    store::{JwtStore, SigningKey},
    tower::SessionLayer,
};
use serde::Deserialize;

const CART: Key<BTreeMap<String, u32>> = Key::new("cart");

#[derive(Deserialize)]
struct Order {
    item: String,
}

async fn show(session: Session) -> Result<String, SessionError> {
    let cart = session.get(CART)?.unwrap_or_default();
    Ok(format!("Your cart: {cart:?}\n"))
}

async fn add(session: Session, Form(order): Form<Order>) -> Result<String, SessionError> {
    session.update(CART, move |cart| *cart.entry(order.item.clone()).or_default() += 1)?;
    show(session).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In production a key that lasts: SigningKey::from_pem, of `openssl genpkey -algorithm ed25519`.
    let store = JwtStore::new(SigningKey::generate_ed25519()?).issuer("http://127.0.0.1:3000");
    let published = store.jwks();
    // Only for plain HTTP on your own machine; leave the cookie out in production.
    let sessions = SessionManager::new(store).cookie(Cookie::insecure_for_local_development("session"));
    let app = Router::new().route("/", get(show).post(add)).layer(SessionLayer::new(sessions));
    let app = app.route("/.well-known/jwks.json", get(async || published));
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?;
    Ok(())
}
