//! The rules of a manager: how long sessions live, how large they grow, what happens when something fails. Pure data
//! and pure questions; the builder methods are those of `SessionManager`.

use std::time::Duration;

use crate::{
    record::{ClockId, Lifetime, Record, Rotation},
    time::{Millis, Timestamp},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// What a request gets while the store is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum OnOutage {
    /// Extracting a session fails with `503 Service Unavailable`. The default.
    #[default]
    Refuse,
    /// The handler runs with an empty session that refuses every change, or with `None` where it asks for an optional one.
    /// Nothing is written and no cookie is cleared,
    /// so users who were logged in are logged in again when the store is back.
    ServeAnonymous,
}

/// Which responses keep the changes of their handler. A logout is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum SaveOn {
    /// Any response but a server error (5xx). The default.
    #[default]
    ExceptServerErrors,
    /// Success and redirects only (below 400).
    Success,
    /// Every response.
    Everything,
}

impl SaveOn {
    pub(crate) fn keeps(self, status: u16) -> bool {
        match self {
            Self::ExceptServerErrors => status < 500,
            Self::Success => status < 400,
            Self::Everything => true,
        }
    }
}

/// What a blind write does to a value that changed since this request read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum OnStaleWrite {
    /// The request is answered `409 Conflict` and nothing is written. The default.
    #[default]
    Conflict,
    /// The last writer wins, as if every key were declared [`last_writer_wins`](crate::Key::last_writer_wins).
    Overwrite,
}

/// What a login does whose subject has reached its limit of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum OnTooManySessions {
    /// It ends those used the longest ago. The default.
    #[default]
    EndOldest,
    /// It is refused with `403 Forbidden`.
    Refuse,
}

/// How many sessions one subject may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionLimit {
    pub(crate) most: usize,
    /// What a login beyond that does.
    pub(crate) beyond: OnTooManySessions,
    /// Whether nobody asked for it. Then a store that cannot count is no error.
    pub(crate) is_default: bool,
}

impl Default for SessionLimit {
    /// More than anybody has devices, and few enough that one account does not fill a store.
    fn default() -> Self {
        Self { most: 100, beyond: OnTooManySessions::EndOldest, is_default: true }
    }
}

/// The rules of a manager.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) lifetime: Lifetime,
    /// The longest that a session may stay unused while nobody is logged in.
    pub(crate) anonymous_idle: Duration,
    /// The longest time `remember` may ask for.
    pub(crate) remember_at_most: Duration,
    /// How stale the last use may get before it is written down; a tenth of the idle timeout if not chosen.
    pub(crate) touch_after: Option<Duration>,
    /// How far ahead of this server's clock a time stamp may lie.
    pub(crate) leeway: Duration,
    /// How long a replaced secret is honoured after a renewal.
    pub(crate) renewal_grace: Duration,
    /// How long requests that were sent before a login or logout may still arrive.
    pub(crate) in_flight: Duration,
    /// The time for all store calls of a load, and again for those of a commit.
    pub(crate) store_timeout: Duration,
    /// The largest session data, in bytes.
    pub(crate) max_data: usize,
    pub(crate) session_limit: SessionLimit,
    pub(crate) on_outage: OnOutage,
    pub(crate) save_on: SaveOn,
    pub(crate) on_stale_write: OnStaleWrite,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lifetime: Lifetime { idle: 30 * MINUTE, absolute: 12 * HOUR },
            anonymous_idle: HOUR,
            remember_at_most: 30 * DAY,
            touch_after: None,
            leeway: MINUTE,
            renewal_grace: Self::LONGEST_GRACE,
            in_flight: MINUTE,
            store_timeout: Duration::from_secs(2),
            max_data: 256 * 1024,
            session_limit: SessionLimit::default(),
            on_outage: OnOutage::default(),
            save_on: SaveOn::default(),
            on_stale_write: OnStaleWrite::default(),
        }
    }
}

impl Policy {
    /// The longest a replaced secret may be honoured.
    pub(crate) const LONGEST_GRACE: Duration = Duration::from_secs(30);

    /// Whether the record has ended by its own times or by today's rules, if those have become stricter.
    pub(crate) fn has_expired(&self, record: &Record, now: Timestamp) -> bool {
        record.is_expired(now) || (!record.is_remembered() && self.rules_out(record, now))
    }

    fn rules_out(&self, record: &Record, now: Timestamp) -> bool {
        // A session that was remembered and no longer is began anew then.
        let began = record.created_at().max(record.authenticated_at().unwrap_or(Timestamp::MIN));
        let Lifetime { idle, absolute } =
            if record.subject().is_some() { self.lifetime } else { self.anonymous_lifetime() };
        now >= began + absolute || now >= record.last_active() + idle
    }

    /// No session that begins or is used now lives longer than this from now on.
    pub(crate) fn longest_lifetime(&self) -> Duration {
        self.lifetime.absolute.max(self.remember_at_most)
    }

    /// The lifetime of a session while nobody is logged in.
    pub(crate) fn anonymous_lifetime(&self) -> Lifetime {
        Lifetime { idle: self.lifetime.idle.min(self.anonymous_idle), ..self.lifetime }
    }

    /// Whether the record claims to come from further in the future than clocks differ. Such a record grants nothing.
    pub(crate) fn is_from_the_future(&self, record: &Record, now: Timestamp) -> bool {
        record.created_at() > now + self.leeway
            || record.authenticated_at().is_some_and(|at| at > now + self.leeway)
    }

    /// Whether any time of the record is further in the future than clocks are expected to differ.
    pub(crate) fn is_ahead(&self, record: &Record, now: Timestamp) -> bool {
        record.latest_time() > now + self.leeway
    }

    /// Whether the last use is stale enough to be written down.
    pub(crate) fn touch_is_due(&self, record: &Record, now: Timestamp) -> bool {
        let after = self.touch_after.map_or_else(|| record.idle().tenth().min(MINUTE.into()), Millis::from);
        now > record.last_active() && now >= record.last_active() + after
    }

    /// Whether something that happened then may still meet requests that were sent before it. The time may be of another server,
    /// whose clock differs in either direction.
    pub(crate) fn is_recent(&self, at: Timestamp, now: Timestamp) -> bool {
        let window = self.in_flight + self.leeway;
        now.since(at) < window && at.since(now) < window
    }

    /// How a login or a renewal changes the secret. A login has no grace, so that no clock decides.
    pub(crate) fn rotation(&self, is_login: bool, clock: ClockId, now: Timestamp) -> Rotation {
        let rotation = if is_login || self.renewal_grace.is_zero() {
            Rotation::without_grace(now)
        } else {
            Rotation::with_grace(now, self.renewal_grace)
        };
        rotation.by(clock).forgetting(now - (self.in_flight + 2 * self.leeway))
    }
    /// The lifetime that `remember` asks for, within bounds.
    pub(crate) fn remembered(&self, asked: Duration) -> Lifetime {
        let granted = asked.min(self.remember_at_most);
        Lifetime { idle: granted, absolute: granted }
    }

    /// For how long a remembered session goes on from now, if a tenth of that time has passed since it was last told so.
    pub(crate) fn prolongs(&self, record: &Record, now: Timestamp) -> Option<Duration> {
        let asked = record.is_remembered().then(|| record.idle_timeout())?;
        let granted = self.remembered(asked).absolute;
        (record.deadline() <= now + (granted - granted / 10)).then_some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{SessionId, WriteId},
        secret::Secret,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn record(lifetime: Lifetime) -> Record {
        Record::new(
            SessionId::from_bytes([0; 16]),
            Secret::from_bytes([0; 16]),
            WriteId::from_u64(0),
            lifetime,
            NOW,
        )
    }

    #[test]
    fn stricter_rules_reach_sessions_that_began_under_laxer_ones() {
        let policy = Policy::default();
        let mut old = record(Lifetime { idle: DAY, absolute: 7 * DAY });
        assert!(policy.has_expired(&old, NOW + 30 * MINUTE));
        old.touch(NOW + 12 * HOUR);
        assert!(policy.has_expired(&old, NOW + 12 * HOUR));
    }

    #[test]
    fn an_anonymous_session_has_a_shorter_life_of_its_own() {
        let policy = Policy { lifetime: Lifetime { idle: 7 * DAY, absolute: 30 * DAY }, ..Policy::default() };
        let anonymous = record(policy.lifetime);
        let logged_in = record(policy.lifetime)
            .into_draft()
            .logged_in(crate::record::Subject::new("alice"), NOW)
            .finish();
        assert!(policy.has_expired(&anonymous, NOW + HOUR));
        assert!(!policy.has_expired(&logged_in, NOW + HOUR));
        let short = Policy { lifetime: Lifetime { idle: MINUTE, absolute: DAY }, ..Policy::default() };
        assert_eq!(short.anonymous_lifetime(), short.lifetime);
    }

    #[test]
    fn a_time_stamp_beyond_the_leeway_grants_nothing() {
        let policy = Policy::default();
        let record = record(policy.lifetime);
        let behind =
            |by: Duration| Timestamp::from_millis(NOW.as_millis() - i64::try_from(by.as_millis()).unwrap());
        assert!(!policy.is_from_the_future(&record, behind(MINUTE)));
        assert!(policy.is_from_the_future(&record, behind(MINUTE + Duration::from_millis(1))));
    }

    #[test]
    fn a_touch_is_due_after_part_of_the_idle_timeout() {
        let policy = Policy::default();
        let record = record(policy.lifetime);
        assert!(!policy.touch_is_due(&record, NOW + Duration::from_millis(59_999)));
        assert!(policy.touch_is_due(&record, NOW + MINUTE));
    }

    #[test]
    fn remember_is_bounded() {
        let granted = Policy::default().remembered(Duration::MAX);
        assert_eq!(granted, Lifetime { idle: 30 * DAY, absolute: 30 * DAY });
    }
}
