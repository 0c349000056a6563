//! One deadline over a whole store call, whatever the store does.

use std::{future::poll_fn, pin::pin, task::Poll};

use crate::{
    error::{StoreError, StoreErrorKind},
    time::Deadline,
};

/// The answer of `call`, or a timeout when the deadline has passed.
///
/// A store that answers at once never touches a timer, so the memory store needs no runtime with one.
pub(crate) async fn within<T>(
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
