//! Where a session is while it moves from one store to another.

/// Where a session is, as one store's record of it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MigrationState {
    /// In this store: the record is the session.
    Resident,
    /// On its way to this store: the record is a copy, and becomes the session once the store that it comes from says so.
    Arriving,
    /// In another store. The record is a mark, or the state that its client has taken along.
    Departed,
}
