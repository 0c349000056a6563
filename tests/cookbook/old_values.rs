//! Values that an older release has stored in another form.

use axum::{
    Router,
    routing::{get, post},
};
use cloakroom::{
    Key, Session, SessionError, SessionErrorKind, SessionManager, store::MemoryStore, tower::SessionLayer,
};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Cart {
    items: Vec<String>,
    #[serde(default)] // added later: older carts have none
    coupon: Option<String>,
}

const CART: Key<Cart> = Key::new("cart");

/// The cart; one that cannot be read any more starts empty.
fn cart(session: &Session) -> Result<Cart, SessionError> {
    match session.get(CART) {
        Err(error) if error.kind() == SessionErrorKind::Undecodable => {
            session.remove(CART)?;
            Ok(Cart::default())
        }
        cart => Ok(cart?.unwrap_or_default()),
    }
}

async fn show(session: Session) -> Result<String, SessionError> {
    let cart = cart(&session)?;
    Ok(format!("{} items, coupon {:?}", cart.items.len(), cart.coupon))
}

#[tokio::test]
async fn a_value_of_an_older_type_is_converted_or_starts_anew() {
    let app = Router::new()
        .route("/", get(show))
        .route("/a-year-ago", post(async |session: Session| session.insert("cart", ["hat"])))
        .route(
            "/last-week",
            post(async |session: Session| session.insert("cart", serde_json::json!({ "items": ["hat"] }))),
        )
        .layer(SessionLayer::new(SessionManager::new(MemoryStore::new())));
    let mut browser = super::Browser::new(&app);
    browser.post("/a-year-ago", "").await;
    assert_eq!(browser.get("/").await.text, "0 items, coupon None");
    browser.post("/last-week", "").await;
    assert_eq!(browser.get("/").await.text, "1 items, coupon None");
}
