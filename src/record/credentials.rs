//! The secrets that open a record, and the comparison of a presented secret with them.
//!
//! The engine draws a secret together with the write that introduces it, so the client is told about it exactly once: a store
//! issues a token only for a secret that is fresh. That is why responses to ordinary writes set no cookie.

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::{BuildHasher as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use subtle::ConstantTimeEq as _;

use crate::{
    secret::{Secret, SecretHash},
    time::Timestamp,
};

/// A secret as a record keeps it: itself within the process, its hash anywhere else.
#[derive(Clone)]
pub(crate) enum Kept {
    /// None: a record that its client carries is opened by its seal.
    Nothing,
    Plain(Secret),
    Hashed(SecretHash),
}

impl Kept {
    fn is(&self, presented: &Secret) -> bool {
        match self {
            Self::Nothing => false,
            Self::Plain(secret) => secret.ct_eq(presented).into(),
            Self::Hashed(hash) => hash.ct_eq(&presented.hash()).into(),
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => true,
            (Self::Plain(one), Self::Plain(other)) => one.ct_eq(other).into(),
            _ => match (self.hash(), other.hash()) {
                (Some(one), Some(other)) => one.ct_eq(&other).into(),
                _ => false,
            },
        }
    }

    /// What may leave the process.
    pub(crate) fn hash(&self) -> Option<SecretHash> {
        match self {
            Self::Nothing => None,
            Self::Plain(secret) => Some(secret.hash()),
            Self::Hashed(hash) => Some(hash.clone()),
        }
    }
}

/// How many of the secrets before the current one are kept at the most.
pub(super) const MAX_REPLACED: usize = 16;

/// The current secret of a record, and those before it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) current: Kept,
    /// Whether `current` was drawn for the write at hand, so that the client has yet to be told.
    pub(crate) fresh: bool,
    /// Whether the client holds no token of this store, so that the next write has to bring it one.
    pub(crate) due: bool,
    /// The secrets before, the newest first, as long as a request that was sent with one may still be under way: so a late request
    /// is told from a forgery. A thin pointer, because most records have none.
    pub(crate) replaced: Option<Arc<Vec<Replaced>>>,
}

/// A secret that was replaced by another.
#[derive(Clone)]
pub(crate) struct Replaced {
    pub(crate) secret: Kept,
    pub(crate) at: Timestamp,
    /// Until when it still opens the record, after a renewal. Where it does not, there is no time: one would be judged by other
    /// servers, whose clocks differ.
    pub(crate) honoured_until: Option<Timestamp>,
    /// Whose clock these times are of.
    pub(crate) clock: ClockId,
}

/// Whose clock a time is of, so that other servers allow for the difference. It is random, and no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockId(pub(super) u64);

impl ClockId {
    pub(crate) fn random() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }
}

impl Replaced {
    fn is_honoured(&self, now: Timestamp) -> bool {
        self.honoured_until.is_some_and(|until| now < until)
    }
}

/// A change of the secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    pub(crate) at: Timestamp,
    /// Until when the secret that is replaced still opens the record; `None` if it does not.
    pub(crate) honoured_until: Option<Timestamp>,
    /// Secrets that were replaced before are forgotten.
    pub(crate) forget_before: Timestamp,
    /// Whose clock the times are of.
    pub(crate) clock: ClockId,
}

/// Which secret of a record was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretMatch {
    /// The current secret.
    Current,
    /// The one before, within its grace.
    Previous,
    /// One that was replaced at that time and is not honoured.
    Rotated(Timestamp),
    /// None of them.
    None,
}

impl Rotation {
    /// The replaced secret is refused at once.
    pub(crate) const fn without_grace(at: Timestamp) -> Self {
        Self { at, honoured_until: None, forget_before: Timestamp::MIN, clock: ClockId(0) }
    }

    /// The replaced secret is honoured for a while.
    pub(crate) fn with_grace(at: Timestamp, grace: Duration) -> Self {
        Self { honoured_until: Some(at + grace), ..Self::without_grace(at) }
    }

    pub(crate) fn by(self, clock: ClockId) -> Self {
        Self { clock, ..self }
    }

    /// Forgets secrets that were replaced longer ago.
    pub(crate) fn forgetting(self, before: Timestamp) -> Self {
        Self { forget_before: before, ..self }
    }
}

impl Credentials {
    pub(crate) fn new(secret: Secret) -> Self {
        Self { current: Kept::Plain(secret), fresh: true, due: false, replaced: None }
    }

    /// No secret: what opens the record is not a reference token.
    pub(crate) fn nothing() -> Self {
        Self { current: Kept::Nothing, fresh: false, due: false, replaced: None }
    }

    /// Changes the secret. Of those before, only the one that is replaced now is honoured, if any.
    pub(crate) fn rotate(&mut self, secret: Secret, rotation: Rotation) {
        let Rotation { at, honoured_until, forget_before, clock } = rotation;
        let replaced = std::mem::replace(&mut self.current, Kept::Plain(secret));
        self.fresh = true;
        self.end_grace();
        let honoured_until = honoured_until.filter(|_| !replaced.is_nothing());
        let mut all = vec![Replaced { secret: replaced, at, honoured_until, clock }];
        let earlier = self.replaced().iter().filter(|earlier| earlier.at >= forget_before);
        all.extend(earlier.take(MAX_REPLACED - 1).cloned());
        self.replaced = Some(Arc::new(all));
    }

    pub(crate) fn replaced(&self) -> &[Replaced] {
        self.replaced.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether a secret before the current one is still honoured.
    pub(crate) fn in_grace(&self, now: Timestamp) -> bool {
        self.replaced().first().is_some_and(|replaced| replaced.is_honoured(now))
    }

    /// Stops honouring earlier secrets: the client has shown the current one.
    pub(crate) fn end_grace(&mut self) {
        if self.replaced().first().is_some_and(|replaced| replaced.honoured_until.is_some())
            && let Some(replaced) = &mut self.replaced
        {
            Arc::make_mut(replaced).iter_mut().for_each(|replaced| replaced.honoured_until = None);
        }
    }

    /// Whether the presented secret may still be within the grace that another server has given it, if that server's clock is
    /// behind this one by up to `leeway`.
    pub(crate) fn may_be_honoured(
        &self,
        presented: &Secret,
        clock: ClockId,
        leeway: Duration,
        now: Timestamp,
    ) -> bool {
        self.replaced().first().is_some_and(|replaced| {
            replaced.clock != clock && replaced.is_honoured(now - leeway) && replaced.secret.is(presented)
        })
    }

    /// Whether this secret is the one before, and still within its grace.
    pub(crate) fn honours(&self, secret: &Kept, now: Timestamp) -> bool {
        self.replaced().first().is_some_and(|last| last.is_honoured(now) && last.secret.is_same(secret))
    }

    pub(crate) fn is_current(&self, presented: &Secret) -> bool {
        self.current.is(presented)
    }

    pub(crate) fn compare_secret(&self, presented: &Secret, now: Timestamp) -> SecretMatch {
        if self.current.is(presented) {
            return SecretMatch::Current;
        }
        match self.replaced().iter().find(|replaced| replaced.secret.is(presented)) {
            Some(replaced) if replaced.is_honoured(now) => SecretMatch::Previous,
            Some(replaced) => SecretMatch::Rotated(replaced.at),
            None => SecretMatch::None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const GRACE: Duration = Duration::from_secs(30);

    fn secret(number: usize) -> Secret {
        Secret::from_bytes([u8::try_from(number).unwrap(); 16])
    }

    fn renewal(at: Timestamp) -> Rotation {
        Rotation::with_grace(at, GRACE)
    }

    #[test]
    fn a_rotation_with_grace_honours_both_until_the_grace_ends() {
        let mut credentials = Credentials::new(secret(1));
        credentials.rotate(secret(2), renewal(NOW));
        assert_eq!(credentials.compare_secret(&secret(2), NOW), SecretMatch::Current);
        let last = NOW + (GRACE - Duration::from_millis(1));
        assert_eq!(credentials.compare_secret(&secret(1), last), SecretMatch::Previous);
        assert_eq!(credentials.compare_secret(&secret(1), NOW + GRACE), SecretMatch::Rotated(NOW));
        assert_eq!(credentials.compare_secret(&secret(3), NOW), SecretMatch::None);
    }

    #[test]
    fn a_secret_without_grace_is_refused_whatever_the_clock_says() {
        let mut logged_in = Credentials::new(secret(1));
        logged_in.rotate(secret(2), Rotation::without_grace(NOW));
        let mut confirmed = Credentials::new(secret(1));
        confirmed.rotate(secret(2), renewal(NOW));
        confirmed.end_grace();
        for credentials in [logged_in, confirmed] {
            for now in [Timestamp::MIN, NOW, Timestamp::MAX] {
                assert!(!credentials.in_grace(now));
                assert_eq!(credentials.compare_secret(&secret(1), now), SecretMatch::Rotated(NOW));
            }
        }
    }

    #[test]
    fn a_grace_lasts_longer_where_another_server_has_given_it() {
        const LEEWAY: Duration = Duration::from_secs(60);
        let [one, other] = [1, 2].map(ClockId);
        let mut credentials = Credentials::new(secret(1));
        credentials.rotate(secret(2), renewal(NOW).by(one));
        let late = NOW + GRACE + LEEWAY;
        let in_time = late - Duration::from_millis(1);
        let honours = |number, clock, now| credentials.may_be_honoured(&secret(number), clock, LEEWAY, now);
        assert!(honours(1, other, in_time));
        assert!(!honours(1, one, in_time), "by the same clock it is over");
        assert!(!honours(1, other, late));
        assert!(!honours(3, other, in_time));
        let mut confirmed = credentials.clone();
        confirmed.end_grace();
        assert!(!confirmed.may_be_honoured(&secret(1), other, LEEWAY, NOW));
    }

    #[test]
    fn only_the_last_secret_is_honoured_and_earlier_ones_are_remembered() {
        let mut credentials = Credentials::new(secret(0));
        for number in 1..=5 {
            credentials.rotate(secret(number), renewal(NOW));
        }
        assert_eq!(credentials.compare_secret(&secret(4), NOW), SecretMatch::Previous);
        for number in 0..4 {
            assert_eq!(credentials.compare_secret(&secret(number), NOW), SecretMatch::Rotated(NOW));
        }
    }

    #[test]
    fn secrets_are_forgotten_by_age_and_by_number() {
        let mut credentials = Credentials::new(secret(0));
        for number in 1..=20 {
            credentials.rotate(secret(number), Rotation::without_grace(NOW));
        }
        assert_eq!(credentials.compare_secret(&secret(3), NOW), SecretMatch::None);
        assert_eq!(credentials.compare_secret(&secret(4), NOW), SecretMatch::Rotated(NOW));
        let later = NOW + GRACE;
        credentials.rotate(secret(21), Rotation::without_grace(later).forgetting(later));
        assert_eq!(credentials.compare_secret(&secret(19), later), SecretMatch::None);
        assert_eq!(credentials.compare_secret(&secret(20), later), SecretMatch::Rotated(later));
    }

    #[test]
    fn of_earlier_secrets_the_last_one_is_honoured_for_its_grace() {
        let mut credentials = Credentials::new(secret(0));
        (1..=2).for_each(|number| credentials.rotate(secret(number), renewal(NOW)));
        let honours = |number, now| {
            let kept = [Kept::Plain(secret(number)), Kept::Hashed(secret(number).hash())];
            kept.map(|kept| credentials.honours(&kept, now))
        };
        assert_eq!(honours(1, NOW), [true; 2]);
        assert_eq!(honours(1, NOW + GRACE), [false; 2]);
        assert_eq!(honours(0, NOW), [false; 2]);
        assert_eq!(honours(3, NOW), [false; 2]);
    }

    #[test]
    fn the_first_secret_of_a_record_leaves_no_grace_to_confirm() {
        let mut credentials = Credentials::nothing();
        credentials.rotate(secret(1), renewal(NOW));
        assert!(!credentials.in_grace(NOW));
        assert_eq!(credentials.compare_secret(&secret(1), NOW), SecretMatch::Current);
    }

    #[test]
    fn a_hashed_secret_judges_like_a_plain_one() {
        let hashed = Credentials { current: Kept::Hashed(secret(1).hash()), ..Credentials::nothing() };
        assert_eq!(hashed.compare_secret(&secret(1), NOW), SecretMatch::Current);
        assert_eq!(hashed.compare_secret(&secret(2), NOW), SecretMatch::None);
    }
}
