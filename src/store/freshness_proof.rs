//! When a view of a store was last known to be right: [`FreshnessProof`].

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use crate::time::Timestamp;

/// When a view of a store was last known to be right. The view counts while this is less long ago than its bound.
///
/// A proof is the time at which a question was *sent* whose answer would have contradicted the view: a read of the record itself,
/// or any call on the connection on which the store [announces changes](super::ChangeListener). All times are those of
/// calls, by this process's clock; a proof from the future, by a clock that was set back, proves nothing.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::{store::FreshnessProof, time::Timestamp};
///
/// let (proof, second) = (FreshnessProof::none(), Duration::from_secs(1));
/// let sent = Timestamp::from_millis(10_000);
/// assert!(!proof.holds(sent, second));
/// proof.renew(sent);
/// assert!(proof.holds(sent, second));
/// assert!(!proof.holds(sent + second, second));
/// assert!(!proof.holds(Timestamp::from_millis(9_999), second));
/// ```
#[derive(Debug)]
pub struct FreshnessProof(AtomicI64);

/// A call without a time proves nothing.
const NEVER: Timestamp = Timestamp::MIN;

impl FreshnessProof {
    /// No proof yet.
    #[must_use]
    pub const fn none() -> Self {
        Self(AtomicI64::new(NEVER.as_millis()))
    }

    /// The view was right when a question was sent at `sent`, or later.
    ///
    /// An earlier time than before replaces the later one: this is how the view comes back after the clock was set back.
    pub fn renew(&self, sent: Timestamp) {
        if sent != NEVER {
            self.0.store(sent.as_millis(), Ordering::SeqCst);
        }
    }

    /// Nothing is known of the view any more.
    pub fn withdraw(&self) {
        self.0.store(NEVER.as_millis(), Ordering::SeqCst);
    }

    /// When the question was sent, if there is a proof.
    #[must_use]
    pub fn sent(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.0.load(Ordering::SeqCst))).filter(|sent| *sent != NEVER)
    }

    /// Whether the view counts at `now`, if it has to be younger than `within`.
    #[must_use]
    pub fn holds(&self, now: Timestamp, within: Duration) -> bool {
        self.sent().is_some_and(|sent| Self::is_young(sent, now, within))
    }

    /// Whether a question that was sent at `sent` proves something at `now`: when `within` is over it does not.
    #[must_use]
    pub fn is_young(sent: Timestamp, now: Timestamp, within: Duration) -> bool {
        sent <= now && now.since(sent) < within
    }
}
