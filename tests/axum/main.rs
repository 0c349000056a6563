//! What only the tower and axum shells have. What they share with the others is tested in `tests/scenarios`.
//!
//! | module | tests |
//! | --- | --- |
//! | `routes` | where the layer may stand, targets, refusals |
//! | `log_lines` | what is logged of errors that clients see |
//! | `nested` | layers inside each other |
//! | `bodies` | any body, plain tower services, streams |

#![allow(clippy::unwrap_used, reason = "a test may")]

mod bodies;
#[path = "../promises/events.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod events;
#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
mod log_lines;
mod nested;
#[path = "../promises/probe.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod probe;
mod routes;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, header::COOKIE},
};
use cloakroom::{Cookie, SessionManager, SessionStore};
use tower::ServiceExt as _;

fn manager(store: impl SessionStore) -> SessionManager {
    SessionManager::new(store).cookie(Cookie::named("__Host-id"))
}

/// A request with the cookie, if there is one.
fn request(method: &str, path: &str, cookie: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    request.body(Body::empty()).unwrap()
}

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

async fn get(app: &Router, path: &str, cookie: Option<&str>) -> Response<Body> {
    send(app, request("GET", path, cookie)).await
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a `Cookie` header sends back for a response's `Set-Cookie`.
fn cookie<B>(response: &Response<B>) -> Option<String> {
    let line = response.headers().get("set-cookie")?.to_str().unwrap();
    line.split(';').next().map(str::to_owned)
}
