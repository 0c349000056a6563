//! The middleware, and the service that it makes.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};

use super::{ResponseFuture, SessionHandle, refusal::Refusal};
use crate::{error::SessionError, manager::SessionManager};

/// Gives every request of the app, scope or resource that it wraps a session.
///
/// A request whose handler never asks for its session costs no store call.
///
/// ```
/// use actix_web::{App, web};
/// use cloakroom::{Session, SessionError, SessionManager, actix::SessionMiddleware, store::MemoryStore};
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
/// let app = App::new().wrap(SessionMiddleware::new(sessions)).route("/", web::get().to(hello));
/// ```
///
/// Errors of middleware further in get the session's headers too: who logged out before an error keeps no cookie.
#[derive(Debug, Clone)]
pub struct SessionMiddleware {
    manager: SessionManager,
    is_fresh: bool,
    refusal: Refusal,
}

impl SessionMiddleware {
    /// A middleware of this manager's sessions.
    ///
    /// One inside another one of the same manager, or of its clone, shares the session of that one. Inside those of two managers a
    /// handler gets the session of the inner one; the other is reached by [`session_of`](super::session_of).
    ///
    /// Make the manager outside of the closure that is given to `HttpServer::new`, and clone it inside: the closure runs
    /// once for each worker, and a store made in it would be that worker's alone.
    #[must_use]
    pub fn new(manager: SessionManager) -> Self {
        Self { manager, is_fresh: false, refusal: Refusal::default() }
    }

    /// Asks the store for each session as of now, where the store would otherwise answer from what it knows.
    ///
    /// For a group of routes that must not act on an answer that is a moment old, inside another layer of the same manager or
    /// alone; see [`Session::revalidate`](crate::Session::revalidate). If a handler or a layer further out has loaded the session
    /// already, it is looked at again, and a session that has ended meanwhile is refused with `409 Conflict`.
    ///
    /// ```
    /// # use actix_web::{App, web};
    /// # use cloakroom::{Session, SessionManager, actix::SessionMiddleware, store::MemoryStore};
    /// # async fn transfer(session: Session) -> &'static str { "Done." }
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let money = web::scope("/money")
    ///     .wrap(SessionMiddleware::new(sessions.clone()).fresh())
    ///     .route("/transfer", web::post().to(transfer));
    /// let app = App::new().wrap(SessionMiddleware::new(sessions)).service(money);
    /// ```
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }

    /// Answers with `refusal` where the handler's response cannot be sent because its session could not be saved.
    /// Default: the error's [status](SessionError::status) and [public message](SessionError::public_message).
    #[must_use]
    pub fn refuse_with(
        self,
        refusal: impl Fn(&SessionError) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        Self { refusal: Refusal::new(refusal), ..self }
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(SessionService {
            inner,
            manager: self.manager.clone(),
            is_fresh: self.is_fresh,
            refusal: self.refusal.clone(),
        }))
    }
}

/// A service whose requests have sessions; see [`SessionMiddleware`].
#[derive(Debug)]
pub struct SessionService<S> {
    inner: S,
    manager: SessionManager,
    is_fresh: bool,
    refusal: Refusal,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        // Here, because others further in may rewrite the path.
        let outer = request.extensions_mut().remove();
        let (path, authority) = (request.path(), request.uri().authority().cloned());
        let (sessions, exchange) = SessionHandle::enter(outer, &self.manager, self.is_fresh, path, authority);
        request.extensions_mut().insert(sessions);
        ResponseFuture::new(self.inner.call(request), exchange, self.refusal.clone())
    }
}
