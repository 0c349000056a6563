//! The response of a service whose requests have sessions.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{Error, body::EitherBody, dev::ServiceResponse};
use pin_project_lite::pin_project;

use super::{failure::finished_error, headers::keep_inner_cookies, refusal::Refusal};
use crate::{
    adapter::exchange::{Answer, ExchangeFuture},
    manager::{Exchange, Finished},
};

pin_project! {
    /// The response of a service whose requests have sessions.
    pub struct ResponseFuture<F: Future> {
        #[pin]
        exchange: ExchangeFuture<F>,
        refusal: Refusal,
    }
}

impl<F: Future> ResponseFuture<F> {
    pub(super) fn new(handler: F, exchange: Option<Exchange>, refusal: Refusal) -> Self {
        Self { exchange: ExchangeFuture::new(handler, exchange), refusal }
    }
}

impl<F: Future> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, B> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (answer, finished) = ready!(this.exchange.poll(cx));
        Poll::Ready(match answer {
            Ok(response) => Ok(finished_response(response, &finished, this.refusal)),
            Err(error) => Err(finished_error(error, finished, this.refusal.clone())),
        })
    }
}

impl<B> Answer for Result<ServiceResponse<B>, Error> {
    /// An error that does not say its status counts as a server error, as actix-web has it.
    fn status(&self) -> u16 {
        let status = match self {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        status.as_u16()
    }
}

/// The handler's response, or the refusal instead of it, with the session's headers.
fn finished_response<B>(
    response: ServiceResponse<B>,
    finished: &Finished,
    refusal: &Refusal,
) -> ServiceResponse<EitherBody<B>> {
    let mut response = match finished.error() {
        Some(error) => {
            let mut refused = refusal.response(error);
            keep_inner_cookies(response.headers(), refused.headers_mut());
            response.into_response(refused).map_into_right_body()
        }
        None => response.map_into_left_body(),
    };
    finished.apply(response.headers_mut());
    response
}
