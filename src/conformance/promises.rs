//! What a store's guarantees mean to the suite: each question here calls for some checks.

use std::time::Duration;

use crate::store::{Guarantees, Index, ResponseReordering, Revocation, Scope, TokenForm, Updates};

/// A promise that a store may make.
pub(super) type Promise = fn(&Guarantees) -> bool;

/// Its clients hold references; the records stay with the store.
pub(super) fn keeps_records(guarantees: &Guarantees) -> bool {
    guarantees.token == TokenForm::Reference
}

/// Its clients carry their sessions, so that every change needs a new token.
pub(super) fn is_carried(guarantees: &Guarantees) -> bool {
    guarantees.token.is_self_contained()
}

/// Whoever looks at a token sees nothing of its session.
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

/// Nothing but expiry ends what a client holds.
pub(super) fn ends_at_client_only(guarantees: &Guarantees) -> bool {
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

/// Ordinary responses carry no token that could arrive late.
pub(super) fn late_responses_are_harmless(guarantees: &Guarantees) -> bool {
    guarantees.response_reordering == ResponseReordering::Harmless
}

/// The sessions of a subject can be listed.
pub(super) fn has_index(guarantees: &Guarantees) -> bool {
    guarantees.index != Index::None
}

/// They can be listed wherever they are.
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

/// Every server answers for every session.
pub(super) fn is_shared(guarantees: &Guarantees) -> bool {
    guarantees.scope == Scope::AllNodes
}

/// Sessions outlive a restart.
pub(super) fn survives_restart(guarantees: &Guarantees) -> bool {
    guarantees.survives_restart
}

/// Records stand outside of the process: there they can be read by others, and be out of reach.
pub(super) fn stands_outside(guarantees: &Guarantees) -> bool {
    keeps_records(guarantees) && (is_shared(guarantees) || survives_restart(guarantees))
}
