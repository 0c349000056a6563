//! Sessions for any tower service that speaks `http` 1.x: axum, hyper, tonic and others.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`session`] and [`existing_session`], for services that are no axum handlers |
//! | `layer` | [`SessionLayer`] and [`SessionService`] |
//! | `future` | [`ResponseFuture`]: the response, with what its session adds |
//! | `refusal` | [`Refusal`]: the response in place of one whose session could not be saved |
//! | `headers` | the headers of `http` 1.x |

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

/// The session of a request, loaded at the first call for that request and at no other.
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
/// [`LayerMissing`](SessionErrorKind::LayerMissing) without a [`SessionLayer`] around the service; otherwise the store's
/// failure.
pub async fn session(parts: &Parts) -> Result<Session, SessionError> {
    let seat = seat(parts)?;
    seat.lazy.load(&seat.head(parts)).await
}

/// Like [`session`], but `None` unless a live session came with the request. Nothing is ever created.
///
/// # Errors
/// Those of [`session`]: an outage is no "no session", unless the manager carries on without its store.
pub async fn existing_session(parts: &Parts) -> Result<Option<Session>, SessionError> {
    let seat = seat(parts)?;
    seat.lazy.load_existing(&seat.head(parts)).await
}

/// What the layer stores in a request's extensions, for extractors.
#[derive(Debug, Clone)]
struct SessionHandle {
    lazy: LazySession,
    /// As the layer saw it: others further in may rewrite the target.
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

fn seat(parts: &Parts) -> Result<&SessionHandle, SessionError> {
    parts.extensions.get().ok_or_else(|| {
        SessionError::new(
            SessionErrorKind::LayerMissing,
            "this route asks for a session, but has no SessionLayer around it: add `.layer(SessionLayer::new(sessions))` \
             to the router, after the route",
        )
    })
}
