//! How far a session has come, in one word, so that a request that only reads takes no lock at any time.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// Whether anybody has begun to change a session, whether it shows changes, whether its request is over.
#[derive(Debug, Default)]
pub(super) struct Stage(AtomicU8);

const TOUCHED: u8 = 1;
const CHANGED: u8 = 2;
const CLOSED: u8 = 4;

impl Stage {
    /// Announces that somebody is about to look at more than what was loaded; whether the request was over before.
    ///
    /// This and [`close`](Self::close) are one after the other in the order of the word, so the later one sees the
    /// earlier one.
    pub(super) fn touch(&self) -> bool {
        let known = self.0.load(SeqCst);
        let before = if known & TOUCHED == 0 { self.0.fetch_or(TOUCHED, SeqCst) } else { known };
        before & CLOSED != 0
    }

    /// Ends the request; whether anybody has announced anything before.
    pub(super) fn close(&self) -> bool {
        self.0.fetch_or(CLOSED, SeqCst) & TOUCHED != 0
    }

    /// Whether reads have to look at more than what was loaded.
    pub(super) fn is_changed(&self) -> bool {
        self.0.load(SeqCst) & CHANGED != 0
    }

    pub(super) fn mark_changed(&self) {
        self.0.fetch_or(CHANGED, SeqCst);
    }
}
