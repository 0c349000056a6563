//! Sessions for any tower service that uses `http` 1.x: axum, hyper, tonic and others.
//!
//! [`SessionLayer`] gives each request a session. axum handlers get it as an extractor ([`Session`](crate::Session), or
//! `Option<Session>` for one that exists already); other services call [`session`] or [`existing_session`]. Inside layers of two managers,
//! [`session_of`] and [`existing_session_of`] name the one.

// The modules:
// `mod`: `session`, `session_of` and the like, for services other than axum handlers
// `layer`: `SessionLayer` and `SessionService`
// `future`: `ResponseFuture`: the response, with what its session adds
// `refusal`: `Refusal`: the response when a session could not be saved
// `headers`: the headers of `http` 1.x

mod future;
mod headers;
mod layer;
mod refusal;

use http::{request::Parts, uri::Authority};

pub use self::{
    future::ResponseFuture,
    layer::{SessionLayer, SessionService},
    refusal::{PlainText, Refusal},
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
/// use cloakroom::{SessionError, tower::session};
///
/// async fn handle<B>(request: http::Request<B>) -> Result<http::Response<String>, SessionError> {
///     let (parts, _body) = request.into_parts();
///     let visits = session(&parts).await?.update("visits", |visits: &mut u32| {
///         *visits += 1;
///         *visits
///     })?;
///     Ok(http::Response::new(format!("visit number {visits}")))
/// }
/// ```
///
/// # Errors
/// [`LayerMissing`](SessionErrorKind::LayerMissing) without a [`SessionLayer`] around the service; otherwise those of the
/// store.
pub async fn session(parts: &Parts) -> Result<Session, SessionError> {
    let handle = handle(parts)?;
    handle.lazy.load(&handle.head(parts)).await
}

/// Like [`session`], but returns `None` unless a live session came with the request, and never begins one.
///
/// ```
/// use cloakroom::{SessionError, tower::existing_session};
///
/// async fn greeting(parts: &http::request::Parts) -> Result<String, SessionError> {
///     let user = existing_session(parts).await?.and_then(|session| session.subject());
///     Ok(format!("Hello {}", user.as_deref().unwrap_or("stranger")))
/// }
/// ```
///
/// # Errors
/// Those of [`session`]. An outage is an error, too, unless the manager
/// [serves anonymously](crate::OnOutage::ServeAnonymous) then.
pub async fn existing_session(parts: &Parts) -> Result<Option<Session>, SessionError> {
    let handle = handle(parts)?;
    handle.lazy.load_existing(&handle.head(parts)).await
}

/// Like [`session`], but returns the session of this manager, where layers of several are around the service.
///
/// ```
/// use axum::extract::State;
/// use cloakroom::{SessionError, SessionManager, tower::session_of};
///
/// /// A page of the administrators, who have sessions of their own, about the cart that they have in the shop.
/// async fn cart(State(shop): State<SessionManager>, parts: http::request::Parts) -> Result<String, SessionError> {
///     let cart = session_of(&parts, &shop).await?.get::<Vec<String>>("cart")?;
///     Ok(cart.unwrap_or_default().join(", "))
/// }
/// ```
///
/// # Errors
/// [`LayerMissing`](SessionErrorKind::LayerMissing) unless a [`SessionLayer`] of this manager, or of a clone of it, is around the
/// service; otherwise those of the store.
pub async fn session_of(parts: &Parts, manager: &SessionManager) -> Result<Session, SessionError> {
    let handle = handle_of(parts, manager)?;
    handle.lazy.load(&handle.head(parts)).await
}

/// Like [`session_of`], but returns `None` unless a live session came with the request, and never begins one.
///
/// ```
/// use cloakroom::{SessionError, SessionManager, tower::existing_session_of};
///
/// async fn is_staff(parts: &http::request::Parts, admin: &SessionManager) -> Result<bool, SessionError> {
///     Ok(existing_session_of(parts, admin).await?.is_some_and(|session| session.subject().is_some()))
/// }
/// ```
///
/// # Errors
/// Those of [`session_of`]. An outage is an error, too, unless the manager
/// [serves anonymously](crate::OnOutage::ServeAnonymous) then.
pub async fn existing_session_of(
    parts: &Parts,
    manager: &SessionManager,
) -> Result<Option<Session>, SessionError> {
    let handle = handle_of(parts, manager)?;
    handle.lazy.load_existing(&handle.head(parts)).await
}

/// What the layer puts into a request, for extractors: its sessions, and the authority in the target, as the layer saw it,
/// because layers further in may rewrite the target.
type SessionHandle = Sessions<Option<Authority>>;

impl SessionHandle {
    fn head<'a>(&'a self, parts: &'a Parts) -> RequestHead<'a> {
        RequestHead {
            method: parts.method.as_str(),
            authority: self.about.as_ref().map(Authority::as_str),
            headers: &parts.headers,
        }
    }
}

fn handle_of<'a>(parts: &'a Parts, manager: &SessionManager) -> Result<&'a SessionHandle, SessionError> {
    handle(parts)?.of(manager).ok_or_else(|| {
        SessionError::new(
            SessionErrorKind::LayerMissing,
            "this route asks for a session of a manager that has no SessionLayer around it: add one of that manager, or of a \
             clone of it, to the router, after the route",
        )
    })
}

fn handle(parts: &Parts) -> Result<&SessionHandle, SessionError> {
    parts.extensions.get().ok_or_else(|| {
        SessionError::new(
            SessionErrorKind::LayerMissing,
            "this route asks for a session, but has no SessionLayer around it: add `.layer(SessionLayer::new(sessions))` \
             to the router, after the route",
        )
    })
}
