//! The sessions of one customer: where they are logged in.

use cloakroom::{Session, SessionError, SessionErrorKind, StoreErrorKind, store::SessionInfo};
use time::OffsetDateTime;

/// What can be told about a customer's devices.
#[derive(Debug)]
pub(crate) enum Devices {
    /// No user is logged in, so there are no devices to list.
    LoggedOut,
    /// The store keeps no index of sessions.
    Unlisted,
    /// All of them, including this one.
    Listed(Vec<Device>),
}

/// One browser that is logged in.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) last_active: OffsetDateTime,
    /// Whether it is this one.
    pub(crate) is_this: bool,
}

impl Devices {
    /// The devices of the user who is logged in.
    pub(crate) async fn of(session: &Session) -> Result<Self, SessionError> {
        if session.subject().is_none() {
            return Ok(Self::LoggedOut);
        }
        match session.sessions().await {
            Ok(all) => Ok(Self::Listed(all.iter().map(|info| Device::new(info, session)).collect())),
            Err(error) if error.kind() == SessionErrorKind::Store(StoreErrorKind::Unsupported) => {
                Ok(Self::Unlisted)
            }
            Err(error) => Err(error),
        }
    }
}

impl Device {
    fn new(info: &SessionInfo, session: &Session) -> Self {
        Self {
            id: info.id().to_string(),
            created_at: info.created_at(),
            last_active: info.last_active(),
            is_this: session.id() == Some(info.id()),
        }
    }
}
