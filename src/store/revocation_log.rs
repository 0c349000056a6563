//! The log of revocations that servers share: [`RevocationLog`].

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use ring::digest::{SHA256, digest};

use super::{EndedBy, Scope, StoreContext};
use crate::{
    error::StoreError,
    id::{KeyId, SessionId},
    time::Timestamp,
};

/// A log of revocations that all servers read, for a [`RevocableStore`](super::RevocableStore).
///
/// # Contract
/// - **Order.** Each entry has a sequence number above those of all entries before it. A reader that has read up to a number never
///   finds an entry with a lower one later: numbers grow in the order in which entries become visible. A serial column of an SQL
///   database does not do this, because transactions do not commit in the order in which they took their numbers.
/// - **Confirmation.** Once [`append`](Self::append) has returned, every read that begins later at any server finds the entry.
/// - **Retention.** An entry is kept until its [`keep_until`](Revoked::keep_until) has passed by the time of a later call. A call
///   removes few entries, so that a clock that runs ahead for a moment removes next to nothing.
/// - **Numbers after a loss.** A log that has lost its entries goes on above the numbers that it gave before. It takes care of that by
///   numbers that are at least the current time in microseconds.
/// - **Lost replies.** A caller that received an error may append the same again. Two entries do what one does.
/// - **Deadlines and time.** As for a [`SessionStore`](super::SessionStore).
#[async_trait]
pub trait RevocationLog: fmt::Debug + Send + Sync + 'static {
    /// Which servers share the log.
    fn scope(&self) -> Scope;

    /// Whether its entries survive a restart of what keeps them.
    fn survives_restart(&self) -> bool;

    /// Appends an entry, and returns its number.
    ///
    /// # Errors
    /// When it is not certain that the entry was appended.
    async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<u64, StoreError>;

    /// Reads entries with numbers above `after`, in their order. All entries are above 0.
    ///
    /// # Errors
    /// When the log cannot tell, and [`Corrupt`](crate::StoreErrorKind::Corrupt) if it holds what is no entry.
    async fn read(&self, after: u64, cx: StoreContext) -> Result<RevocationPage, StoreError>;
}

#[async_trait]
impl<L: RevocationLog + ?Sized> RevocationLog for Arc<L> {
    fn scope(&self) -> Scope {
        (**self).scope()
    }

    fn survives_restart(&self) -> bool {
        (**self).survives_restart()
    }

    async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<u64, StoreError> {
        (**self).append(entry, cx).await
    }

    async fn read(&self, after: u64, cx: StoreContext) -> Result<RevocationPage, StoreError> {
        (**self).read(after, cx).await
    }
}

/// A part of a [`RevocationLog`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationPage {
    /// Entries with their numbers, in their order.
    pub entries: Vec<(u64, Revoked)>,
    /// Where to go on reading: every entry up to this number is in this page, was in an earlier one, or is no longer kept.
    pub read_to: u64,
    /// Whether there are no more entries. Then `read_to` is the highest number that the log has given so far, or 0.
    pub is_last: bool,
}

/// An entry of a [`RevocationLog`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Which sessions end.
    pub what: RevokedSessions,
    /// When they ended.
    pub at: Timestamp,
    /// From then on no token of theirs is good in any case.
    pub keep_until: Timestamp,
}

/// Which sessions an entry ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokedSessions {
    /// All whose [sequence](crate::record::Record::revocation_sequence) is below the number of the entry.
    All,
    /// All whose tokens were sealed under this key, whatever their sequence.
    OfKey(KeyId),
    /// Those that belong to a subject, and whose sequence is below the number of the entry.
    OfSubject {
        /// The subject.
        subject: SubjectHash,
        /// A session that goes on.
        except: Option<SessionId>,
    },
    /// One session, for good.
    One {
        /// The session.
        id: SessionId,
        /// On whose account it ended.
        by: EndedBy,
    },
}

/// The name of a subject as it stands in a [`RevocationLog`]: the first 16 bytes of its SHA-256 hash.
///
/// It keeps names out of logs and dumps. Who can guess a name can check the guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectHash([u8; Self::LEN]);

impl SubjectHash {
    /// The number of bytes.
    pub const LEN: usize = 16;

    /// The hash of a subject's name.
    #[must_use]
    pub fn of(subject: &str) -> Self {
        let mut hash = [0; Self::LEN];
        hash.copy_from_slice(&digest(&SHA256, subject.as_bytes()).as_ref()[..Self::LEN]);
        Self(hash)
    }
}

const VERSION: u8 = 1;
const ALL: u8 = 0;
const OF_SUBJECT: u8 = 1;
const OF_SUBJECT_EXCEPT: u8 = 2;
const ONE_BY_CLIENT: u8 = 3;
const ONE_BY_OTHER: u8 = 4;
const OF_KEY: u8 = 5;

impl Revoked {
    /// The entry in bytes, for a log that keeps it outside of the process.
    ///
    /// ```text
    /// version 1 | kind u8 | at i64 | keep until i64 | key 8, subject 16 or session 16, and session 16, by the kind
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + 2 * 8 + SubjectHash::LEN + SessionId::LEN);
        out.push(VERSION);
        out.push(self.kind());
        out.extend_from_slice(&self.at.as_millis().to_le_bytes());
        out.extend_from_slice(&self.keep_until.as_millis().to_le_bytes());
        match &self.what {
            RevokedSessions::All => {}
            RevokedSessions::OfKey(key) => out.extend_from_slice(key.as_bytes()),
            RevokedSessions::OfSubject { subject, except } => {
                out.extend_from_slice(&subject.0);
                except.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
            }
            RevokedSessions::One { id, .. } => out.extend_from_slice(id.as_bytes()),
        }
        out
    }

    const fn kind(&self) -> u8 {
        match self.what {
            RevokedSessions::All => ALL,
            RevokedSessions::OfKey(_) => OF_KEY,
            RevokedSessions::OfSubject { except: None, .. } => OF_SUBJECT,
            RevokedSessions::OfSubject { except: Some(_), .. } => OF_SUBJECT_EXCEPT,
            RevokedSessions::One { by: EndedBy::Client, .. } => ONE_BY_CLIENT,
            RevokedSessions::One { by: EndedBy::Other, .. } => ONE_BY_OTHER,
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` if it is damaged or of a newer version.
    ///
    /// ```
    /// use cloakroom::{store::{Revoked, RevokedSessions, SubjectHash}, time::Timestamp};
    ///
    /// let subject = SubjectHash::of("alice");
    /// let (at, keep_until) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
    /// let entry = Revoked { what: RevokedSessions::OfSubject { subject, except: None }, at, keep_until };
    /// assert_eq!(Revoked::decode(&entry.encode()), Some(entry));
    /// ```
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION, kind], rest) = bytes.split_first_chunk()? else { return None };
        let (at, rest) = rest.split_first_chunk()?;
        let (keep_until, rest) = rest.split_first_chunk()?;
        let time = |bytes: &[u8; 8]| Timestamp::from_millis(i64::from_le_bytes(*bytes));
        let what = match (kind, rest) {
            (ALL, []) => RevokedSessions::All,
            (OF_KEY, rest) => RevokedSessions::OfKey(KeyId::from_bytes(rest.try_into().ok()?)),
            (OF_SUBJECT, rest) => {
                RevokedSessions::OfSubject { subject: SubjectHash(rest.try_into().ok()?), except: None }
            }
            (OF_SUBJECT_EXCEPT, rest) => {
                let (subject, id) = rest.split_first_chunk()?;
                let except = Some(SessionId::from_bytes(id.try_into().ok()?));
                RevokedSessions::OfSubject { subject: SubjectHash(*subject), except }
            }
            (ONE_BY_CLIENT | ONE_BY_OTHER, rest) => {
                let by = if kind == ONE_BY_CLIENT { EndedBy::Client } else { EndedBy::Other };
                RevokedSessions::One { id: SessionId::from_bytes(rest.try_into().ok()?), by }
            }
            _ => return None,
        };
        Some(Self { what, at: time(at), keep_until: time(keep_until) })
    }
}

/// The number of the next entry of a log: above `last`, and at least the time in microseconds.
///
/// A log that has forgotten its last number, because it has lost its entries, goes on above it unless its clock has fallen behind.
#[must_use]
pub fn next_sequence(last: u64, now: Timestamp) -> u64 {
    let micros = u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(1000);
    // No number is beyond what a floating-point number holds exactly: Redis reckons with these.
    last.saturating_add(1).max(micros.min(1 << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SessionId = SessionId::from_bytes([7; 16]);

    fn all() -> Vec<Revoked> {
        let subject = SubjectHash::of("alice");
        [
            RevokedSessions::All,
            RevokedSessions::OfKey(KeyId::from_bytes([3; KeyId::LEN])),
            RevokedSessions::OfSubject { subject, except: None },
            RevokedSessions::OfSubject { subject, except: Some(ID) },
            RevokedSessions::One { id: ID, by: EndedBy::Client },
            RevokedSessions::One { id: ID, by: EndedBy::Other },
        ]
        .map(|what| Revoked { what, at: Timestamp::from_millis(-5), keep_until: Timestamp::MAX })
        .to_vec()
    }

    #[test]
    fn entries_are_read_again_and_nothing_else_is() {
        for entry in all() {
            let bytes = entry.encode();
            assert_eq!(Revoked::decode(&bytes), Some(entry));
            assert!((0..bytes.len()).all(|end| Revoked::decode(&bytes[..end]).is_none()), "{entry:?}");
            assert_eq!(Revoked::decode(&[&bytes[..], &[0]].concat()), None, "{entry:?}");
            let newer = [&[2], &bytes[1..]].concat();
            assert_eq!(Revoked::decode(&newer), None);
        }
    }

    #[test]
    fn numbers_grow_whatever_the_clock_does() {
        let at = Timestamp::from_millis;
        let first = next_sequence(0, at(1_790_000_000_000));
        assert_eq!(first, 1_790_000_000_000_000);
        assert_eq!(next_sequence(first, at(1_780_000_000_000)), first + 1);
        assert_eq!(next_sequence(0, at(-1)), 1);
        assert_eq!(next_sequence(5, Timestamp::MAX), 1 << 52);
    }
}
