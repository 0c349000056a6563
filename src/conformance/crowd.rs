//! Many at the same time.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::{Failure, verdict::broken};

/// How many do it at the same time.
pub(super) const CROWD: usize = 64;

/// Lets sixty-four tasks do the same at the same time.
pub(super) async fn crowd<T, F>(member: impl Fn(usize) -> F) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    crowd_of(CROWD, member).await
}

/// Lets `size` tasks do the same at the same time: none begins before all are there.
pub(super) async fn crowd_of<T, F>(size: usize, member: impl Fn(usize) -> F) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(size));
    let mut tasks = JoinSet::new();
    for n in 0..size {
        let (start, task) = (Arc::clone(&start), member(n));
        tasks.spawn(async move {
            start.wait().await;
            pause().await;
            task.await
        });
    }
    let mut answers = Vec::with_capacity(size);
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer.map_err(|error| broken(format!("a task did not end: {error}")))??);
    }
    Ok(answers)
}

/// Lets others go first.
///
/// Several times, because a call with a deadline is polled twice before it yields.
pub(super) async fn pause() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}
