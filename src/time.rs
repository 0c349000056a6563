//! Instants, clocks and deadlines. The only place that reads the system's clock.
//!
//! Inside the crate an instant is a [`Timestamp`]: milliseconds since 1970, with arithmetic that saturates, so no
//! hostile or wrong number can overflow. Applications see [`OffsetDateTime`] and [`Duration`].

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use time::OffsetDateTime;

/// A point in time: whole milliseconds since the Unix epoch, UTC.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::time::Timestamp;
///
/// let noon = Timestamp::from_millis(43_200_000);
/// assert_eq!(noon + Duration::from_secs(1), Timestamp::from_millis(43_201_000));
/// assert_eq!(noon + Duration::MAX, Timestamp::MAX, "arithmetic saturates");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant: "never" as an expiry.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A length of time in whole milliseconds, as a record keeps it: half as long as a [`Duration`], and nothing to convert
/// where it is added to an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(i64);

impl Millis {
    pub(crate) const MAX: Self = Self(i64::MAX);

    /// That many; `None` below zero.
    pub(crate) fn new(millis: i64) -> Option<Self> {
        (millis >= 0).then_some(Self(millis))
    }

    pub(crate) const fn get(self) -> i64 {
        self.0
    }

    pub(crate) const fn tenth(self) -> Self {
        Self(self.0 / 10)
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(millis(duration))
    }
}

impl From<Millis> for Duration {
    fn from(length: Millis) -> Self {
        Self::from_millis(length.0.unsigned_abs())
    }
}

impl std::ops::Add<Millis> for Timestamp {
    type Output = Self;

    fn add(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

/// The milliseconds in `duration`, as many as fit.
pub(crate) fn millis(duration: Duration) -> i64 {
    // 64 bits do; the standard library's 128 take three times as long.
    let millis = duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()));
    i64::try_from(millis).unwrap_or(i64::MAX)
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self + Millis::from(duration)
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(Millis::from(duration).0))
    }
}

impl From<Timestamp> for OffsetDateTime {
    /// The same instant; one outside the calendar's years ±9999 becomes the calendar's nearest end.
    fn from(at: Timestamp) -> Self {
        let end = if at.0 < 0 { time::PrimitiveDateTime::MIN } else { time::PrimitiveDateTime::MAX };
        Self::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).unwrap_or(end.assume_utc())
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(at: OffsetDateTime) -> Self {
        let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
        Self(i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// What tells the time; [`SystemClock`] unless a test injects a [`ManualClock`].
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The operating system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the file that may")]
    fn now(&self) -> Timestamp {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Timestamp(millis(after)),
            Err(before) => Timestamp(millis(before.duration()).saturating_neg()),
        }
    }
}

/// A clock that moves only when it is told to, so that a test sees an expiry without sleeping.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::time::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_millis(0));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), Timestamp::from_millis(60_000));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start` until it is advanced.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Moves the clock to any instant, backwards too.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The moment by which a store call has to be done, waiting for a connection included.
///
/// It is measured on the monotonic clock: a change of the wall clock neither shortens nor extends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<std::time::Instant>);

impl Deadline {
    /// No limit.
    pub const NONE: Self = Self(None);

    /// A deadline that lies `budget` ahead.
    #[must_use]
    pub fn after(budget: Duration) -> Self {
        Self(now().checked_add(budget))
    }

    /// The time that is left; `None` without a limit.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(now()))
    }

    /// Whether the time is up.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }

    pub(crate) const fn instant(self) -> Option<std::time::Instant> {
        self.0
    }
}

/// The monotonic clock, as Tokio has it: a test that pauses Tokio's clock pauses this one, too.
fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.since(Timestamp::MIN), Duration::from_millis(i64::MAX as u64));
        assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
    }

    #[test]
    fn every_timestamp_has_a_calendar_date() {
        for at in [Timestamp::MIN, Timestamp(-1), Timestamp(0), Timestamp(1_700_000_000_123), Timestamp::MAX]
        {
            let date = OffsetDateTime::from(at);
            if at != Timestamp::MIN && at != Timestamp::MAX {
                assert_eq!(Timestamp::from(date), at);
            }
        }
    }

    #[test]
    fn the_system_clock_knows_that_this_is_not_1970() {
        assert!(SystemClock.now() > Timestamp::from_millis(1_600_000_000_000));
    }

    #[test]
    fn a_deadline_in_the_past_is_over_and_none_never_is() {
        assert!(Deadline::after(Duration::ZERO).is_over());
        assert!(!Deadline::NONE.is_over());
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NONE);
    }
}
