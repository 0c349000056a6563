//! Which checks a store has to pass: each check requires some of the guarantees that are tested here.

use std::time::Duration;

use crate::store::{
    Durability, Guarantees, Index, ResponseReordering, Revocation, Scope, TokenForm, Updates,
};

/// What a check requires of a store's guarantees.
pub(super) type Requirement = fn(&Guarantees) -> bool;

/// The store keeps the records.
pub(super) fn keeps_records(guarantees: &Guarantees) -> bool {
    guarantees.keeps_records
}

/// Its clients alone hold their sessions.
pub(super) fn keeps_no_records(guarantees: &Guarantees) -> bool {
    !keeps_records(guarantees)
}

/// Its clients carry their sessions, so that every change brings a new token.
pub(super) fn is_carried(guarantees: &Guarantees) -> bool {
    guarantees.token.is_self_contained()
}

/// A token shows nothing of its session.
pub(super) fn is_encrypted(guarantees: &Guarantees) -> bool {
    guarantees.token == TokenForm::Encrypted
}

/// An ended session is refused before it expires.
pub(super) fn revokes(guarantees: &Guarantees) -> bool {
    delay_of_end(guarantees).is_some()
}

/// An ended session is refused from the next request on.
pub(super) fn revokes_at_once(guarantees: &Guarantees) -> bool {
    delay_of_end(guarantees) == Some(Duration::ZERO)
}

/// Only expiry ends what a client holds.
pub(super) fn revokes_at_expiry(guarantees: &Guarantees) -> bool {
    !revokes(guarantees)
}

/// How long an ended session may still be let in; `None` until it expires.
pub(super) fn delay_of_end(guarantees: &Guarantees) -> Option<Duration> {
    match guarantees.revocation {
        Revocation::AtOnce => Some(Duration::ZERO),
        Revocation::Within(delay) => Some(delay),
        Revocation::AtExpiry => None,
    }
}

/// Two writers do not lose each other's changes.
pub(super) fn loses_no_update(guarantees: &Guarantees) -> bool {
    guarantees.updates == Updates::NeverLost
}

/// A change may be lost in a crash for a moment after it was acknowledged.
pub(super) fn is_written_behind(guarantees: &Guarantees) -> bool {
    !delay_of_changes(guarantees).is_zero()
}

/// How long an acknowledged change may be lost in a crash.
pub(super) fn delay_of_changes(guarantees: &Guarantees) -> Duration {
    match guarantees.durability {
        Durability::AtOnce => Duration::ZERO,
        Durability::Within(delay) => delay,
    }
}

/// Ordinary responses carry no token that could arrive too late.
pub(super) fn reordering_is_harmless(guarantees: &Guarantees) -> bool {
    guarantees.response_reordering == ResponseReordering::Harmless
}

/// The sessions of a subject can be listed.
pub(super) fn has_index(guarantees: &Guarantees) -> bool {
    guarantees.index != Index::None
}

/// They can be listed on every node.
pub(super) fn index_is_shared(guarantees: &Guarantees) -> bool {
    guarantees.index == Index::AllNodes
}

/// There is a largest size of session data.
pub(super) fn is_limited(guarantees: &Guarantees) -> bool {
    guarantees.max_data.is_some()
}

/// Only memory limits the size of session data.
pub(super) fn is_unlimited(guarantees: &Guarantees) -> bool {
    !is_limited(guarantees)
}

/// More than one process can serve a session.
pub(super) fn is_shared(guarantees: &Guarantees) -> bool {
    guarantees.scope > Scope::Process
}

/// Sessions outlive a restart.
pub(super) fn survives_restart(guarantees: &Guarantees) -> bool {
    guarantees.survives_restart
}

/// Several processes share its records, so that each of them waits for something that another process or machine keeps.
pub(super) fn is_remote(guarantees: &Guarantees) -> bool {
    keeps_records(guarantees) && is_shared(guarantees)
}

/// Records are stored outside of the process: there they can be read by others, and be unavailable.
pub(super) fn is_stored_outside(guarantees: &Guarantees) -> bool {
    keeps_records(guarantees) && (is_shared(guarantees) || survives_restart(guarantees))
}
