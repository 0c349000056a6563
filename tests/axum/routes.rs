//! Where the layer may stand, targets, refusals.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, Uri},
    response::IntoResponse,
    routing::{get, post},
};
use cloakroom::{Session, SessionError, store::MemoryStore, tower::SessionLayer};

use tower::util::MapRequestLayer;

use crate::{get as fetch, manager, request, send, text};

async fn log_in(session: Session) -> Result<&'static str, SessionError> {
    session.log_in("alice").map(|()| "in")
}

#[tokio::test]
async fn a_token_is_not_printed_with_the_headers() {
    let app = Router::new().route("/", get(log_in)).layer(SessionLayer::new(manager(MemoryStore::new())));
    let response = fetch(&app, "/", None).await;
    assert!(response.headers()["set-cookie"].is_sensitive());
    assert!(!response.headers()["cache-control"].is_sensitive());
}

#[tokio::test]
async fn a_missing_layer_is_explained() {
    let app: Router = Router::new().route("/", get(log_in));
    let response = fetch(&app, "/", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        text(response).await,
        "this route asks for a session, but has no SessionLayer around it: add \
         `.layer(SessionLayer::new(sessions))` to the router, after the route\n"
    );
}

#[tokio::test]
async fn the_authority_of_an_http2_request_is_the_host() {
    // What stands further in may rewrite the target.
    let rewrites = MapRequestLayer::new(|mut request: Request<Body>| {
        *request.uri_mut() = Uri::from_static("/");
        request
    });
    let login = Router::new().route("/", post(log_in)).layer(rewrites);
    let login = login.layer(SessionLayer::new(manager(MemoryStore::new())));
    for (origin, status) in [("https://shop.example", 200), ("https://evil.example", 403)] {
        let request = Request::post("https://shop.example/").header("origin", origin);
        let response = send(&login, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), status);
    }
}

#[tokio::test]
async fn a_refusal_can_look_like_the_rest_of_the_site() {
    let page = |error: &SessionError| {
        (StatusCode::from_u16(error.status()).unwrap(), format!("<h1>{}</h1>", error.public_message()))
            .into_response()
    };
    let app = Router::new()
        .route("/", post(log_in))
        .layer(SessionLayer::new(manager(MemoryStore::new())).refuse_with(page));
    let mut cross_site = request("POST", "/", None);
    cross_site.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    let response = send(&app, cross_site).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(response).await, "<h1>This request came from another site and was refused.</h1>");
}

#[tokio::test]
async fn promise_16_allowed_paths_are_those_of_the_request_in_nested_routers_too() {
    let nested = Router::new().route("/callback", post(log_in));
    let sessions = manager(MemoryStore::new()).allow_cross_site("/auth/callback");
    let app: Router = Router::new()
        .nest("/auth", nested.clone())
        .nest("/admin", Router::new().nest("/auth", nested))
        .layer(SessionLayer::new(sessions));
    for (path, status) in
        [("/auth/callback", StatusCode::OK), ("/admin/auth/callback", StatusCode::FORBIDDEN)]
    {
        let mut request = request("POST", path, None);
        request.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert_eq!(send(&app, request).await.status(), status, "{path}");
    }
}
