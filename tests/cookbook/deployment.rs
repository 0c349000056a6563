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
    Cookie, SameSite, Session, SessionManager,
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

/// The pages that other sites show in a frame have a cookie of their own, and the same store.
fn embedded(sessions: &SessionManager) -> SessionManager {
    let cookie = Cookie::named("__Host-embedded").same_site(SameSite::None).partitioned();
    sessions.clone().cookie(cookie)
}

/// The app was at /app and is at / now, with a name that no sibling subdomain can plant.
fn moved() -> Cookie {
    Cookie::named("__Host-session").replaces(Cookie::named("session").path("/app"))
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
async fn embedded_pages_have_a_cookie_that_browsers_send_there() {
    let sessions = SessionManager::new(MemoryStore::new());
    let log_in = || Router::new().route("/", post(async |session: Session| session.log_in("alice")));
    let frame = log_in().layer(SessionLayer::new(embedded(&sessions)));
    let app = log_in().nest("/frame", frame).layer(SessionLayer::new(sessions));
    for (path, name, attributes) in [
        ("/", "__Host-session=", "; SameSite=Lax"),
        ("/frame", "__Host-embedded=", "; SameSite=None; Partitioned"),
    ] {
        let response = super::Browser::new(&app).open(Request::post(path).body(Body::empty()).unwrap()).await;
        let line = response.headers()["set-cookie"].to_str().unwrap();
        assert!(line.starts_with(name) && line.ends_with(attributes), "{line}");
    }
}

#[tokio::test]
async fn a_session_goes_on_when_the_app_moves() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = |cookie: Cookie| {
        let who = async |session: Session| session.subject().unwrap_or_else(|| "anonymous".to_owned());
        let route = post(async |session: Session| session.log_in("alice")).get(who);
        let layer = SessionLayer::new(sessions.clone().cookie(cookie));
        Router::new().route("/app", route).layer(layer)
    };
    let (before, after) = (app(Cookie::named("session").path("/app")), app(moved()));
    let mut browser = super::Browser::new(&before);
    browser.post("/app", "").await;
    let mut later = super::Browser::new(&after);
    later.cookies = browser.cookies;
    assert_eq!(later.get("/app").await.text, "alice");
    assert_eq!(later.cookies.keys().collect::<Vec<_>>(), ["__Host-session"]);
    assert_eq!(later.get("/app").await.text, "alice");
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
