//! Doing many things at the same time, within one task.

use std::{future::poll_fn, pin::Pin, task::Poll};

/// Runs all futures concurrently, within this task.
pub(super) async fn run_all<F: Future<Output = ()>>(workers: impl Iterator<Item = F>) {
    let mut workers: Vec<Pin<Box<F>>> = workers.map(Box::pin).collect();
    poll_fn(|cx| {
        workers.retain_mut(|worker| worker.as_mut().poll(cx).is_pending());
        if workers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
