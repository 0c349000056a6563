//! The time: one for the history, and clocks that are wrong for the servers.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use cloakroom::time::{Clock, SystemClock, Timestamp};

/// When something happened, by one clock for the whole run that never goes back.
pub(crate) type Moment = Duration;

/// Now, as the history has it.
#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) fn now() -> Moment {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}

#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) fn rest_blocking(time: Duration) {
    std::thread::sleep(time);
}

/// The system's clock, wrong by so many milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrongClock(pub(crate) i64);

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.0)
    }
}
