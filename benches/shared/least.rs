//! The least that any session could cost in axum: a layer that leaves something in the request which it still has when the
//! response comes back, and an extractor that takes it.

use std::{
    pin::Pin,
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll, ready},
};

use axum::{
    extract::FromRequestParts,
    http::{Request, StatusCode, request::Parts},
};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// What the layer and the handler share.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<AtomicBool>);

impl Shared {
    pub(crate) fn touch(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

impl<S: Sync> FromRequestParts<S> for Shared {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[derive(Clone)]
pub(crate) struct Share;

impl<S> Layer<S> for Share {
    type Service = Sharing<S>;

    fn layer(&self, inner: S) -> Sharing<S> {
        Sharing(inner)
    }
}

#[derive(Clone)]
pub(crate) struct Sharing<S>(S);

impl<S: Service<Request<B>>, B> Service<Request<B>> for Sharing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Keeping<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let shared = Shared::default();
        request.extensions_mut().insert(shared.clone());
        Keeping { handler: self.0.call(request), shared }
    }
}

pin_project! {
    pub(crate) struct Keeping<F> {
        #[pin]
        handler: F,
        shared: Shared,
    }
}

impl<F: Future> Future for Keeping<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.handler.poll(cx));
        this.shared.touch();
        Poll::Ready(answer)
    }
}
