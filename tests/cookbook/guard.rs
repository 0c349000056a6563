//! Pages for logged-in users only.

use axum::{
    Router,
    extract::{FromRequestParts, Request},
    http::request::Parts,
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use cloakroom::{Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};

/// The user who is logged in: a handler that asks for one runs only for logged-in users.
struct User(String);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let session = cloakroom::tower::session(parts).await.map_err(IntoResponse::into_response)?;
        session.subject().map(Self).ok_or_else(|| Redirect::to("/login").into_response())
    }
}

async fn account(User(name): User) -> String {
    format!("Your account, {name}")
}

/// The same for a whole router.
async fn require_login(session: Session, request: Request, next: Next) -> Result<Response, SessionError> {
    if session.subject().is_none() {
        return Ok(Redirect::to("/login").into_response());
    }
    Ok(next.run(request).await)
}

fn admin() -> Router {
    Router::new()
        .route("/admin", get(async || "The back office"))
        .route_layer(middleware::from_fn(require_login))
}

fn app(sessions: SessionManager) -> Router {
    Router::new()
        .route("/account", get(account))
        .merge(admin())
        .route("/login", post(log_in))
        .layer(SessionLayer::new(sessions)) // last, so that it is around all of them
}

async fn log_in(session: Session, name: String) -> Result<(), SessionError> {
    session.log_in(name)
}

#[tokio::test]
async fn a_guarded_page_sends_visitors_to_the_login() {
    let app = app(SessionManager::new(MemoryStore::new()));
    let mut browser = super::Browser::new(&app);
    for page in ["/account", "/admin"] {
        assert_eq!(browser.get(page).await.location, "/login");
    }
    assert!(browser.cookies.is_empty(), "a guard stores nothing");

    browser.post("/login", "alice").await;
    assert_eq!(browser.get("/account").await.text, "Your account, alice");
    assert_eq!(browser.get("/admin").await.text, "The back office");
}
