//! What every store call is given: the time, the deadline and, for a load, the bytes that a client presented.

use std::{fmt, future::poll_fn, pin::pin, task::Poll};

use crate::{
    error::{StoreError, StoreErrorKind},
    time::{Deadline, Timestamp},
};

/// The context of a store call: the current time, the deadline, and how fresh the answer has to be.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StoreContext {
    /// The time now. A store never reads a clock of its own.
    pub now: Timestamp,
    /// When the call has to have ended, with an error if need be.
    pub deadline: Deadline,
    /// How fresh the answer has to be.
    pub freshness: Freshness,
}

/// How fresh the answer to a load or a search has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Freshness {
    /// As fresh as the store [guarantees](crate::store::Guarantees): a layer may answer from what it knows.
    #[default]
    Guaranteed,
    /// As of this call: each layer asks the store below it.
    Now,
}

impl StoreContext {
    /// The context of a call made at `now` that must end by `deadline`. Its answer may be as old as the store guarantees.
    #[must_use]
    pub const fn new(now: Timestamp, deadline: Deadline) -> Self {
        Self { now, deadline, freshness: Freshness::Guaranteed }
    }

    /// Asks for an answer as of this call, which no layer may give from what it knows.
    #[must_use]
    pub const fn fresh(self) -> Self {
        Self { freshness: Freshness::Now, ..self }
    }
}

/// The bytes that a client presented as a token. Hostile until a store has authenticated them; redacted in `Debug`.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a>(&'a [u8]);

impl<'a> PresentedToken<'a> {
    /// A presented token.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, exactly as they came.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedToken({} bytes)", self.0.len())
    }
}

/// Ends `call` at the deadline, with an error of the kind [`Timeout`](StoreErrorKind::Timeout).
///
/// Every store call has to end at its deadline. A store whose client has no timeouts of its own wraps what it awaits in this
/// function. A call that is ready at its first poll sets no timer, so a store that never waits needs no runtime with one.
///
/// # Errors
/// The call's own error, or the timeout.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::{StoreErrorKind, store::within, time::Deadline};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let silent = std::future::pending::<Result<(), _>>();
/// let error = within(Deadline::after(Duration::from_secs(2)), silent).await.unwrap_err();
/// assert_eq!(error.kind(), StoreErrorKind::Timeout);
/// # }
/// ```
pub async fn within<T>(
    deadline: Deadline,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut call = pin!(call);
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
        return answer;
    }
    let Some(at) = deadline.instant() else { return call.await };
    tokio::time::timeout_at(at.into(), call).await.unwrap_or_else(|_| {
        Err(StoreError::new(StoreErrorKind::Timeout, "the session store did not answer before the deadline"))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_times_out() {
        let silent = std::future::pending::<Result<(), StoreError>>();
        let error = within(Deadline::after(Duration::from_secs(1)), silent).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Timeout);
    }

    #[test]
    fn an_immediate_answer_needs_no_timer() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(within(Deadline::after(Duration::from_secs(1)), async { Ok(1) }));
        assert_eq!(answer.unwrap(), 1);
    }
}
