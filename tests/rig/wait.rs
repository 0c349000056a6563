//! Waiting for real processes: by asking again until it is so, never for a fixed time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take. Only a failing test, or a machine in distress, gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to rest between two questions, at first and at most.
const REST: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(200)];

/// Asks until the answer is yes.
///
/// # Panics
///
/// When it takes longer than a minute; the message says `what` was waited for.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(rest(began));
    }
}

/// [`until`] for questions that are asked asynchronously.
///
/// # Panics
///
/// As [`until`] does.
#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(rest(began)).await;
    }
}

/// A question may cost dozens of connections, so what takes seconds is asked less often.
fn rest(began: Instant) -> Duration {
    let [first, longest] = REST;
    (began.elapsed() / 20).clamp(first, longest)
}
