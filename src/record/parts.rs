//! A record in parts, for a store that writes it in a form of its own under a seal.

use std::{sync::Arc, time::Duration};

use super::{Credentials, Data, Inner, MigrationState, REMEMBERED_WRITES, Record, Subject};
use crate::{
    id::{SessionId, WriteId},
    time::Timestamp,
};

/// What a record that its client carries consists of: it needs no secret and remembers no writes.
pub(crate) struct Parts {
    pub(crate) id: SessionId,
    pub(crate) version: u64,
    pub(crate) epoch: u32,
    pub(crate) remembered: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) last_active: Timestamp,
    pub(crate) idle: Duration,
    pub(crate) deadline: Timestamp,
    pub(crate) authenticated_at: Option<Timestamp>,
    pub(crate) subject: Option<Subject>,
    pub(crate) data: Data,
    /// What a newer version of the format wrote and this one does not understand.
    pub(crate) extra: Option<Arc<Vec<u8>>>,
}

impl Record {
    pub(crate) fn from_parts(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            id: parts.id,
            version: parts.version,
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
            credentials: Credentials::nothing(),
            data: parts.data,
            extra: parts.extra,
        }))
    }

    /// What a newer version of the format wrote and this one does not understand.
    pub(crate) fn extra(&self) -> Option<&[u8]> {
        self.0.extra.as_deref().map(Vec::as_slice)
    }
}
