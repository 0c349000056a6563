//! The response of a service whose requests have sessions.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{Refusal, headers::keep_inner_cookies};
use crate::{
    adapter::exchange::{Answer, ExchangeFuture},
    manager::{Exchange, Finished},
};

pin_project! {
    /// The response of a service whose requests have sessions.
    pub struct ResponseFuture<F: Future, R> {
        #[pin]
        exchange: ExchangeFuture<F>,
        refusal: R,
    }
}

impl<F: Future, R> ResponseFuture<F, R> {
    pub(super) fn new(handler: F, exchange: Option<Exchange>, refusal: R) -> Self {
        Self { exchange: ExchangeFuture::new(handler, exchange), refusal }
    }
}

impl<F: Future, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, B, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: Refusal<B>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (answer, finished) = ready!(this.exchange.poll(cx));
        Poll::Ready(answer.map(|response| finished_response(response, &finished, this.refusal)))
    }
}

impl<B, E> Answer for Result<Response<B>, E> {
    /// A service that fails counts as a server error.
    fn status(&self) -> u16 {
        self.as_ref().map_or(500, |response| response.status().as_u16())
    }
}

/// The handler's response, or the refusal instead of it, with the session's headers.
fn finished_response<B>(
    response: Response<B>,
    finished: &Finished,
    refusal: &impl Refusal<B>,
) -> Response<B> {
    let mut response = match finished.error() {
        Some(error) => {
            let mut refused = refusal.response(error);
            keep_inner_cookies(response.headers(), refused.headers_mut());
            refused
        }
        None => response,
    };
    finished.apply(response.headers_mut());
    response
}
