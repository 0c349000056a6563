//! What only the actix-web shell has. What it shares with the others is tested in `tests/scenarios`.
//!
//! | module | tests |
//! | --- | --- |
//! | `routes` | extractors, where the middleware may stand, refusals |
//! | `log_lines` | what is logged of errors that clients see |
//! | `nested` | middleware inside other middleware |
//! | `failures` | errors of inner middleware |

#![allow(clippy::unwrap_used, reason = "a test may")]

/// Sends a request to the app and gives its response.
macro_rules! send {
    ($app:expr, $request:expr) => {
        actix_web::HttpResponse::from(actix_web::test::call_service(&$app, $request.to_request()).await)
    };
}

#[path = "../promises/events.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod events;
mod failures;
#[path = "../hooked/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod hooked;
mod log_lines;
mod nested;
#[path = "../promises/probe.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod probe;
mod routes;

use actix_web::{
    HttpResponse,
    body::{MessageBody, to_bytes},
    http::Method,
    test::TestRequest,
};
use cloakroom::{Cookie, Session, SessionError, SessionManager, store::MemoryStore};

fn manager() -> SessionManager {
    SessionManager::new(MemoryStore::new()).cookie(Cookie::named("__Host-id"))
}

async fn count(session: Session) -> Result<String, SessionError> {
    let count = session.update("count", |count: &mut u32| {
        *count += 1;
        *count
    })?;
    Ok(count.to_string())
}

/// A request with the cookie, if there is one.
fn get(path: &str, cookie: Option<&str>) -> TestRequest {
    let request = TestRequest::with_uri(path);
    cookie.into_iter().fold(request, |request, cookie| request.insert_header(("cookie", cookie)))
}

/// A request of a page of another site.
fn cross_site(path: &str) -> TestRequest {
    TestRequest::with_uri(path).method(Method::POST).insert_header(("sec-fetch-site", "cross-site"))
}

async fn text<B: MessageBody>(response: impl Into<HttpResponse<B>>) -> String {
    let Ok(bytes) = to_bytes(response.into().into_body()).await else { panic!("the body ends early") };
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a `Cookie` header sends back for a response's `Set-Cookie`.
fn cookie<B>(response: &HttpResponse<B>) -> Option<String> {
    let line = response.headers().get("set-cookie")?.to_str().unwrap();
    line.split(';').next().map(str::to_owned)
}
