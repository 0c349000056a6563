//! A record while its session moves from one store to another.
//!
//! A session that stays in one store needs none of this. A move leaves ordinary records in the two stores, so that every store can
//! keep them: a copy in the store that the session moves to, and a mark in the store that it departs from.
//! [`authenticate`](crate::store::authenticate) lets no token open either. A [`MigratingStore`](crate::store::MigratingStore)
//! interprets them.

use super::{Credentials, Data, Draft, Record, migration_state::MigrationState};
use crate::{
    id::WriteId,
    secret::Secret,
    time::{Millis, Timestamp},
};

/// The states of a migration.
impl Record {
    /// Whether the session is in this store: neither moving to it, nor moved to another one.
    #[must_use]
    pub fn is_resident(&self) -> bool {
        self.0.migration_state == MigrationState::Resident
    }

    /// Whether this is a copy of a session that is moving to this store.
    pub(crate) fn is_arriving(&self) -> bool {
        self.0.migration_state == MigrationState::Arriving
    }

    /// Whether the session has moved to another store, or to its client.
    pub(crate) fn has_departed(&self) -> bool {
        self.0.migration_state == MigrationState::Departed
    }

    pub(crate) fn migration_state(&self) -> MigrationState {
        self.0.migration_state
    }

    /// A copy of this state, for the store that the session moves to.
    pub(crate) fn arriving(&self, write: WriteId) -> Self {
        self.successor(write).in_state(MigrationState::Arriving).finish()
    }

    /// Whether this is a copy of that state.
    pub(crate) fn is_copy_of(&self, state: &Self) -> bool {
        self.0.writes[1] == state.0.writes[0] && self.0.version == state.0.version.saturating_add(1)
    }

    /// Whether this is a copy of the state that the mark has replaced.
    pub(crate) fn is_confirmed_by(&self, mark: &Self) -> bool {
        self.0.writes[1..] == mark.0.writes[1..] && self.0.version == mark.0.version
    }

    /// A mark in place of this state, in the store that the session departs from. It has neither secret nor data, and expires no
    /// earlier than the session.
    ///
    /// It keeps the subject, so that it is charged to the same account as the session was.
    pub(crate) fn mark(&self, write: WriteId) -> Self {
        let Draft(mut inner) = self.successor(write).in_state(MigrationState::Departed);
        inner.credentials = Credentials::nothing();
        inner.data = Data::default();
        inner.authenticated_at = None;
        inner.acting_as = None;
        inner.extra = None;
        inner.idle = Millis::MAX;
        Draft(inner).finish()
    }

    /// The mark as a new record. A record is created only with a secret, so it gets this one, which no client is given and which
    /// opens nothing.
    pub(crate) fn created_with(self, secret: Secret) -> Self {
        let Draft(mut inner) = self.into_draft();
        inner.credentials = Credentials::new(secret);
        Draft(inner).finish()
    }

    /// The record of a session that moves to its client. It stays open for requests that are under way.
    pub(crate) fn departed(self) -> Self {
        self.into_draft().in_state(MigrationState::Departed).finish()
    }

    /// The record as that of a session which is in this store.
    pub(crate) fn into_resident(self) -> Self {
        if self.is_resident() { self } else { self.into_draft().in_state(MigrationState::Resident).finish() }
    }
}

impl Draft {
    fn in_state(mut self, migration_state: MigrationState) -> Self {
        self.0.migration_state = migration_state;
        self
    }
}

/// Between self-contained tokens and stores that keep records.
impl Record {
    /// The same record for a client that has no reference token of it: the next write brings one.
    pub(crate) fn with_token_due(self) -> Self {
        let Draft(mut inner) = self.into_draft();
        inner.credentials.due = true;
        Draft(inner).finish()
    }

    /// Whether the next write has to bring the client a reference token.
    pub(crate) fn is_token_due(&self) -> bool {
        self.0.credentials.due
    }

    /// Whether every write needs a new token for the client.
    pub(crate) fn needs_token(&self) -> bool {
        self.0.credentials.due || self.0.credentials.current.is_nothing()
    }

    /// Whether the client carried the session before the write at hand.
    pub(crate) fn was_carried(&self) -> bool {
        let Credentials { current, fresh, .. } = &self.0.credentials;
        let replaced = self.0.credentials.replaced().first();
        let first = replaced.is_some_and(|replaced| replaced.secret.is_nothing());
        current.is_nothing() || (*fresh && first)
    }

    /// Since when its current secret has been valid.
    pub(crate) fn secret_since(&self) -> Timestamp {
        self.0.credentials.replaced().first().map_or(self.0.created_at, |replaced| replaced.at)
    }

    /// This state as the successor of `stored`, in the store where that is.
    pub(crate) fn succeeding(&self, stored: &Self) -> Self {
        let Draft(mut inner) = self.clone().into_draft();
        inner.version = stored.0.version;
        inner.writes = stored.0.writes;
        inner.credentials = stored.0.credentials.clone();
        Draft(inner).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        id::SessionId,
        record::{InvalidRecord, Lifetime, Rotation, SecretMatch, Subject},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn secret(byte: u8) -> Secret {
        Secret::from_bytes([byte; 16])
    }

    fn record() -> Record {
        let lifetime = Lifetime { idle: HOUR, absolute: 2 * HOUR };
        let first =
            Record::new(SessionId::from_bytes([1; 16]), secret(2), WriteId::from_u64(1), lifetime, NOW);
        let draft = first.into_draft().logged_in(Subject::new("alice"), NOW);
        draft.data(Data::default().with("a", b"1").unwrap()).finish()
    }

    #[test]
    fn a_copy_is_the_session_apart_from_its_version() {
        let (record, write) = (record(), WriteId::from_u64(2));
        let copy = record.arriving(write);
        assert!(copy.is_copy_of(&record) && !copy.is_resident());
        assert_ne!(copy.version(), record.version());
        assert!(copy.remembers(record.version().write), "a write before the move is still recognised");
        let resident = copy.clone().into_resident();
        assert_eq!((resident.data(), resident.subject()), (record.data(), record.subject()));
        assert_eq!(resident.compare_secret(&secret(2), NOW), SecretMatch::Current);
        let later = record.successor(WriteId::from_u64(3)).finish();
        assert!(!resident.is_copy_of(&later));
        assert!(copy.is_confirmed_by(&record.mark(WriteId::from_u64(4))));
        assert!(!copy.is_confirmed_by(&later.mark(WriteId::from_u64(4))), "another state has departed");
    }

    #[test]
    fn a_mark_has_neither_secret_nor_data_and_lasts_until_the_deadline() {
        let mark = record().mark(WriteId::from_u64(2));
        assert_eq!(mark.migration_state(), MigrationState::Departed);
        assert!(mark.data().is_empty() && mark.authenticated_at().is_none());
        assert_eq!(mark.clone().into_resident().compare_secret(&secret(2), NOW), SecretMatch::None);
        assert_eq!(mark.expires_at(), record().deadline());
        assert!(mark.fresh_secret().is_none() && mark.created_with(secret(9)).fresh_secret().is_some());
    }

    #[test]
    fn the_state_survives_the_codec_and_no_other_is_read() {
        let write = WriteId::from_u64(2);
        for record in [record(), record().arriving(write), record().mark(write), record().departed()] {
            let read = Record::decode(&record.encode()).unwrap();
            assert_eq!(read.migration_state(), record.migration_state());
            assert_eq!(read.encode(), record.encode());
        }
        let mut both = record().arriving(write).encode();
        both[1] |= 64;
        assert_eq!(Record::decode(&both).unwrap_err(), InvalidRecord::Damaged);
    }

    #[test]
    #[cfg(feature = "cookie-store")]
    fn a_self_contained_token_does_not_say_where_the_session_is() {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        record().departed().encode_sealed(&mut bytes);
        record().encode_sealed(&mut expected);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_carried_session_is_known_as_one_until_it_is_stored() {
        let Draft(mut inner) = record().into_draft();
        inner.credentials = Credentials::nothing();
        let carried = Draft(inner).finish();
        assert!(carried.was_carried() && carried.needs_token());
        let draft = carried.with_token_due().successor(WriteId::from_u64(2));
        let next = draft.rotated(secret(7), Rotation::with_grace(NOW + HOUR, HOUR)).finish();
        assert!(next.was_carried(), "the write at hand moves it");
        assert!(!next.needs_token() && !next.is_token_due());
        let stored = next.settled();
        assert!(!stored.was_carried());
        assert_eq!(stored.secret_since(), NOW + HOUR);
        assert!(!record().was_carried());
    }
}
