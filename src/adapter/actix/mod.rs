//! Sessions for actix-web 4.
//!
//! [`SessionMiddleware`] gives each request a session. Handlers get it as an extractor: [`Session`](crate::Session), or
//! [`ExistingSession`] for one that exists already; other code calls [`session`] or [`existing_session`]. Inside
//! the middleware of two managers, [`session_of`] and [`existing_session_of`] name the one.
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
//! Extract an [`ExistingSession`] rather than an `Option<Session>`. The latter is implemented by actix-web: it turns every error
//! into `None`, an outage included, and is `Some` for a new, empty session.

// The modules:
// `mod`: `session`, `session_of` and the like, for code other than handlers
// `middleware`: `SessionMiddleware` and `SessionService`
// `extract`: the extractors `Session` and `ExistingSession`, and the response to a `SessionError`
// `future`: `ResponseFuture`: the response, with what its session adds
// `refusal`: the response when a session could not be saved
// `failure`: errors of inner middleware, with what the session adds to their responses
// `headers`: the headers of actix-web

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
use super::nested::Sessions;
use crate::{
    error::{SessionError, SessionErrorKind},
    manager::SessionManager,
    session::Session,
    transport::RequestHead,
};

/// Returns the session of a request, which the first call for that request loads.
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
/// [`LayerMissing`](SessionErrorKind::LayerMissing) without a [`SessionMiddleware`] around the route; otherwise those of
/// the store.
pub async fn session(request: &HttpRequest) -> Result<Session, SessionError> {
    let handle = handle(request)?;
    handle.lazy.load(&handle.head(request)).await
}

/// Like [`session`], but returns `None` unless a live session came with the request, and never begins one.
///
/// ```
/// use actix_web::HttpRequest;
/// use cloakroom::{SessionError, actix::existing_session};
///
/// async fn is_logged_in(request: &HttpRequest) -> Result<bool, SessionError> {
///     Ok(existing_session(request).await?.is_some_and(|session| session.subject().is_some()))
/// }
/// ```
///
/// # Errors
/// Those of [`session`]. An outage is an error, too, unless the manager
/// [serves anonymously](crate::OnOutage::ServeAnonymous) then.
pub async fn existing_session(request: &HttpRequest) -> Result<Option<Session>, SessionError> {
    let handle = handle(request)?;
    handle.lazy.load_existing(&handle.head(request)).await
}

/// Like [`session`], but returns the session of this manager, where the middleware of several is around the route.
///
/// ```
/// use actix_web::{HttpRequest, web::Data};
/// use cloakroom::{SessionError, SessionManager, actix::session_of};
///
/// /// A page of the administrators, who have sessions of their own, about the cart that they have in the shop.
/// async fn cart(shop: Data<SessionManager>, request: HttpRequest) -> Result<String, SessionError> {
///     let cart = session_of(&request, &shop).await?.get::<Vec<String>>("cart")?;
///     Ok(cart.unwrap_or_default().join(", "))
/// }
/// ```
///
/// # Errors
/// [`LayerMissing`](SessionErrorKind::LayerMissing) unless a [`SessionMiddleware`] of this manager, or of a clone of it, is around
/// the route; otherwise those of the store.
pub async fn session_of(request: &HttpRequest, manager: &SessionManager) -> Result<Session, SessionError> {
    let handle = handle_of(request, manager)?;
    handle.lazy.load(&handle.head(request)).await
}

/// Like [`session_of`], but returns `None` unless a live session came with the request, and never begins one.
///
/// ```
/// use actix_web::HttpRequest;
/// use cloakroom::{SessionError, SessionManager, actix::existing_session_of};
///
/// async fn is_staff(request: &HttpRequest, admin: &SessionManager) -> Result<bool, SessionError> {
///     Ok(existing_session_of(request, admin).await?.is_some_and(|session| session.subject().is_some()))
/// }
/// ```
///
/// # Errors
/// Those of [`session_of`]. An outage is an error, too, unless the manager
/// [serves anonymously](crate::OnOutage::ServeAnonymous) then.
pub async fn existing_session_of(
    request: &HttpRequest,
    manager: &SessionManager,
) -> Result<Option<Session>, SessionError> {
    let handle = handle_of(request, manager)?;
    handle.lazy.load_existing(&handle.head(request)).await
}

/// What the middleware puts into a request, for extractors: its sessions, and the authority in the target, as the middleware saw
/// it, because middleware further in may rewrite the target.
type SessionHandle = Sessions<Option<Authority>>;

impl SessionHandle {
    fn head<'a>(&'a self, request: &'a HttpRequest) -> RequestHead<'a> {
        RequestHead {
            method: request.method().as_str(),
            authority: self.about.as_ref().map(Authority::as_str),
            headers: request.headers(),
        }
    }
}

fn handle_of(request: &HttpRequest, manager: &SessionManager) -> Result<SessionHandle, SessionError> {
    handle(request)?.of(manager).cloned().ok_or_else(|| {
        SessionError::new(
            SessionErrorKind::LayerMissing,
            "this route asks for a session of a manager that has no SessionMiddleware around it: wrap the app, the scope or the \
             resource in one of that manager, or of a clone of it",
        )
    })
}

/// A copy, because a request's extensions must not be borrowed across an await.
fn handle(request: &HttpRequest) -> Result<SessionHandle, SessionError> {
    request.extensions().get().cloned().ok_or_else(|| {
        SessionError::new(
            SessionErrorKind::LayerMissing,
            "this route asks for a session, but has no SessionMiddleware around it: add \
             `.wrap(SessionMiddleware::new(sessions))` to the app, the scope or the resource",
        )
    })
}
