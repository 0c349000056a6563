//! Stores that can name what they keep.

use super::SessionStore;
use crate::id::SessionId;

/// A store that can name all sessions it keeps, so that they can be [handed over](crate::store::DrainingStore) to another one.
pub trait EnumerateSessions: SessionStore {
    /// The ID of every record in the store. Of sessions that begin or end meanwhile it may name any.
    fn ids(&self) -> Vec<SessionId>;
}
