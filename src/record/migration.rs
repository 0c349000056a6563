//! A record while its session moves from one store to another.
//!
//! A session that lives in one store for all its life never meets any of this. What a move leaves in the two stores are
//! records like any other, so that every store can keep them: a copy on its way, and a mark where the session has left.
//! [`authenticate`](crate::store::authenticate) lets no token open either; the wrapper that moves sessions knows what they mean.

use super::{Credentials, Data, Draft, Record, migration_state::MigrationState};
use crate::{
    id::WriteId,
    secret::Secret,
    time::{Millis, Timestamp},
};

/// What a store keeps of a session that moves.
impl Record {
    /// Whether the session is here: not on its way here, and not gone to another store.
    #[must_use]
    pub fn is_resident(&self) -> bool {
        self.0.migration_state == MigrationState::Resident
    }

    /// Whether it is a copy on its way to this store.
    pub(crate) fn is_arriving(&self) -> bool {
        self.0.migration_state == MigrationState::Arriving
    }

    /// Whether it has gone to another store.
    pub(crate) fn has_departed(&self) -> bool {
        self.0.migration_state == MigrationState::Departed
    }

    pub(crate) fn migration_state(&self) -> MigrationState {
        self.0.migration_state
    }

    /// The copy that is on its way to another store.
    pub(crate) fn arriving(&self, write: WriteId) -> Self {
        self.successor(write).standing(MigrationState::Arriving).finish()
    }

    /// Whether this copy was made of that state.
    pub(crate) fn is_copy_of(&self, state: &Self) -> bool {
        self.0.writes[1] == state.0.writes[0] && self.0.version == state.0.version.saturating_add(1)
    }

    /// Whether this copy is the state in whose place the mark was put.
    pub(crate) fn is_confirmed_by(&self, mark: &Self) -> bool {
        self.0.writes[1..] == mark.0.writes[1..] && self.0.version == mark.0.version
    }

    /// The mark in place of the session: it has neither secret nor data, and lasts as long as the session may.
    ///
    /// Its owner stands in it, so that it is on the account of whom the session was.
    pub(crate) fn mark(&self, write: WriteId) -> Self {
        let Draft(mut inner) = self.successor(write).standing(MigrationState::Departed);
        inner.credentials = Credentials::nothing();
        inner.data = Data::default();
        inner.authenticated_at = None;
        inner.extra = None;
        inner.idle = Millis::MAX;
        Draft(inner).finish()
    }

    /// A mark that can be created: `secret` is drawn for it, told to nobody and opens nothing.
    pub(crate) fn created_with(self, secret: Secret) -> Self {
        let Draft(mut inner) = self.into_draft();
        inner.credentials = Credentials::new(secret);
        Draft(inner).finish()
    }

    /// The record of a session whose client takes it along: it stays open for requests that are still on their way.
    pub(crate) fn left_behind(self) -> Self {
        self.into_draft().standing(MigrationState::Departed).finish()
    }

    /// The record as that of a session which is here.
    pub(crate) fn here(self) -> Self {
        if self.is_resident() { self } else { self.into_draft().standing(MigrationState::Resident).finish() }
    }
}

impl Draft {
    fn standing(mut self, migration_state: MigrationState) -> Self {
        self.0.migration_state = migration_state;
        self
    }
}

/// Between tokens that carry their session and stores that keep it.
impl Record {
    /// The same record for a client that holds no reference token of it: the next write brings one.
    pub(crate) fn with_token_due(self) -> Self {
        let Draft(mut inner) = self.into_draft();
        inner.credentials.due = true;
        Draft(inner).finish()
    }

    /// Whether the next write has to bring the client a reference token.
    pub(crate) fn is_token_due(&self) -> bool {
        self.0.credentials.due
    }

    /// Whether no write goes without a new token for the client.
    pub(crate) fn needs_token(&self) -> bool {
        self.0.credentials.due || self.0.credentials.current.is_nothing()
    }

    /// Whether the session, before the write at hand, was one that its client carried.
    pub(crate) fn was_carried(&self) -> bool {
        let Credentials { current, fresh, previous, .. } = &self.0.credentials;
        let first = previous.as_ref().is_some_and(|previous| previous.secret.is_nothing());
        current.is_nothing() || (*fresh && first)
    }

    /// Since when its secret opens it.
    pub(crate) fn secret_since(&self) -> Timestamp {
        self.0.credentials.previous.as_ref().map_or(self.0.created_at, |previous| previous.rotated_at)
    }

    /// This state as the one that follows `stored`, in the store where that stands.
    pub(crate) fn on_top_of(&self, stored: &Self) -> Self {
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
        record::{InvalidRecord, Lifetime, SecretMatch, Subject},
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
    fn a_copy_is_the_session_but_for_its_version() {
        let (record, write) = (record(), WriteId::from_u64(2));
        let copy = record.arriving(write);
        assert!(copy.is_copy_of(&record) && !copy.is_resident());
        assert_ne!(copy.version(), record.version());
        assert!(copy.remembers(record.version().write), "who lost a reply before the move is told the truth");
        let here = copy.clone().here();
        assert_eq!((here.data(), here.subject()), (record.data(), record.subject()));
        assert_eq!(here.compare_secret(&secret(2), NOW), SecretMatch::Current);
        let later = record.successor(WriteId::from_u64(3)).finish();
        assert!(!here.is_copy_of(&later));
        assert!(copy.is_confirmed_by(&record.mark(WriteId::from_u64(4))));
        assert!(!copy.is_confirmed_by(&later.mark(WriteId::from_u64(4))), "another state has left");
    }

    #[test]
    fn a_mark_holds_neither_secret_nor_data_and_lasts_until_the_deadline() {
        let mark = record().mark(WriteId::from_u64(2));
        assert_eq!(mark.migration_state(), MigrationState::Departed);
        assert!(mark.data().is_empty() && mark.authenticated_at().is_none());
        assert_eq!(mark.clone().here().compare_secret(&secret(2), NOW), SecretMatch::None);
        assert_eq!(mark.expires_at(), record().deadline());
        assert!(mark.fresh_secret().is_none() && mark.created_with(secret(9)).fresh_secret().is_some());
    }

    #[test]
    fn where_a_session_is_survives_the_codec_and_nothing_else_is_read() {
        let write = WriteId::from_u64(2);
        for record in [record(), record().arriving(write), record().mark(write), record().left_behind()] {
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
    fn what_a_client_carries_says_not_where_it_is() {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        record().left_behind().encode_sealed(&mut bytes);
        record().encode_sealed(&mut expected);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_carried_session_is_known_until_it_is_kept() {
        let Draft(mut inner) = record().into_draft();
        inner.credentials = Credentials::nothing();
        let carried = Draft(inner).finish();
        assert!(carried.was_carried() && carried.needs_token());
        let draft = carried.with_token_due().successor(WriteId::from_u64(2));
        let next = draft.rotated(secret(7), NOW + HOUR, NOW + 2 * HOUR).finish();
        assert!(next.was_carried(), "the write at hand moves it");
        assert!(!next.needs_token() && !next.is_token_due());
        let kept = next.settled();
        assert!(!kept.was_carried());
        assert_eq!(kept.secret_since(), NOW + HOUR);
        assert!(!record().was_carried());
    }
}
