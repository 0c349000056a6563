//! Logouts end both sides, and their tombstones outlive whatever they have killed.

use std::time::Duration;

use cloakroom::{
    Session, SessionError,
    store::Phase::{Finish, Move, Prepare},
};

use crate::{
    browser::{HOUR, MINUTE, Server},
    steps::{Bounds, alone, explore},
    world::{At, Log, World, begun, count, log_in, log_out, look, request},
};

const PAIRS: [(&str, &str); 6] = [
    ("memory", "memory"),
    ("memory", "plain"),
    ("jwt", "memory"),
    ("encrypted", "plain"),
    ("memory", "jwt"),
    ("plain", "encrypted"),
];

fn is_dead(server: &Server, cookie: &str) -> bool {
    alone(request(server, cookie, look)).id.is_none()
}

/// Whatever the order, and whoever else crashes: after a logout was confirmed, no cookie that anybody was ever told opens
/// the session, at no server.
#[test]
fn a_log_out_beside_a_move_is_final() {
    for (old, new) in PAIRS {
        for phases in [[Prepare, Move], [Move, Prepare], [Move, Move]] {
            for crashes in [0, 1] {
                explore(|order| {
                    let world = World::new(old, new);
                    let first = alone(begun(&world.server(At::Old)));
                    let servers = phases.map(|phase| world.server(At::There(phase)));
                    let log = Log::default();
                    let tasks =
                        vec![log.task(&servers[0], &first, log_out), log.task(&servers[1], &first, count)];
                    order.run(tasks, Bounds { switches: 3, crashes });
                    let seen = log.seen();
                    let told = seen[1].as_ref().and_then(|seen| seen.told.clone());
                    if seen[0].as_ref().is_none_or(|seen| !seen.confirmed) {
                        return;
                    }
                    for server in [At::There(Prepare), At::There(Move), At::Back(Prepare), At::Back(Move)] {
                        for cookie in std::iter::once(&first).chain(&told) {
                            assert!(is_dead(&world.server(server), cookie), "{old} {new} {server:?}");
                        }
                    }
                });
            }
        }
    }
}

/// Remembered for a month, then logged in for hours: the token from before lives much longer than the session that is
/// ended, and must not bring it back when that is long over.
#[test]
fn a_tombstone_outlives_the_longest_token_that_it_kills() {
    fn remember(session: &Session) -> Result<(), SessionError> {
        session.remember(Duration::from_secs(30 * 86_400))
    }
    for (old, new) in [("jwt", "memory"), ("encrypted", "plain")] {
        let world = World::new(old, new);
        let first = alone(begun(&world.server(At::Old)));
        let month = alone(request(&world.server(At::Old), &first, remember)).told.unwrap();
        let server = world.server(At::There(Move));
        let hours = alone(request(&server, &month, log_in)).told.unwrap();
        assert!(alone(request(&server, &hours, log_out)).confirmed);
        for _ in 0..59 {
            world.clock.advance(12 * HOUR);
            for at in [At::There(Prepare), At::There(Move), At::Back(Prepare), At::Back(Move)] {
                assert!(is_dead(&world.server(at), &month), "{old} {new} {at:?}");
            }
        }
    }
}

/// A token that nobody has moved, and that only its client knows, is dead as well.
#[test]
fn a_log_out_kills_what_only_the_client_carries() {
    for (old, new) in [("jwt", "memory"), ("memory", "jwt")] {
        let world = World::new(old, new);
        let server = world.server(At::There(if old == "jwt" { Prepare } else { Move }));
        let cookie = alone(begun(&server));
        let copy = cookie.clone();
        assert!(alone(request(&server, &cookie, log_out)).confirmed);
        assert!(is_dead(&server, &copy));
        assert!(is_dead(&world.server(At::There(Move)), &copy));
    }
}

/// A late request that was on its way brings nothing back, and a login on it begins a session of its own.
#[test]
fn a_login_after_a_log_out_elsewhere_is_a_session_of_its_own() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        let id = alone(request(&world.server(At::There(Move)), &cookie, look)).id;
        assert!(alone(request(&world.server(At::There(Prepare)), &cookie, log_out)).confirmed);
        let again = alone(request(&world.server(At::There(Move)), &cookie, log_in));
        assert!(again.confirmed && again.id.is_none());
        let now = alone(request(&world.server(At::There(Move)), &again.told.unwrap(), look));
        assert_eq!(now.subject.as_deref(), Some("alice"));
        assert_ne!(now.id, id);
        assert_eq!(now.count, None);
    }
}

/// In the last phase too, for servers that still read both.
#[test]
fn a_log_out_at_the_end_counts_for_those_who_are_not_there_yet() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let first = alone(begun(&world.server(At::Old)));
        let moved =
            alone(request(&world.server(At::There(Move)), &first, count)).told.unwrap_or(first.clone());
        world.clock.advance(MINUTE);
        assert!(alone(request(&world.server(At::There(Finish)), &moved, log_out)).confirmed);
        for cookie in [&first, &moved] {
            assert!(is_dead(&world.server(At::There(Move)), cookie), "{old} {new}");
        }
    }
}
