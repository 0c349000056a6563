//! Sessions that a log of revocations ends, on their way to and from other stores.

use std::sync::Arc;

use cloakroom::{
    SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{
        EncryptedCookieStore, JwtStore, MemoryRevocationLog, MemoryStore,
        Phase::{Finish, Move, Prepare},
        RevocableStore,
    },
};

use crate::{
    steps::alone,
    world::{At, World, log_in, look, request},
};

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

fn revocable<S: SessionStore>(store: S, log: &MemoryRevocationLog) -> RevocableStore<S> {
    RevocableStore::new(store, log.clone()).unwrap()
}

/// The pairs of which each side can end all sessions of a subject.
fn worlds() -> Vec<World> {
    let log = MemoryRevocationLog::new();
    let cookie = || revocable(EncryptedCookieStore::new(&keys()), &log);
    let jwt = || revocable(JwtStore::from_ring(&keys()), &log);
    vec![
        World::of(cookie(), jwt()),
        World::of(MemoryStore::new(), cookie()),
        World::of(Arc::new(cookie()), MemoryStore::new()),
    ]
}

#[test]
fn all_sessions_of_a_subject_end_on_both_sides_and_a_login_right_after_counts() {
    for world in worlds() {
        let token = |at| alone(request(&world.server(at), "", log_in)).told.unwrap();
        let old = [token(At::There(Prepare)), token(At::There(Move))];
        let moving = world.server(At::There(Move));
        alone(moving.sessions.end_sessions_of("alice")).unwrap();
        let new = token(At::There(Move));
        for at in [At::There(Prepare), At::There(Move)] {
            for token in &old {
                assert_eq!(alone(request(&world.server(at), token, look)).subject, None);
            }
            let seen = alone(request(&world.server(at), &new, look));
            assert_eq!(seen.subject.as_deref(), Some("alice"));
        }
        let seen = alone(request(&world.server(At::There(Finish)), &new, look));
        assert_eq!(seen.subject.as_deref(), Some("alice"));
    }
}
