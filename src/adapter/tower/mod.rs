//! Sessions for any tower service that uses `http` 1.x: axum, hyper, tonic and others.
//!
//! [`SessionLayer`] gives each request a session. axum handlers get it as an extractor ([`Session`](crate::Session), or
//! `Option<Session>` for one that exists already); other services call [`session`] or [`existing_session`].

// The modules:
// `mod`: `session` and `existing_session`, for services other than axum handlers
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
use crate::{
    error::{SessionError, SessionErrorKind},
    manager::LazySession,
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

/// What the layer puts into a request, for extractors.
#[derive(Debug, Clone)]
struct SessionHandle {
    lazy: LazySession,
    /// As the layer saw it: layers further in may rewrite the target.
    authority: Option<Authority>,
}

impl SessionHandle {
    fn head<'a>(&'a self, parts: &'a Parts) -> RequestHead<'a> {
        RequestHead {
            method: parts.method.as_str(),
            authority: self.authority.as_ref().map(Authority::as_str),
            headers: &parts.headers,
        }
    }
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
