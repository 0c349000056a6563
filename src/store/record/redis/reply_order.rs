//! Whether replies still belong to their calls: [`ReplyOrder`].

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::{Either, select};
use redis::Value;
use tokio::sync::Notify;

use super::{error::CallError, reply::ReplyError};

/// Whether replies on a connection still belong to their calls.
#[derive(Default)]
pub(super) struct ReplyOrder {
    is_lost: AtomicBool,
    lost: Notify,
}

impl ReplyOrder {
    /// The reply to a call, unless the order is lost meanwhile.
    pub(super) async fn keep(
        &self,
        call: impl Future<Output = Result<Value, CallError>> + Unpin,
    ) -> Result<Value, CallError> {
        // A loss after this line is noticed by `select`, an earlier one by the flag.
        let lost = pin!(self.lost.notified());
        if self.is_lost.load(Ordering::SeqCst) {
            return Err(ReplyError::Mismatched.into());
        }
        match select(call, lost).await {
            Either::Left((reply, _)) => reply,
            Either::Right(_) => Err(ReplyError::Mismatched.into()),
        }
    }

    /// Makes all calls fail once a reply has turned out to be another call's.
    pub(super) fn check<T>(&self, answer: Result<T, ReplyError>) -> Result<T, CallError> {
        if let Err(ReplyError::Mismatched) = &answer {
            self.is_lost.store(true, Ordering::SeqCst);
            self.lost.notify_waiters();
        }
        answer.map_err(CallError::from)
    }
}
