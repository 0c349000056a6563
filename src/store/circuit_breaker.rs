//! Fails calls at once while a store does not answer: [`CircuitBreaker`].

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::{info, warn};

use crate::{
    error::{StoreError, StoreErrorKind},
    time::Deadline,
};

/// For how long a store may be silent while calls wait. A pause for a snapshot is shorter, and harms nobody.
const SILENCE: Duration = Duration::from_secs(1);

/// When a [`CircuitBreaker`] opens, and for how long.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::store::CircuitBreakerOptions;
///
/// let options = CircuitBreakerOptions { cool_down: Duration::from_secs(1), ..CircuitBreakerOptions::default() };
/// assert_eq!(options.threshold, 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitBreakerOptions {
    /// After how many calls in a row that had no answer the store is not asked any more, and how many have to wait when it
    /// has been silent for a second. Default: 8. Zero counts as one.
    pub threshold: u32,
    /// How long the store is left alone before one call tries again. Default: 250 milliseconds.
    pub cool_down: Duration,
}

impl Default for CircuitBreakerOptions {
    fn default() -> Self {
        Self { threshold: 8, cool_down: Duration::from_millis(250) }
    }
}

/// Stops asking a store that does not answer, so that requests fail in microseconds rather than at their deadline.
///
/// It is closed while the store answers. It opens after a number of calls in a row without an answer, or when that many wait
/// and there was none for a second. Then calls fail at once with
/// [`CircuitOpen`](StoreErrorKind::CircuitOpen). After the cool-down one call at a time finds out whether the store is back;
/// the first answer closes the breaker, be it the answer to an earlier call.
///
/// A call has no answer if it fails with [`Unavailable`](StoreErrorKind::Unavailable) or [`Timeout`](StoreErrorKind::Timeout).
/// Any other error is an answer. A call whose deadline has passed before it began proves nothing.
///
/// [`CircuitBreakerStore`](super::CircuitBreakerStore) puts one before any store; the stores in Redis and PostgreSQL have one of their own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use cloakroom::{StoreError, StoreErrorKind, store::{CircuitBreaker, CircuitBreakerOptions}, time::Deadline};
///
/// let breaker = CircuitBreaker::new(CircuitBreakerOptions { threshold: 1, ..CircuitBreakerOptions::default() });
/// let deadline = Deadline::after(Duration::from_secs(2));
/// let call = async || Err::<(), _>(StoreError::new(StoreErrorKind::Unavailable, "no route to the store"));
/// let first = breaker.call(deadline, call()).await.unwrap_err();
/// assert_eq!(first.kind(), StoreErrorKind::Unavailable);
/// let second = breaker.call(deadline, call()).await.unwrap_err();
/// assert_eq!(second.kind(), StoreErrorKind::CircuitOpen);
/// # }
/// ```
pub struct CircuitBreaker {
    options: CircuitBreakerOptions,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Calls in a row without an answer.
    failures: u32,
    /// Calls that wait for their answer.
    waiting: u32,
    /// Until then a silence is no bad sign.
    may_be_silent: Deadline,
    /// What the last call without an answer failed with.
    cause: Option<StoreError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    /// The store is not asked until then.
    Open(Deadline),
    /// One call asks.
    Probing,
}

impl CircuitBreaker {
    /// A breaker that is closed.
    #[must_use]
    pub const fn new(options: CircuitBreakerOptions) -> Self {
        let state = State {
            phase: Phase::Closed,
            failures: 0,
            waiting: 0,
            may_be_silent: Deadline::NONE,
            cause: None,
        };
        Self { options, state: Mutex::new(state) }
    }

    /// Makes a call, unless the breaker is open.
    ///
    /// # Errors
    /// Those of the call, or [`CircuitOpen`](StoreErrorKind::CircuitOpen) without making it, with the error of the last call
    /// as its source.
    pub async fn call<T>(
        &self,
        deadline: Deadline,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if deadline.is_over() {
            return call.await;
        }
        self.admit()?;
        self.observed(deadline, call).await
    }

    /// Makes a call even if the breaker is open. Its answer closes it.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn probe<T>(
        &self,
        deadline: Deadline,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if deadline.is_over() {
            return call.await;
        }
        self.state().begin();
        self.observed(deadline, call).await
    }

    async fn observed<T>(
        &self,
        deadline: Deadline,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut waiting = Waiting { breaker: self, deadline, is_noted: false };
        let answer = call.await;
        waiting.is_noted = true;
        match &answer {
            Err(error) if error.is_transient() => self.failed(Some(error)),
            _ => self.answered(),
        }
        answer
    }

    fn admit(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        match state.phase {
            Phase::Closed if state.is_hanging(self.threshold()) => {
                self.open(&mut state);
                return Err(self.refusal(&state));
            }
            Phase::Closed => {}
            Phase::Open(until) if until.is_over() => state.phase = Phase::Probing,
            Phase::Open(_) | Phase::Probing => return Err(self.refusal(&state)),
        }
        state.begin();
        Ok(())
    }

    fn answered(&self) {
        let mut state = self.state();
        state.end();
        state.failures = 0;
        state.cause = None;
        state.may_be_silent = Deadline::after(SILENCE);
        if state.phase != Phase::Closed {
            state.phase = Phase::Closed;
            drop(state);
            info!("the session store answers again");
        }
    }

    fn failed(&self, error: Option<&StoreError>) {
        let mut state = self.state();
        state.end();
        state.failures = state.failures.saturating_add(1);
        state.cause = error.cloned().or(state.cause.take());
        match state.phase {
            Phase::Closed if state.failures < self.threshold() => {}
            // A call from before it opened tells nothing new.
            Phase::Open(_) => {}
            Phase::Closed | Phase::Probing => self.open(&mut state),
        }
    }

    /// The caller has given up before the deadline, which tells nothing: another call is to find out.
    fn given_up(&self) {
        let mut state = self.state();
        state.end();
        if state.phase == Phase::Probing {
            state.phase = Phase::Open(Deadline::after(Duration::ZERO));
        }
    }

    fn open(&self, state: &mut State) {
        if state.phase == Phase::Closed {
            let cause = state.cause.as_ref();
            warn!(
                cause = cause.map(tracing::field::display),
                "the session store does not answer; calls fail at once until it does"
            );
        }
        state.phase = Phase::Open(Deadline::after(self.options.cool_down));
    }

    fn refusal(&self, state: &State) -> StoreError {
        let left = match state.phase {
            Phase::Open(until) => until.remaining(),
            _ => None,
        };
        let error = StoreError::new(
            StoreErrorKind::CircuitOpen,
            "the session store has not answered lately and is not asked for a moment",
        )
        .with_retry_after(left.unwrap_or(self.options.cool_down));
        match &state.cause {
            Some(cause) => error.with_source(cause.clone()),
            None => error,
        }
    }

    fn threshold(&self) -> u32 {
        self.options.threshold.max(1)
    }

    /// Nothing that is done under the lock panics halfway, so a poisoned lock guards a whole state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) {
        if self.waiting == 0 {
            self.may_be_silent = Deadline::after(SILENCE);
        }
        self.waiting = self.waiting.saturating_add(1);
    }

    fn end(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    fn is_hanging(&self, threshold: u32) -> bool {
        self.waiting >= threshold && self.may_be_silent.is_over()
    }
}

/// A call that waits for its answer. Dropped because its deadline has passed, it counts as one without an answer.
struct Waiting<'a> {
    breaker: &'a CircuitBreaker,
    deadline: Deadline,
    is_noted: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        match self.is_noted {
            true => {}
            false if self.deadline.is_over() => self.breaker.failed(None),
            false => self.breaker.given_up(),
        }
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.state().phase;
        f.debug_struct("CircuitBreaker")
            .field("options", &self.options)
            .field("phase", &phase)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const OPTIONS: CircuitBreakerOptions = CircuitBreakerOptions { threshold: 3, cool_down: Duration::ZERO };
    const RESTING: CircuitBreakerOptions =
        CircuitBreakerOptions { threshold: 3, cool_down: Duration::from_secs(60) };

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(60))
    }

    async fn ask(breaker: &CircuitBreaker, answer: Result<(), StoreErrorKind>) -> Result<(), StoreErrorKind> {
        let call = async { answer.map_err(|kind| StoreError::new(kind, "as told")) };
        breaker.call(soon(), call).await.map_err(|error| error.kind())
    }

    async fn fails(breaker: &CircuitBreaker, times: usize) {
        for _ in 0..times {
            assert_eq!(ask(breaker, Err(StoreErrorKind::Timeout)).await, Err(StoreErrorKind::Timeout));
        }
    }

    const OPEN: Result<(), StoreErrorKind> = Err(StoreErrorKind::CircuitOpen);

    #[tokio::test]
    async fn it_opens_after_failures_in_a_row_and_says_why() {
        let breaker = CircuitBreaker::new(RESTING);
        fails(&breaker, 2).await;
        assert_eq!(ask(&breaker, Ok(())).await, Ok(()));
        fails(&breaker, 3).await;
        assert_eq!(ask(&breaker, Ok(())).await, OPEN);
        let refusal = breaker.call(soon(), ready(Ok(()))).await.unwrap_err();
        assert_eq!(std::error::Error::source(&refusal).unwrap().to_string(), "as told");
        assert!(refusal.retry_after().unwrap() > Duration::from_secs(50));
    }

    #[tokio::test]
    async fn an_error_that_is_an_answer_does_not_open_it() {
        let breaker = CircuitBreaker::new(RESTING);
        for _ in 0..9 {
            assert_eq!(ask(&breaker, Err(StoreErrorKind::Full)).await, Err(StoreErrorKind::Full));
        }
        assert_eq!(ask(&breaker, Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn one_call_at_a_time_asks_whether_the_store_is_back() {
        let breaker = CircuitBreaker::new(OPTIONS);
        fails(&breaker, 3).await;
        let mut probe = Box::pin(breaker.call(soon(), pending::<Result<(), _>>()));
        assert!(futures_poll(&mut probe).is_none());
        assert_eq!(ask(&breaker, Ok(())).await, OPEN, "somebody is asking");
        drop(probe);
        assert_eq!(ask(&breaker, Ok(())).await, Ok(()), "the next one asks");
        assert_eq!(ask(&breaker, Ok(())).await, Ok(()), "it is closed");
    }

    #[tokio::test]
    async fn a_probe_that_fails_opens_it_again() {
        let breaker = CircuitBreaker::new(OPTIONS);
        fails(&breaker, 4).await;
        let mut probe = Box::pin(breaker.call(soon(), pending::<Result<(), _>>()));
        assert!(futures_poll(&mut probe).is_none());
        assert_eq!(ask(&breaker, Ok(())).await, OPEN);
    }

    #[tokio::test]
    async fn an_earlier_call_that_is_answered_closes_it() {
        let breaker = CircuitBreaker::new(RESTING);
        let (answers, answer) = tokio::sync::oneshot::channel();
        let mut earlier = Box::pin(breaker.call(soon(), async {
            answer.await.unwrap();
            Ok(())
        }));
        assert!(futures_poll(&mut earlier).is_none());
        fails(&breaker, 3).await;
        assert_eq!(ask(&breaker, Ok(())).await, OPEN);
        answers.send(()).unwrap();
        earlier.await.unwrap();
        assert_eq!(ask(&breaker, Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn a_call_without_time_proves_nothing() {
        let breaker = CircuitBreaker::new(RESTING);
        for _ in 0..9 {
            let call = ready(Err::<(), _>(StoreError::new(StoreErrorKind::Timeout, "no time")));
            breaker.call(Deadline::after(Duration::ZERO), call).await.unwrap_err();
        }
        assert_eq!(ask(&breaker, Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn a_silence_opens_it_before_any_call_has_failed() {
        let breaker = CircuitBreaker::new(RESTING);
        let mut waiting: Vec<_> =
            (0..3).map(|_| Box::pin(breaker.call(soon(), pending::<Result<(), _>>()))).collect();
        assert!(waiting.iter_mut().all(|call| futures_poll(call).is_none()));
        assert_eq!(ask(&breaker, Ok(())).await, Ok(()));
        breaker.state().may_be_silent = Deadline::after(Duration::ZERO);
        assert_eq!(ask(&breaker, Ok(())).await, OPEN);
    }

    /// Polls once.
    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
