//! The order of layers, cookies without TLS, tenants.

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header::ACCESS_CONTROL_ALLOW_ORIGIN},
    middleware::map_response,
    response::Response,
    routing::post,
};
use cloakroom::{
    Cookie, Session, SessionManager,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, MemoryStore},
    tower::SessionLayer,
};

/// `Secure` unless this is a debug build, which a developer runs without TLS.
fn cookie() -> Cookie {
    if cfg!(debug_assertions) {
        Cookie::insecure_for_local_development("session")
    } else {
        Cookie::named("__Host-session")
    }
}

fn app(sessions: SessionManager) -> Router {
    let cors = map_response(allow_origin); // in your app: tower-http's CorsLayer
    Router::new()
        .route("/settings", post(async |session: Session| session.insert("theme", "dark")))
        .layer(SessionLayer::new(sessions))
        .layer(cors) // added later, so it is outside: refusals of the session layer have its headers
}

/// Each tenant has a manager of its own: a cookie of one opens nothing at another.
fn tenant(keys: &KeyRing, name: &str) -> SessionManager {
    SessionManager::new(EncryptedCookieStore::new(keys).context(name)).cookie(cookie())
}

async fn allow_origin(mut response: Response) -> Response {
    let origin = HeaderValue::from_static("https://app.example");
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response
}

#[tokio::test]
async fn a_refusal_has_the_headers_of_the_layers_outside() {
    let app = app(SessionManager::new(MemoryStore::new()).cookie(cookie()));
    let request = Request::post("/settings").header("sec-fetch-site", "cross-site").body(Body::empty());
    let response = super::Browser::new(&app).open(request.unwrap()).await;
    assert_eq!(response.status(), 403);
    assert!(response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[tokio::test]
async fn a_cookie_of_one_tenant_opens_nothing_at_another() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    let who = async |session: Session| session.subject().unwrap_or_else(|| "anonymous".to_owned());
    let [north, south] = ["north", "south"].map(|name| {
        Router::new()
            .route("/", post(async |session: Session| session.log_in("alice")).get(who))
            .layer(SessionLayer::new(tenant(&keys, name)))
    });
    let mut browser = super::Browser::new(&north);
    browser.post("/", "").await;
    assert_eq!(browser.get("/").await.text, "alice");
    let mut elsewhere = super::Browser::new(&south);
    elsewhere.cookies = browser.cookies;
    assert_eq!(elsewhere.get("/").await.text, "anonymous");
}
