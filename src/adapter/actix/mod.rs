//! Sessions for actix-web 4.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`session`] and [`existing_session`], for what is no handler |
//! | `middleware` | [`SessionMiddleware`] and [`SessionService`] |
//! | `extract` | the extractors `Session` and [`ExistingSession`], and the response to a `SessionError` |
//! | `future` | [`ResponseFuture`]: the response, with what its session adds |
//! | `refusal` | the response in place of one whose session could not be saved |
//! | `failure` | errors of inner middleware, with what the session adds to their responses |
//! | `headers` | the headers of actix-web |
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use cloakroom::{Session, SessionError, SessionManager, actix::SessionMiddleware, store::MemoryStore};
//!
//! async fn hello(session: Session) -> Result<String, SessionError> {
//!     let visits = session.update("visits", |visits: &mut u32| {
//!         *visits += 1;
//!         *visits
//!     })?;
//!     Ok(format!("visit number {visits}"))
//! }
//!
//! #[actix_web::main]
//! async fn main() -> std::io::Result<()> {
//!     // Outside of the closure, which runs once for each worker: they share one store.
//!     let sessions = SessionManager::new(MemoryStore::new());
//!     let app = move || {
//!         App::new().wrap(SessionMiddleware::new(sessions.clone())).route("/", web::get().to(hello))
//!     };
//!     HttpServer::new(app).bind(("127.0.0.1", 3000))?.run().await
//! }
//! ```
//!
//! # An optional session
//! Ask for an [`ExistingSession`], not for an `Option<Session>`. That one is actix-web's own: it turns every error into
//! `None`, an outage too, and there always is a session otherwise, if only a new, empty one.

mod extract;
mod failure;
mod future;
mod headers;
mod middleware;
mod refusal;

use actix_web::{HttpMessage as _, HttpRequest, http::uri::Authority};

pub use self::{
    extract::ExistingSession,
    future::ResponseFuture,
    middleware::{SessionMiddleware, SessionService},
};
use crate::{
    error::{SessionError, SessionErrorKind},
    manager::LazySession,
    session::Session,
    transport::RequestHead,
};

/// The session of a request, loaded at the first call for that request and at no other.
///
/// ```
/// use actix_web::HttpRequest;
/// use cloakroom::{SessionError, actix::session};
///
/// async fn greeting(request: HttpRequest) -> Result<String, SessionError> {
///     let name = session(&request).await?.subject();
///     Ok(format!("Hello {}", name.as_deref().unwrap_or("stranger")))
/// }
/// ```
///
/// # Errors
/// [`LayerMissing`](SessionErrorKind::LayerMissing) without a [`SessionMiddleware`] around the route; otherwise the
/// store's failure.
pub async fn session(request: &HttpRequest) -> Result<Session, SessionError> {
    let seat = seat(request)?;
    seat.lazy.load(&seat.head(request)).await
}

/// Like [`session`], but `None` unless a live session came with the request. Nothing is ever created.
///
/// # Errors
/// Those of [`session`]: an outage is no "no session", unless the manager carries on without its store.
pub async fn existing_session(request: &HttpRequest) -> Result<Option<Session>, SessionError> {
    let seat = seat(request)?;
    seat.lazy.load_existing(&seat.head(request)).await
}

/// What the middleware stores in a request's extensions, for extractors.
#[derive(Debug, Clone)]
struct SessionHandle {
    lazy: LazySession,
    /// As the middleware saw it: others further in may rewrite the target.
    authority: Option<Authority>,
}

impl SessionHandle {
    fn head<'a>(&'a self, request: &'a HttpRequest) -> RequestHead<'a> {
        RequestHead {
            method: request.method().as_str(),
            authority: self.authority.as_ref().map(Authority::as_str),
            headers: request.headers(),
        }
    }
}

/// A copy, since nothing of a request's extensions may be borrowed during a wait.
fn seat(request: &HttpRequest) -> Result<SessionHandle, SessionError> {
    request.extensions().get().cloned().ok_or_else(|| {
        SessionError::new(
            SessionErrorKind::LayerMissing,
            "this route asks for a session, but has no SessionMiddleware around it: add \
             `.wrap(SessionMiddleware::new(sessions))` to the app, the scope or the resource",
        )
    })
}
