//! A record: everything a store keeps of one session.
//!
//! A record is a value: cheap to clone, never changed in place by more than one owner. The engine makes the next
//! record from the last one; a store keeps what it is given.

// The modules:
// `mod`: `Record`, its `Version` and its times
// `credentials`: the secrets, and the judgement of a presented one
// `passage`: a record while its session moves from one store to another
// `codec`: the versioned binary form for stores outside the process
// `known_secret`: the secret of a record, where this process knows it
// `parts`: a record in parts, for a store with a form of its own

mod codec;
mod credentials;
mod known_secret;
mod migration;
mod migration_state;
#[cfg(feature = "sealed")]
mod parts;

use std::{sync::Arc, time::Duration};

#[cfg(feature = "sealed")]
pub use self::codec::SEALED_OVERHEAD;
pub use self::codec::{HEAD_LEN, InvalidRecord};
use self::credentials::Credentials;
pub(crate) use self::credentials::{ClockId, Rotation, SecretMatch};
pub(crate) use self::migration_state::MigrationState;
#[cfg(feature = "sealed")]
pub use self::parts::Parts;
pub use crate::data::{Data, InvalidData};
use crate::{
    id::{SessionId, WriteId},
    secret::Secret,
    time::{Millis, Timestamp},
};

/// The longest name of a subject, in bytes.
pub const MAX_SUBJECT_LEN: usize = 255;

/// How many of the last writes a record remembers.
pub const REMEMBERED_WRITES: usize = 4;

/// Everything a store keeps of one session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Record(Arc<Inner>);

/// In memory in this order: what a load looks at comes first, because with many sessions each line of the cache that
/// it touches is a wait.
#[derive(Clone, Debug)]
#[repr(C)]
struct Inner {
    id: SessionId,
    credentials: Credentials,
    deadline: Timestamp,
    last_active: Timestamp,
    idle: Millis,
    data: Data,
    created_at: Timestamp,
    authenticated_at: Option<Timestamp>,
    epoch: u32,
    remembered: bool,
    migration_state: MigrationState,
    /// Whether the write at hand changes how long the session lives, which an index may have to know.
    lifetime_changed: bool,
    version: u64,
    /// Which revocations the last login came after.
    sequence: u64,
    subject: Option<Subject>,
    /// As whom the subject acts. A thin pointer, because hardly any record has it.
    acting_as: Option<Box<Subject>>,
    /// The newest first; a slot that was never used repeats the oldest.
    writes: [WriteId; REMEMBERED_WRITES],
    /// What a newer version of the format wrote and this one does not understand: kept as it is. A thin pointer, because
    /// hardly any record has it.
    extra: Option<Arc<Vec<u8>>>,
}

/// Who a session belongs to: the application's own name for a user. Redacted in `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// A subject of this name.
    ///
    /// A name has between one and [`MAX_SUBJECT_LEN`] bytes. That is for the caller to check, if the name comes from elsewhere
    /// than a record.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subject(redacted)")
    }
}

/// Which state of a record a writer has seen: a counter and the ID of the write that made it.
///
/// Two writes never share a version, even if a failover made the store forget the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// How often the record was written; 1 after its creation.
    pub counter: u64,
    /// The write that made this state.
    pub write: WriteId,
}

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// It ends when it was not used for this long.
    pub idle: Duration,
    /// It ends this long after it began, used or not.
    pub absolute: Duration,
}

impl Record {
    /// The record of a new session without subject and data.
    #[must_use]
    pub fn new(id: SessionId, secret: Secret, write: WriteId, lifetime: Lifetime, now: Timestamp) -> Self {
        Self(Arc::new(Inner {
            id,
            version: 1,
            sequence: 0,
            writes: [write; REMEMBERED_WRITES],
            epoch: 0,
            remembered: false,
            migration_state: MigrationState::Resident,
            lifetime_changed: false,
            created_at: now,
            last_active: now,
            idle: lifetime.idle.into(),
            deadline: now + lifetime.absolute,
            authenticated_at: None,
            subject: None,
            acting_as: None,
            credentials: Credentials::new(secret),
            data: Data::default(),
            extra: None,
        }))
    }

    /// The session's name for its whole life.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// Which state this is.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { counter: self.0.version, write: self.0.writes[0] }
    }

    /// Whether `write` is among the last [`REMEMBERED_WRITES`]: a writer that lost its reply asks this.
    #[must_use]
    pub fn remembers(&self, write: WriteId) -> bool {
        self.0.writes.contains(&write)
    }

    /// Whether `version` may have been stored once: it is not [remembered](Self::remembers), but so much was written since that it need
    /// not be. Who sent it twice cannot tell then whether it was done.
    #[must_use]
    pub fn may_have_forgotten(&self, version: Version) -> bool {
        let later = self.0.version.saturating_sub(version.counter);
        !self.remembers(version.write) && later >= REMEMBERED_WRITES as u64
    }

    /// The number of logins so far: requests of one epoch belong to one login. A renewal changes the secret but not the epoch, so it
    /// disturbs no request that is under way.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.0.epoch
    }

    /// The [sequence](crate::store::RevocationLog) up to which revocations came before the session's last login, or before its creation
    /// if nobody has logged in.
    ///
    /// A later revocation of everyone, of its subject or of the key of its token ends it. It is 0 where there is no log of
    /// revocations, and such a session comes before every revocation.
    #[must_use]
    pub fn revocation_sequence(&self) -> u64 {
        self.0.sequence
    }

    /// Who is logged in.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_ref().map(Subject::as_str)
    }

    /// As whom the subject acts, if not as itself. The session is the subject's all the same.
    #[must_use]
    pub fn acting_as(&self) -> Option<&str> {
        self.acting().map(Subject::as_str)
    }

    pub(crate) fn acting(&self) -> Option<&Subject> {
        self.0.acting_as.as_deref()
    }

    pub(crate) fn owner(&self) -> Option<&Subject> {
        self.0.subject.as_ref()
    }

    /// Who is logged in, for an index in memory: every record of one session shares this name, so it costs no copy.
    #[must_use]
    pub fn shared_subject(&self) -> Option<Arc<str>> {
        self.0.subject.as_ref().map(Subject::shared)
    }

    /// When the subject last proved who it is.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.0.authenticated_at
    }

    /// When the session began, or became an ordinary one that had been remembered.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.0.created_at
    }

    /// When it was last used, as far as throttled touches tell.
    #[must_use]
    pub fn last_active(&self) -> Timestamp {
        self.0.last_active
    }

    /// The latest of the times at which something was done with it.
    pub(crate) fn latest_time(&self) -> Timestamp {
        self.0.created_at.max(self.0.last_active).max(self.0.authenticated_at.unwrap_or(Timestamp::MIN))
    }

    /// It ends when it was not used for this long.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        self.0.idle.into()
    }

    pub(crate) fn idle(&self) -> Millis {
        self.0.idle
    }

    /// It ends then, used or not: its tombstone has to last as long.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.0.deadline
    }

    /// Whether `remember` chose its lifetime.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.0.remembered
    }

    /// When it ends unless it is used before: the earlier of the idle and the absolute timeout.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.0.deadline.min(self.0.last_active + self.0.idle)
    }

    /// Whether it has ended by time. A last use that lies in the future counts as now, so it grants nothing.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.0.deadline || now >= self.0.last_active.min(now) + self.0.idle
    }

    /// The session's values.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.0.data
    }

    /// What opens the record for a client, if that has changed with the write at hand: the client must be told.
    pub(crate) fn fresh_secret(&self) -> Option<&Secret> {
        match &self.0.credentials {
            Credentials { current: credentials::Kept::Plain(secret), fresh: true, .. } => Some(secret),
            _ => None,
        }
    }

    /// The record as a store within the process keeps it: nothing in it is news to the client any more.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.0.credentials.fresh || self.0.lifetime_changed {
            let inner = Arc::make_mut(&mut self.0);
            (inner.credentials.fresh, inner.lifetime_changed) = (false, false);
        }
        self
    }

    /// The same record with its secret in the clear, so that it is compared without being hashed: for a cache in memory.
    ///
    /// `secret` is one that has just opened the record as its current one. The record [encodes](Self::encode) as before.
    #[must_use]
    pub fn opened_by(&self, secret: &Secret) -> Self {
        self.clone().carried_with(secret)
    }

    /// Whether writing this state changes what an [index](crate::store::SessionIndex) has to know: the subject, or how long the session
    /// lives.
    ///
    /// Only a login changes the subject, and it brings a new secret; so does a copy of a session that is moving to another store,
    /// which replaces what an earlier move has left.
    #[must_use]
    pub fn is_to_be_listed(&self) -> bool {
        self.0.credentials.fresh || self.0.lifetime_changed || self.is_arriving()
    }

    /// Whether both are opened by the same secret.
    pub(crate) fn has_secret_of(&self, other: &Self) -> bool {
        self.0.credentials.current.is_same(&other.0.credentials.current)
    }

    pub(crate) fn compare_secret(&self, presented: &Secret, now: Timestamp) -> SecretMatch {
        self.0.credentials.compare_secret(presented, now)
    }

    /// Whether the presented secret is the current one.
    pub(crate) fn is_current_secret(&self, presented: &Secret) -> bool {
        self.0.credentials.is_current(presented)
    }

    /// Whether the secret that opens `loaded`, an earlier state, opens this one, too.
    pub(crate) fn honours_secret_of(&self, loaded: &Self, now: Timestamp) -> bool {
        self.has_secret_of(loaded) || self.0.credentials.honours(&loaded.0.credentials.current, now)
    }

    /// Whether it is one that another server honours still, if that server's clock is behind this one by up to `leeway`.
    pub(crate) fn may_be_honoured(
        &self,
        presented: &Secret,
        clock: ClockId,
        leeway: Duration,
        now: Timestamp,
    ) -> bool {
        !self.is_expired(now) && self.0.credentials.may_be_honoured(presented, clock, leeway, now)
    }

    /// Moves the last use forward, never back.
    pub fn touch(&mut self, last_active: Timestamp) {
        if last_active > self.0.last_active {
            Arc::make_mut(&mut self.0).last_active = last_active;
        }
    }

    /// The next state of the record, to be given to `replace`.
    pub(crate) fn successor(&self, write: WriteId) -> Draft {
        let mut inner = Inner::clone(&self.0);
        inner.version = inner.version.saturating_add(1);
        inner.writes.rotate_right(1);
        inner.writes[0] = write;
        inner.credentials.fresh = false;
        inner.credentials.due = false;
        inner.lifetime_changed = false;
        Draft(inner)
    }

    /// The record as a draft, to be filled before it is created.
    pub(crate) fn into_draft(self) -> Draft {
        Draft(Arc::unwrap_or_clone(self.0))
    }
}

/// A record in the making.
#[derive(Debug)]
pub(crate) struct Draft(Inner);

impl Draft {
    pub(crate) fn finish(self) -> Record {
        Record(Arc::new(self.0))
    }

    pub(crate) fn data(mut self, data: Data) -> Self {
        self.0.data = data;
        self
    }

    pub(crate) fn active(mut self, now: Timestamp) -> Self {
        self.0.last_active = self.0.last_active.max(now);
        self
    }

    /// Names the owner, which begins a new epoch.
    pub(crate) fn logged_in(mut self, subject: Subject, at: Timestamp) -> Self {
        self.0.subject = Some(subject);
        self.0.acting_as = None;
        self.0.authenticated_at = Some(at);
        self.0.epoch = self.0.epoch.saturating_add(1);
        self
    }

    /// Lets the owner act as somebody else, or as itself again, which begins a new epoch.
    pub(crate) fn acting(mut self, subject: Option<Subject>) -> Self {
        self.0.acting_as = subject.map(Box::new);
        self.0.epoch = self.0.epoch.saturating_add(1);
        self
    }

    /// Notes which revocations this login or creation comes after.
    pub(crate) fn after_revocations(mut self, sequence: u64) -> Self {
        self.0.sequence = self.0.sequence.max(sequence);
        self
    }

    pub(crate) fn rotated(mut self, secret: Secret, rotation: Rotation) -> Self {
        self.0.credentials.rotate(secret, rotation);
        self
    }

    /// Ends the grace of the previous secret.
    pub(crate) fn confirmed(mut self) -> Self {
        self.0.credentials.end_grace();
        self
    }

    pub(crate) fn lifetime(mut self, lifetime: Lifetime, now: Timestamp) -> Self {
        self.0.idle = lifetime.idle.into();
        self.0.deadline = now + lifetime.absolute;
        self.0.lifetime_changed = true;
        self
    }

    /// Lets the session count as begun just now.
    pub(crate) fn begun(mut self, now: Timestamp) -> Self {
        self.0.created_at = self.0.created_at.max(now);
        self
    }

    pub(crate) fn remembered(mut self, yes: bool) -> Self {
        self.0.remembered = yes;
        self
    }
}

impl Record {
    /// Whether a replaced secret still opens the record at `now`.
    ///
    /// The first load with the new secret then asks for a write, which ends the grace. A cache leaves such a record out.
    #[must_use]
    pub fn in_grace(&self, now: Timestamp) -> bool {
        self.0.credentials.in_grace(now)
    }

    /// Bytes that the record holds beside its fixed part, for budgets.
    #[must_use]
    pub fn variable_len(&self) -> usize {
        self.data().len()
            + self.subject().map_or(0, str::len)
            + self.acting_as().map_or(0, str::len)
            + self.0.extra.as_ref().map_or(0, |extra| extra.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn record() -> Record {
        let lifetime = Lifetime { idle: HOUR, absolute: 2 * HOUR };
        Record::new(
            SessionId::from_bytes([1; 16]),
            Secret::from_bytes([2; 16]),
            WriteId::from_u64(1),
            lifetime,
            NOW,
        )
    }

    #[test]
    fn both_timeouts_end_a_record() {
        let mut record = record();
        assert!(!record.is_expired(NOW + (HOUR - Duration::from_millis(1))));
        assert!(record.is_expired(NOW + HOUR), "idle");
        record.touch(NOW + HOUR + HOUR / 2);
        assert_eq!(record.expires_at(), NOW + 2 * HOUR);
        assert!(record.is_expired(NOW + 2 * HOUR), "absolute");
    }

    #[test]
    fn a_touch_never_goes_back_in_time() {
        let mut record = record();
        record.touch(NOW + HOUR / 2);
        record.touch(NOW);
        assert_eq!(record.last_active(), NOW + HOUR / 2);
    }

    #[test]
    fn a_last_use_in_the_future_grants_nothing() {
        let mut record = record();
        record.touch(Timestamp::MAX);
        assert!(record.is_expired(NOW + 2 * HOUR));
    }

    #[test]
    fn the_last_writes_are_remembered_and_no_others() {
        let mut record = record();
        for write in 2..=6 {
            record = record.successor(WriteId::from_u64(write)).finish();
        }
        assert_eq!(record.version(), Version { counter: 6, write: WriteId::from_u64(6) });
        assert!((3..=6).all(|write| record.remembers(WriteId::from_u64(write))));
        assert!(!record.remembers(WriteId::from_u64(2)));
    }

    #[test]
    fn a_secret_is_news_to_the_client_exactly_once() {
        let created = record();
        assert!(created.fresh_secret().is_some());
        assert!(created.clone().settled().fresh_secret().is_none());
        assert!(created.successor(WriteId::from_u64(2)).finish().fresh_secret().is_none());
    }
}
