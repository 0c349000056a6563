//! Where a session is while it moves from one store to another.

/// What the record in one store says about where its session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MigrationState {
    /// The session is in this store, and the record is its state.
    Resident,
    /// The session is moving to this store. The record is a copy, which becomes the session's state once the session has departed
    /// from the other store.
    Arriving,
    /// The session has moved away. The record is a mark, or the state in which its client took the session over.
    Departed,
}
