//! What two stores promise together: field by field, no more than the weaker one does.

use crate::store::{Guarantees, Index, ResponseReordering, Revocation, Scope, TokenForm, Updates};

/// What holds whichever of the two stores a session is in. `home` is the one where sessions begin.
pub(super) fn weaker(home: &Guarantees, other: &Guarantees) -> Guarantees {
    Guarantees {
        name: "migrating",
        token: token(home.token, other.token),
        revocation: revocation(home.revocation, other.revocation),
        survives_restart: home.survives_restart && other.survives_restart,
        scope: if either(home.scope, other.scope, Scope::Process) { Scope::Process } else { home.scope },
        updates: if either(home.updates, other.updates, Updates::LastWriterWins) {
            Updates::LastWriterWins
        } else {
            Updates::NeverLost
        },
        response_reordering: if either(
            home.response_reordering,
            other.response_reordering,
            ResponseReordering::MayRevert,
        ) {
            ResponseReordering::MayRevert
        } else {
            ResponseReordering::Harmless
        },
        index: index(home.index, other.index),
        max_data: limit(home.max_data, other.max_data),
        writable: home.writable,
    }
}

fn either<T: PartialEq>(one: T, other: T, weak: T) -> bool {
    one == weak || other == weak
}

/// What new sessions' clients hold; among clients that carry their session, some may be able to read it.
fn token(home: TokenForm, other: TokenForm) -> TokenForm {
    let readable = home.is_self_contained() && either(home, other, TokenForm::Readable);
    if readable { TokenForm::Readable } else { home }
}

fn revocation(one: Revocation, other: Revocation) -> Revocation {
    match (one, other) {
        (Revocation::AtExpiry, _) | (_, Revocation::AtExpiry) => Revocation::AtExpiry,
        (Revocation::Within(one), Revocation::Within(other)) => Revocation::Within(one.max(other)),
        (Revocation::Within(delay), Revocation::AtOnce) | (Revocation::AtOnce, Revocation::Within(delay)) => {
            Revocation::Within(delay)
        }
        (Revocation::AtOnce, Revocation::AtOnce) => Revocation::AtOnce,
    }
}

fn index(one: Index, other: Index) -> Index {
    match (one, other) {
        (Index::None, _) | (_, Index::None) => Index::None,
        (Index::Process, _) | (_, Index::Process) => Index::Process,
        (Index::AllNodes, Index::AllNodes) => Index::AllNodes,
    }
}

fn limit(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (limit, None) | (None, limit) => limit,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const STRONG: Guarantees = Guarantees {
        name: "strong",
        token: TokenForm::Reference,
        revocation: Revocation::AtOnce,
        survives_restart: true,
        scope: Scope::AllNodes,
        updates: Updates::NeverLost,
        response_reordering: ResponseReordering::Harmless,
        index: Index::AllNodes,
        max_data: None,
        writable: true,
    };

    const WEAK: Guarantees = Guarantees {
        name: "weak",
        token: TokenForm::Readable,
        revocation: Revocation::AtExpiry,
        survives_restart: false,
        scope: Scope::Process,
        updates: Updates::LastWriterWins,
        response_reordering: ResponseReordering::MayRevert,
        index: Index::None,
        max_data: Some(100),
        writable: false,
    };

    #[test]
    fn each_promise_is_that_of_the_weaker_side() {
        let both = Guarantees { name: "migrating", ..STRONG };
        assert_eq!(weaker(&STRONG, &STRONG), both);
        // New sessions are what the store makes them in which they begin.
        assert_eq!(weaker(&WEAK, &STRONG), Guarantees { name: "migrating", ..WEAK });
        let weak = Guarantees { name: "migrating", token: TokenForm::Reference, writable: true, ..WEAK };
        assert_eq!(weaker(&STRONG, &WEAK), weak);
    }

    #[test]
    fn what_has_degrees_takes_the_lower_one() {
        let second = Duration::from_secs(1);
        let within = |delay| Guarantees { revocation: Revocation::Within(delay), ..STRONG };
        for (one, other, expected) in [
            (within(second), STRONG, Revocation::Within(second)),
            (within(second), within(2 * second), Revocation::Within(2 * second)),
            (within(second), WEAK, Revocation::AtExpiry),
        ] {
            assert_eq!(weaker(&one, &other).revocation, expected);
            assert_eq!(weaker(&other, &one).revocation, expected);
        }
        let near = Guarantees { index: Index::Process, max_data: Some(200), ..STRONG };
        assert_eq!(weaker(&near, &STRONG).index, Index::Process);
        assert_eq!(weaker(&STRONG, &near).max_data, Some(200));
        assert_eq!(weaker(&WEAK, &near).max_data, Some(100));
    }

    #[test]
    fn an_encrypted_session_may_become_readable_and_is_declared_so() {
        let encrypted = Guarantees { token: TokenForm::Encrypted, ..WEAK };
        assert_eq!(weaker(&encrypted, &WEAK).token, TokenForm::Readable);
        assert_eq!(weaker(&encrypted, &encrypted).token, TokenForm::Encrypted);
        assert_eq!(weaker(&encrypted, &STRONG).token, TokenForm::Encrypted);
    }
}
