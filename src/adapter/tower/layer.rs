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
    is_fresh: bool,
    refusal: R,
}

impl SessionLayer {
    /// Makes a layer that gives requests the sessions of `manager`.
    ///
    /// Add it after the routes that use sessions, so that it is around them. A layer inside another one of the same manager, or of
    /// its clone, shares the session of that one. Inside layers of two managers a handler gets the session of the inner one; the
    /// other is reached by [`session_of`](super::session_of).
    #[must_use]
    pub fn new(manager: SessionManager) -> Self {
        Self { manager, is_fresh: false, refusal: PlainText }
    }
}

impl<R> SessionLayer<R> {
    /// Sets the response when a session could not be saved. Default: [`PlainText`].
    ///
    /// It may be any `Fn(&SessionError) -> http::Response<B>`, for any type of body.
    ///
    /// ```
    /// use cloakroom::{SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};
    ///
    /// fn as_json(error: &SessionError) -> http::Response<axum::body::Body> {
    ///     let body = format!(r#"{{"error":"{}"}}"#, error.public_message());
    ///     let response = http::Response::builder().status(error.status()).header("content-type", "application/json");
    ///     response.body(body.into()).expect("a legal status and header")
    /// }
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let app: axum::Router = axum::Router::new().layer(SessionLayer::new(sessions).refuse_with(as_json));
    /// ```
    #[must_use]
    pub fn refuse_with<N>(self, refusal: N) -> SessionLayer<N> {
        SessionLayer { manager: self.manager, is_fresh: self.is_fresh, refusal }
    }

    /// Asks the store for each session as of now, where the store would otherwise answer from what it knows.
    ///
    /// For a group of routes that must not act on an answer that is a moment old, inside another layer of the same manager or
    /// alone; see [`Session::revalidate`](crate::Session::revalidate). If a handler or a layer further out has loaded the session
    /// already, it is looked at again, and a session that has ended meanwhile is refused with `409 Conflict`.
    ///
    /// ```
    /// # use axum::{Router, routing::post};
    /// # use cloakroom::{Session, SessionManager, store::MemoryStore, tower::SessionLayer};
    /// # async fn transfer(session: Session) {}
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let app: Router = Router::new()
    ///     .route("/transfer", post(transfer))
    ///     .route_layer(SessionLayer::new(sessions.clone()).fresh())
    ///     .route("/cart", post(transfer))
    ///     .layer(SessionLayer::new(sessions));
    /// ```
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }
}

impl<S, R: Clone> Layer<S> for SessionLayer<R> {
    type Service = SessionService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService {
            inner,
            manager: self.manager.clone(),
            is_fresh: self.is_fresh,
            refusal: self.refusal.clone(),
        }
    }
}

/// A service whose requests have sessions; see [`SessionLayer`].
#[derive(Debug, Clone)]
pub struct SessionService<S, R = PlainText> {
    inner: S,
    manager: SessionManager,
    is_fresh: bool,
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
        // Taken here, because a nested router shows its routes only the rest of the path.
        let outer = request.extensions_mut().remove();
        let (path, authority) = (request.uri().path(), request.uri().authority().cloned());
        let (sessions, exchange) = SessionHandle::enter(outer, &self.manager, self.is_fresh, path, authority);
        request.extensions_mut().insert(sessions);
        ResponseFuture::new(self.inner.call(request), exchange, self.refusal.clone())
    }
}
