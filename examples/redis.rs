//! Sessions in Redis: any server answers for them, and they survive a restart of this one. Start a Redis, then
//! `cargo run --example redis`:
//!
//! ```text
//! redis-server --appendonly yes --maxmemory-policy noeviction
//! curl -c jar -b jar -d item=hat http://127.0.0.1:3000/
//! ```
//!
//! `REDIS_URL` names another one, or Sentinels, or a cluster: see [`RedisStore::from_url`].

use std::{collections::BTreeMap, env, error::Error, time::Duration};

use axum::{Form, Router, routing::get};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager, store::RedisStore, time::Deadline,
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
    let url = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let store = RedisStore::from_url(&url)?;
    // Not needed: without it the first request would tell. But whoever starts a server likes to know.
    store.ping(Deadline::after(Duration::from_secs(5))).await?;

    let sessions = SessionManager::new(store)
        .idle_timeout(Duration::from_secs(30 * 60))
        // Only for plain HTTP on your own machine; leave it out in production.
        .cookie(Cookie::insecure_for_local_development("session"));
    let app = Router::new().route("/", get(show).post(add)).layer(SessionLayer::new(sessions));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
