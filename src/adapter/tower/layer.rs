//! The layer, and the service that it makes.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{PlainText, Refusal, ResponseFuture, SessionHandle};
use crate::manager::SessionManager;

/// Gives every request of the services below it a session.
///
/// A request whose handler never asks for its session costs no store call.
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom::{Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};
///
/// async fn hello(session: Session) -> Result<String, SessionError> {
///     let visits = session.update("visits", |visits: &mut u32| {
///         *visits += 1;
///         *visits
///     })?;
///     Ok(format!("visit number {visits}"))
/// }
///
/// let sessions = SessionManager::new(MemoryStore::new());
/// let app: Router = Router::new().route("/", get(hello)).layer(SessionLayer::new(sessions));
/// ```
#[derive(Debug, Clone)]
pub struct SessionLayer<R = PlainText> {
    manager: SessionManager,
    refusal: R,
}

impl SessionLayer {
    /// A layer of this manager's sessions.
    #[must_use]
    pub fn new(manager: SessionManager) -> Self {
        Self { manager, refusal: PlainText }
    }
}

impl<R> SessionLayer<R> {
    /// Answers with `refusal` where the handler's response cannot be sent because its session could not be saved.
    /// Default: [`PlainText`].
    ///
    /// Any `Fn(&SessionError) -> http::Response<B>` will do, and makes the layer work with any body.
    #[must_use]
    pub fn refuse_with<N>(self, refusal: N) -> SessionLayer<N> {
        SessionLayer { manager: self.manager, refusal }
    }
}

impl<S, R: Clone> Layer<S> for SessionLayer<R> {
    type Service = SessionService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { inner, manager: self.manager.clone(), refusal: self.refusal.clone() }
    }
}

/// A service whose requests have sessions; see [`SessionLayer`].
#[derive(Debug, Clone)]
pub struct SessionService<S, R = PlainText> {
    inner: S,
    manager: SessionManager,
    refusal: R,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for SessionService<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Refusal<ResBody> + Clone,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Here, because a nested router shows its routes only the rest of the path.
        let exchange = self.manager.exchange(request.uri().path());
        let seat = SessionHandle { lazy: exchange.lazy(), authority: request.uri().authority().cloned() };
        request.extensions_mut().insert(seat);
        ResponseFuture::new(self.inner.call(request), exchange, self.refusal.clone())
    }
}
