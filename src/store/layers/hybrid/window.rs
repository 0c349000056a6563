//! How long a token is believed without asking the store.

use std::time::Duration;

use crate::time::Timestamp;

/// For how long a token is believed, by clocks that differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// From the moment on at which the store was asked.
    pub(super) length: Duration,
    /// By how much the clock of the server that asked may differ from this one's.
    pub(super) leeway: Duration,
}

impl Window {
    /// Whether what the store was asked for at `as_of` is no older than the window, whichever of the two clocks is ahead.
    pub(super) fn believes(self, as_of: Timestamp, now: Timestamp) -> bool {
        self.length
            .checked_sub(self.leeway)
            .is_some_and(|length| now.since(as_of) <= length && as_of.since(now) <= self.leeway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WINDOW: Window = Window { length: Duration::from_secs(60), leeway: Duration::from_secs(5) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1000 * second)
    }

    #[test]
    fn however_the_clocks_differ_within_the_leeway_nothing_older_is_believed() {
        for difference in -5..=5 {
            for age in 61..70 {
                assert!(!WINDOW.believes(at(1000), at(1000 + age + difference)), "{difference} {age}");
            }
            for age in 0..=50 {
                assert!(WINDOW.believes(at(1000), at(1000 + age + difference)), "{difference} {age}");
            }
        }
    }

    #[test]
    fn a_time_beyond_the_leeway_and_a_window_below_it_are_never_believed() {
        assert!(WINDOW.believes(at(5), at(0)));
        assert!(!WINDOW.believes(at(6), at(0)));
        assert!(!Window { length: 4 * SECOND, ..WINDOW }.believes(at(0), at(0)));
        assert!(!WINDOW.believes(Timestamp::MIN, at(0)));
        assert!(!WINDOW.believes(Timestamp::MAX, at(0)));
    }
}
