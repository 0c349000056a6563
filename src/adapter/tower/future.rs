//! Waits for the handler, then for the commit; only then do the response's headers leave.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::Refusal;
use crate::{
    manager::{Exchange, Finish, Finished},
    session::BoxFuture,
};

pin_project! {
    /// The response of a service whose requests have sessions.
    pub struct ResponseFuture<F, B, R> {
        #[pin]
        handler: F,
        // Taken when the handler has answered.
        exchange: Option<Exchange>,
        // The commit, and the response that waits for it.
        commit: Option<(BoxFuture<'static, Finished>, Response<B>)>,
        refusal: R,
    }
}

impl<F, B, R> ResponseFuture<F, B, R> {
    pub(super) fn new(handler: F, exchange: Exchange, refusal: R) -> Self {
        Self { handler, exchange: Some(exchange), commit: None, refusal }
    }
}

impl<F, B, R> fmt::Debug for ResponseFuture<F, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

impl<F, B, R, E> Future for ResponseFuture<F, B, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: Refusal<B>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.commit.is_none() {
            // A handler that panics takes it down at once, however far out the panic is caught.
            let exchange = this.exchange.take();
            let Poll::Ready(answer) = this.handler.poll(cx) else {
                *this.exchange = exchange;
                return Poll::Pending;
            };
            // A service that fails counts as a server error.
            let status = answer.as_ref().map_or(500, |response| response.status().as_u16());
            let finish = match exchange {
                Some(exchange) => exchange.finish(status),
                None => Finish::Ready(Finished::default()),
            };
            match (answer, finish) {
                // A log-out is in a task of its own by now and needs nobody who waits.
                (Err(error), _) => return Poll::Ready(Err(error)),
                (Ok(response), Finish::Ready(finished)) => {
                    return Poll::Ready(Ok(finished_response(response, &finished, this.refusal)));
                }
                (Ok(response), Finish::Pending(commit)) => *this.commit = Some((commit, response)),
            }
        }
        if let Some((commit, _)) = this.commit {
            let finished = ready!(commit.as_mut().poll(cx));
            if let Some((_, response)) = this.commit.take() {
                return Poll::Ready(Ok(finished_response(response, &finished, this.refusal)));
            }
        }
        // Polled after completion.
        Poll::Pending
    }
}

/// The handler's response, or the refusal in its place, with the session's headers.
fn finished_response<B>(
    response: Response<B>,
    finished: &Finished,
    refusal: &impl Refusal<B>,
) -> Response<B> {
    let mut response = match finished.error() {
        Some(error) => refusal.response(error),
        None => response,
    };
    finished.apply(response.headers_mut());
    response
}
