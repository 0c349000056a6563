//! A record in parts, for a store that writes it in a form of its own under a seal.

use std::{fmt, sync::Arc, time::Duration};

use super::{Credentials, Data, Inner, MigrationState, REMEMBERED_WRITES, Record, Subject};
use crate::{
    id::{SessionId, WriteId},
    time::Timestamp,
};

/// What a record that its client carries consists of: it needs no secret and remembers no writes.
///
/// A [`Seal`](crate::store::Seal) whose tokens have a form of their own, as JSON Web Tokens do, makes a record of them by
/// [`Record::from_parts`]. One that is free to choose uses [`Record::encode_sealed`].
pub struct Parts {
    /// [`Record::id`].
    pub id: SessionId,
    /// The counter of [`Record::version`].
    pub version: u64,
    /// [`Record::revocation_sequence`].
    pub revocation_sequence: u64,
    /// [`Record::epoch`].
    pub epoch: u32,
    /// [`Record::is_remembered`].
    pub remembered: bool,
    /// [`Record::created_at`].
    pub created_at: Timestamp,
    /// [`Record::last_active`].
    pub last_active: Timestamp,
    /// [`Record::idle_timeout`].
    pub idle: Duration,
    /// [`Record::deadline`].
    pub deadline: Timestamp,
    /// [`Record::authenticated_at`].
    pub authenticated_at: Option<Timestamp>,
    /// [`Record::subject`].
    pub subject: Option<Subject>,
    /// [`Record::acting_as`].
    pub acting_as: Option<Subject>,
    /// [`Record::data`].
    pub data: Data,
    /// [`Record::extra`].
    pub extra: Option<Arc<Vec<u8>>>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Record {
    /// The record that consists of these parts. No secret opens it.
    #[must_use]
    pub fn from_parts(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            lifetime_changed: false,
            id: parts.id,
            version: parts.version,
            sequence: parts.revocation_sequence,
            writes: [WriteId::from_u64(0); REMEMBERED_WRITES],
            epoch: parts.epoch,
            remembered: parts.remembered,
            migration_state: MigrationState::Resident,
            created_at: parts.created_at,
            last_active: parts.last_active,
            idle: parts.idle.into(),
            deadline: parts.deadline,
            authenticated_at: parts.authenticated_at,
            subject: parts.subject,
            acting_as: parts.acting_as.map(Box::new),
            credentials: Credentials::nothing(),
            data: parts.data,
            extra: parts.extra,
        }))
    }

    /// What a newer version of the crate stored in the record and this one does not understand. It is written back as it is.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.0.extra.as_deref().map(Vec::as_slice)
    }
}
