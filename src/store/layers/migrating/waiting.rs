//! Whether a load may wait for a store.
//!
//! Every load is written once, as an `async fn`. [`load_now`](crate::SessionStore::load_now) runs the same code with
//! [`Waiting::Never`]: where a store would have to be waited for, the future stays pending, and [`at_once`] then has no answer.

use std::{
    future::pending,
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::{store::StoreContext, time::Timestamp};

/// Whether a load may wait for a store.
#[derive(Debug, Clone, Copy)]
pub(super) enum Waiting {
    /// It may, until the deadline of this context.
    Until(StoreContext),
    /// It may not: what is not available in this process stays pending.
    Never(Timestamp),
}

impl Waiting {
    /// The time of the load.
    pub(super) const fn now(self) -> Timestamp {
        match self {
            Self::Until(cx) => cx.now,
            Self::Never(now) => now,
        }
    }

    /// The context of a call that waits. Stays pending where none may.
    pub(super) async fn context(self) -> StoreContext {
        match self {
            Self::Until(cx) => cx,
            Self::Never(_) => pending().await,
        }
    }
}

/// The output of a future that is ready at its first poll.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Deadline;

    #[test]
    fn what_must_not_wait_has_no_context() {
        let now = Timestamp::from_millis(5);
        assert!(at_once(Waiting::Never(now).context()).is_none());
        let cx = StoreContext::new(now, Deadline::NONE);
        assert!(at_once(Waiting::Until(cx).context()).is_some_and(|cx| cx.now == now));
        assert_eq!((Waiting::Never(now).now(), Waiting::Until(cx).now()), (now, now));
    }
}
