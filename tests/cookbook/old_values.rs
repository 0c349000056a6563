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

/// A cart that cannot be read any more starts empty, in `update`, too.
const CART: Key<Cart> = Key::new("cart").discard_undecodable();

const FILTERS: Key<Vec<String>> = Key::new("filters");

/// The filters, which were one text once.
fn filters(session: &Session) -> Result<Vec<String>, SessionError> {
    match session.get(FILTERS) {
        Err(error) if error.kind() == SessionErrorKind::Undecodable => {
            let old: Option<String> = session.get("filters")?;
            let filters: Vec<_> = old.iter().flat_map(|old| old.split(',')).map(str::to_owned).collect();
            session.insert(FILTERS, filters.clone())?;
            Ok(filters)
        }
        filters => Ok(filters?.unwrap_or_default()),
    }
}

async fn show(session: Session) -> Result<String, SessionError> {
    let cart = session.get(CART)?.unwrap_or_default();
    Ok(format!("{} items, coupon {:?}", cart.items.len(), cart.coupon))
}

#[tokio::test]
async fn a_value_of_an_older_type_is_converted() {
    let app = Router::new()
        .route("/", get(async |session: Session| filters(&session).map(|filters| filters.join("+"))))
        .route("/a-year-ago", post(async |session: Session| session.insert("filters", "new,red")))
        .layer(SessionLayer::new(SessionManager::new(MemoryStore::new())));
    let mut browser = super::Browser::new(&app);
    browser.post("/a-year-ago", "").await;
    assert_eq!(browser.get("/").await.text, "new+red");
    assert_eq!(browser.get("/").await.text, "new+red");
}

#[tokio::test]
async fn a_value_of_an_older_type_has_new_fields_or_starts_anew() {
    let app = Router::new()
        .route("/", get(show))
        .route("/a-year-ago", post(async |session: Session| session.insert("cart", ["hat"])))
        .route(
            "/add",
            post(async |session: Session| session.update(CART, |cart| cart.items.push("hat".into()))),
        )
        .route(
            "/last-week",
            post(async |session: Session| session.insert("cart", serde_json::json!({ "items": ["hat"] }))),
        )
        .layer(SessionLayer::new(SessionManager::new(MemoryStore::new())));
    let mut browser = super::Browser::new(&app);
    browser.post("/a-year-ago", "").await;
    assert_eq!(browser.get("/").await.text, "0 items, coupon None");
    browser.post("/add", "").await;
    assert_eq!(browser.get("/").await.text, "1 items, coupon None");
    browser.post("/last-week", "").await;
    assert_eq!(browser.get("/").await.text, "1 items, coupon None");
}
