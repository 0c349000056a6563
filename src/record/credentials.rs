//! The secrets that open a record, and the comparison of a presented secret with them.
//!
//! The engine draws a secret together with the write that introduces it, so the client is told about it exactly once: a store
//! issues a token only for a secret that is fresh. That is why responses to ordinary writes set no cookie.

use std::fmt;

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

/// The current secret of a record, and the one before it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) current: Kept,
    /// Whether `current` was drawn for the write at hand, so that the client has yet to be told.
    pub(crate) fresh: bool,
    /// Whether the client holds no token of this store, so that the next write has to bring it one.
    pub(crate) due: bool,
    /// Kept beyond its grace, so that an old secret is told from a forged one.
    pub(crate) previous: Option<Box<Previous>>,
}

#[derive(Clone)]
pub(crate) struct Previous {
    pub(crate) secret: Kept,
    pub(crate) rotated_at: Timestamp,
    /// Until then the previous secret still opens the record; `rotated_at` if it never does.
    pub(crate) honoured_until: Timestamp,
}

/// Which secret of a record was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretMatch {
    /// The current secret.
    Current,
    /// The previous secret, within its grace.
    Previous,
    /// The previous secret, replaced at that time and no longer honoured.
    Rotated(Timestamp),
    /// None of them.
    None,
}

impl Credentials {
    pub(crate) fn new(secret: Secret) -> Self {
        Self { current: Kept::Plain(secret), fresh: true, due: false, previous: None }
    }

    /// No secret: what opens the record is not a reference token.
    pub(crate) fn nothing() -> Self {
        Self { current: Kept::Nothing, fresh: false, due: false, previous: None }
    }

    /// The same credentials after a change of secret; the old one opens the record until `honoured_until`.
    pub(crate) fn rotate(&mut self, secret: Secret, now: Timestamp, honoured_until: Timestamp) {
        let replaced = std::mem::replace(&mut self.current, Kept::Plain(secret));
        let honoured_until = if replaced.is_nothing() { now } else { honoured_until };
        self.fresh = true;
        self.previous = Some(Box::new(Previous { secret: replaced, rotated_at: now, honoured_until }));
    }

    /// Whether the previous secret would still be honoured.
    pub(crate) fn in_grace(&self, now: Timestamp) -> bool {
        self.previous.as_ref().is_some_and(|previous| now < previous.honoured_until)
    }

    /// Stops honouring the previous secret: the client has shown the new one.
    pub(crate) fn end_grace(&mut self) {
        if let Some(previous) = &mut self.previous {
            previous.honoured_until = previous.rotated_at;
        }
    }

    pub(crate) fn compare_secret(&self, presented: &Secret, now: Timestamp) -> SecretMatch {
        if self.current.is(presented) {
            return SecretMatch::Current;
        }
        match &self.previous {
            Some(previous) if previous.secret.is(presented) => {
                if now < previous.honoured_until {
                    SecretMatch::Previous
                } else {
                    SecretMatch::Rotated(previous.rotated_at)
                }
            }
            _ => SecretMatch::None,
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
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn secret(byte: u8) -> Secret {
        Secret::from_bytes([byte; 16])
    }

    #[test]
    fn a_rotation_with_grace_honours_both_until_the_grace_ends() {
        let mut credentials = Credentials::new(secret(1));
        credentials.rotate(secret(2), NOW, NOW + Duration::from_secs(30));
        assert_eq!(credentials.compare_secret(&secret(2), NOW), SecretMatch::Current);
        assert_eq!(
            credentials.compare_secret(&secret(1), NOW + Duration::from_millis(29_999)),
            SecretMatch::Previous
        );
        assert_eq!(
            credentials.compare_secret(&secret(1), NOW + Duration::from_secs(30)),
            SecretMatch::Rotated(NOW)
        );
        assert_eq!(credentials.compare_secret(&secret(3), NOW), SecretMatch::None);
    }

    #[test]
    fn a_rotation_without_grace_refuses_the_old_secret_at_once() {
        let mut credentials = Credentials::new(secret(1));
        credentials.rotate(secret(2), NOW, NOW);
        assert_eq!(credentials.compare_secret(&secret(1), NOW), SecretMatch::Rotated(NOW));
    }

    #[test]
    fn the_new_secret_ends_the_grace_when_it_is_seen() {
        let mut credentials = Credentials::new(secret(1));
        credentials.rotate(secret(2), NOW, NOW + Duration::from_secs(30));
        credentials.end_grace();
        assert!(!credentials.in_grace(NOW));
        assert_eq!(credentials.compare_secret(&secret(1), NOW), SecretMatch::Rotated(NOW));
    }

    #[test]
    fn the_first_secret_of_a_record_leaves_no_grace_to_confirm() {
        let mut credentials = Credentials::nothing();
        credentials.rotate(secret(1), NOW, NOW + Duration::from_secs(30));
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
