//! Waits for the handler, then for the commit; only then do the response's headers leave.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use crate::{
    manager::{Exchange, Finish, Finished},
    session::BoxFuture,
};

/// What a handler has answered, in the words of its framework.
pub(super) trait Answer {
    /// The status that the client would see.
    fn status(&self) -> u16;
}

pin_project! {
    /// A handler, and the end of its exchange.
    pub(super) struct ExchangeFuture<F: Future> {
        #[pin]
        handler: F,
        // Taken when the handler has answered.
        exchange: Option<Exchange>,
        // The commit, and the answer that waits for it: elsewhere, since most requests have none and futures are moved.
        commit: Option<Box<(BoxFuture<'static, Finished>, F::Output)>>,
    }
}

impl<F: Future> ExchangeFuture<F> {
    /// Without an exchange it passes the handler's answer on.
    pub(super) fn new(handler: F, exchange: Option<Exchange>) -> Self {
        Self { handler, exchange, commit: None }
    }
}

impl<F: Future<Output: Answer>> Future for ExchangeFuture<F> {
    type Output = (F::Output, Finished);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.commit.is_none() {
            // A handler that panics takes it down at once, however far out the panic is caught.
            let exchange = this.exchange.take();
            let Poll::Ready(answer) = this.handler.poll(cx) else {
                *this.exchange = exchange;
                return Poll::Pending;
            };
            let Some(exchange) = exchange else { return Poll::Ready((answer, Finished::default())) };
            let mut commit = match exchange.finish(answer.status()) {
                Finish::Ready(finished) => return Poll::Ready((answer, finished)),
                Finish::Pending(commit) => commit,
            };
            // A store that does not wait is done at once.
            if let Poll::Ready(finished) = commit.as_mut().poll(cx) {
                return Poll::Ready((answer, finished));
            }
            *this.commit = Some(Box::new((commit, answer)));
            return Poll::Pending;
        }
        if let Some(waiting) = this.commit {
            let finished = ready!(waiting.0.as_mut().poll(cx));
            if let Some(waiting) = this.commit.take() {
                return Poll::Ready((waiting.1, finished));
            }
        }
        // Polled after completion.
        Poll::Pending
    }
}
