//! Stores that can name what they keep.

use super::SessionStore;
use crate::id::SessionId;

/// A store that can name all sessions it keeps, so that it can be [drained](crate::store::DrainingStore) into another one.
pub trait EnumerateSessions: SessionStore {
    /// The ID of every record in the store. Sessions that begin or end during the call may be among them or not.
    fn ids(&self) -> Vec<SessionId>;
}
