//! Stores that keep records: every order of the store calls of several servers, and crashes between them.

use cloakroom::store::Phase::{Finish, Move, Prepare};

use crate::{
    browser::{HOUR, MINUTE},
    steps::{Bounds, alone, explore},
    world::{At, Log, World, begun, count, counted, log_in, look, renew, request},
};

const PAIRS: [(&str, &str); 3] = [("memory", "memory"), ("memory", "plain"), ("plain", "memory")];

/// Phases that may serve at the same time, where something moves.
const SIDE_BY_SIDE: [[At; 2]; 3] = [
    [At::There(Prepare), At::There(Move)],
    [At::There(Move), At::There(Move)],
    [At::There(Move), At::There(Finish)],
];

/// Two requests of one session that nobody has moved yet, at two servers.
#[test]
fn two_servers_count_while_the_session_moves() {
    for (old, new) in PAIRS {
        for [one, other] in &SIDE_BY_SIDE[..2] {
            let played = explore(|order| {
                let world = World::new(old, new);
                let cookie = alone(begun(&world.server(At::Old)));
                let [one, other] = [world.server(*one), world.server(*other)];
                let log = Log::default();
                let tasks = vec![log.task(&one, &cookie, count), log.task(&other, &cookie, count)];
                order.run(tasks, Bounds { switches: 4, crashes: 0 });
                for seen in log.seen().into_iter().flatten() {
                    assert!(seen.confirmed, "{seen:?}");
                    assert_eq!(seen.subject.as_deref(), Some("alice"));
                    assert_eq!(seen.told, None, "the token stays good");
                }
                let counts = [&one, &other].map(|server| alone(counted(server, &cookie)));
                assert_eq!(counts[0], counts[1], "split in two");
                assert_eq!(counts[0].1, 3, "an update was lost");
            });
            assert!(played > 80, "{played}");
        }
    }
}

/// Whoever crashes wherever: what was confirmed is there, and everybody sees the same.
#[test]
fn a_crash_between_any_two_calls_loses_nothing_that_was_confirmed() {
    for (old, new) in PAIRS {
        for [one, other] in &SIDE_BY_SIDE[..2] {
            explore(|order| {
                let world = World::new(old, new);
                let cookie = alone(begun(&world.server(At::Old)));
                let [one, other] = [world.server(*one), world.server(*other)];
                let log = Log::default();
                let tasks = vec![log.task(&one, &cookie, count), log.task(&other, &cookie, count)];
                order.run(tasks, Bounds { switches: 3, crashes: 1 });
                let confirmed = log.seen().into_iter().flatten().filter(|seen| seen.confirmed).count() as u64;
                let counts = [&one, &other].map(|server| alone(counted(server, &cookie)));
                assert_eq!(counts[0], counts[1], "split in two");
                assert!((1 + confirmed..=3).contains(&counts[0].1), "{confirmed} confirmed, {counts:?}");
                // And life goes on.
                assert!(alone(request(&other, &cookie, count)).confirmed);
                assert_eq!(alone(counted(&one, &cookie)).1, counts[0].1 + 1);
            });
        }
    }
}

/// A request that only looks sees the session, wherever it just is.
#[test]
fn a_session_on_its_way_is_never_taken_for_none() {
    for (old, new) in PAIRS {
        for reader in [At::There(Prepare), At::There(Move)] {
            explore(|order| {
                let world = World::new(old, new);
                let cookie = alone(begun(&world.server(At::Old)));
                let [mover, reader] = [world.server(At::There(Move)), world.server(reader)];
                let log = Log::default();
                let tasks = vec![log.task(&mover, &cookie, count), log.task(&reader, &cookie, look)];
                order.run(tasks, Bounds { switches: 4, crashes: 1 });
                for seen in log.seen().into_iter().flatten() {
                    assert_eq!(seen.subject.as_deref(), Some("alice"), "{seen:?}");
                }
            });
        }
    }
}

/// Three writers at once.
#[test]
fn three_servers_count_while_the_session_moves() {
    let played = explore(|order| {
        let world = World::new("memory", "plain");
        let cookie = alone(begun(&world.server(At::Old)));
        let servers = [Prepare, Move, Move].map(|phase| world.server(At::There(phase)));
        let log = Log::default();
        let tasks = servers.iter().map(|server| log.task(server, &cookie, count)).collect();
        order.run(tasks, Bounds { switches: 3, crashes: 0 });
        assert!(log.seen().into_iter().flatten().all(|seen| seen.confirmed));
        for server in &servers {
            assert_eq!(alone(counted(server, &cookie)).1, 4);
        }
    });
    assert!(played > 1000, "{played}");
}

/// A new secret and a move at the same time: whoever was told the new token can use it, and nobody the old one.
#[test]
fn a_login_meets_a_move() {
    for phases in &SIDE_BY_SIDE[..2] {
        for who in [0, 1] {
            explore(|order| {
                let world = World::new("memory", "plain");
                let cookie = alone(begun(&world.server(At::Old)));
                let servers = phases.map(|at| world.server(at));
                let log = Log::default();
                let tasks = vec![
                    log.task(&servers[who], &cookie, log_in),
                    log.task(&servers[1 - who], &cookie, count),
                ];
                order.run(tasks, Bounds { switches: 4, crashes: 0 });
                let seen: Vec<_> = log.seen().into_iter().flatten().collect();
                assert!(seen[0].confirmed, "a login is never dropped");
                let told = seen[0].told.as_deref().expect("a login tells a token");
                for server in &servers {
                    let (_, counted) = alone(counted(server, told));
                    assert_eq!(counted, 1 + u64::from(seen[1].confirmed));
                    let old = alone(request(server, &cookie, look));
                    assert_eq!(old.subject, None, "the token from before the login opens the session");
                }
            });
        }
    }
}

/// The secret, plain in one store and hashed in the other, opens the session after the move, and so does its grace.
#[test]
fn the_token_stays_good_from_plain_secrets_to_hashed_ones_and_back() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let first = alone(begun(&world.server(At::Old)));
        let renewed = alone(request(&world.server(At::Old), &first, renew)).told.unwrap();
        let server = world.server(At::There(Move));
        assert!(alone(request(&server, &first, count)).confirmed, "within its grace");
        assert_eq!(alone(counted(&server, &renewed)).1, 2);
        assert_eq!(alone(counted(&world.server(At::New), &renewed)).1, 2, "it has moved");
        assert_eq!(alone(request(&server, &first, look)).subject, None, "the new token was seen");
        assert_eq!(
            alone(request(&world.server(At::Old), &renewed, look)).subject,
            None,
            "a mark opens nothing"
        );
    }
}

/// A session that is only looked at moves as well, if the server is told so.
#[test]
fn a_session_moves_when_it_is_read_if_that_is_chosen() {
    let world = World::new("memory", "plain");
    let cookie = alone(begun(&world.server(At::Old)));
    let by_write = world.server(At::There(Move));
    alone(counted(&by_write, &cookie));
    assert_eq!(alone(request(&world.server(At::New), &cookie, look)).subject, None, "not yet");
    let by_read = world.serving(world.migrating(At::There(Move)).when_read());
    alone(counted(&by_read, &cookie));
    assert_eq!(alone(counted(&world.server(At::New), &cookie)).1, 1);
}

/// In the last phases nothing is asked of the old store, and what was left half way is still found.
#[test]
fn whoever_finishes_finds_what_a_crash_has_left_half_way() {
    explore(|order| {
        let world = World::new("memory", "plain");
        let cookie = alone(begun(&world.server(At::Old)));
        let [mover, finisher] = [Move, Finish].map(|phase| world.server(At::There(phase)));
        let log = Log::default();
        order.run(vec![log.task(&mover, &cookie, count)], Bounds { switches: 0, crashes: 1 });
        // Another request moves it, or writes where it has moved.
        assert!(alone(request(&mover, &cookie, count)).confirmed);
        let (_, seen) = alone(counted(&finisher, &cookie));
        assert!((2..=3).contains(&seen));
        assert!(alone(request(&finisher, &cookie, count)).confirmed);
        assert_eq!(alone(counted(&world.server(At::New), &cookie)).1, seen + 1);
        assert_eq!(alone(counted(&mover, &cookie)).1, seen + 1);
    });
}

/// A server that prepares leaves each session where it is.
#[test]
fn nothing_moves_while_servers_prepare() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        for home in [At::Old, At::New] {
            let cookie = alone(begun(&world.server(home)));
            let preparing = world.serving(world.migrating(At::There(Prepare)).when_read());
            for n in 1..4 {
                assert_eq!(alone(request(&preparing, &cookie, count)).count, Some(n));
                assert_eq!(alone(counted(&world.server(home), &cookie)).1, n + 1);
            }
        }
    }
}

/// What is only looked at lives on, wherever it is: a touch goes where the session is.
#[test]
fn a_session_that_is_only_looked_at_lives_on_wherever_it_is() {
    for (old, new) in PAIRS {
        for home in [At::Old, At::New] {
            for phase in [Prepare, Move] {
                let world = World::new(old, new);
                let cookie = alone(begun(&world.server(home)));
                let server = world.server(At::There(phase));
                for _ in 0..4 {
                    world.clock.advance(20 * MINUTE);
                    alone(counted(&server, &cookie));
                }
                alone(counted(&world.server(home), &cookie));
            }
        }
    }
}

/// The mark lasts as long as the session might when it left. It may have been prolonged since.
#[test]
fn a_session_that_outlives_its_mark_is_found() {
    fn remember(session: &cloakroom::Session) -> Result<(), cloakroom::SessionError> {
        session.remember(240 * HOUR)
    }
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        let moving = world.server(At::There(Move));
        assert!(alone(request(&moving, &cookie, count)).confirmed);
        let cookie = alone(request(&moving, &cookie, remember)).told.unwrap();
        for _ in 0..3 {
            world.clock.advance(13 * HOUR);
            for at in [At::There(Prepare), At::There(Move), At::Back(Prepare), At::Back(Move)] {
                alone(counted(&world.server(at), &cookie));
            }
        }
    }
}

/// A copy that no mark confirms is not the session, whatever becomes of the session.
#[test]
fn a_copy_that_was_left_half_way_opens_nothing_when_the_session_is_over() {
    fn remember(session: &cloakroom::Session) -> Result<(), cloakroom::SessionError> {
        session.remember(240 * HOUR)
    }
    explore(|order| {
        let world = World::new("memory", "plain");
        let first = alone(begun(&world.server(At::Old)));
        let month = alone(request(&world.server(At::Old), &first, remember)).told.unwrap();
        world.clock.advance(MINUTE);
        let log = Log::default();
        let mover = world.server(At::There(Move));
        order.run(vec![log.task(&mover, &month, count)], Bounds { switches: 0, crashes: 1 });
        let hours = alone(request(&world.server(At::There(Prepare)), &month, log_in));
        assert!(hours.confirmed);
        world.clock.advance(HOUR);
        for at in [At::There(Prepare), At::There(Move), At::There(Finish), At::New] {
            assert_eq!(alone(request(&world.server(at), &month, look)).id, None, "{at:?}");
        }
    });
}

/// A copy that a crash has left stands for a state that is long gone. While another server moves the session, nobody may
/// take the one for the other.
#[test]
fn what_a_crash_left_is_never_shown_in_place_of_what_was_confirmed_since() {
    for (old, new) in PAIRS {
        for reader in [At::There(Prepare), At::There(Move)] {
            explore(|order| {
                let world = World::new(old, new);
                let cookie = alone(begun(&world.server(At::Old)));
                let [keeper, mover, reader] =
                    [At::There(Prepare), At::There(Move), reader].map(|at| world.server(at));
                let crashed = Log::default();
                let tasks = vec![crashed.task(&mover, &cookie, count)];
                order.run(tasks, Bounds { switches: 0, crashes: 1 });
                assert!(alone(request(&keeper, &cookie, count)).confirmed);
                let confirmed = alone(counted(&keeper, &cookie)).1;
                let log = Log::default();
                let tasks = vec![log.task(&mover, &cookie, count), log.task(&reader, &cookie, look)];
                order.run(tasks, Bounds { switches: 2, crashes: 0 });
                let seen = log.seen();
                assert!(
                    seen[1].as_ref().unwrap().count >= Some(confirmed),
                    "{confirmed} confirmed, {seen:?}"
                );
            });
        }
    }
}

/// Nobody writes the session again, and the migration goes on.
#[test]
fn a_session_that_was_left_half_way_arrives_when_it_is_read() {
    for (old, new) in PAIRS {
        explore(|order| {
            let world = World::new(old, new);
            let cookie = alone(begun(&world.server(At::Old)));
            let crashed = Log::default();
            let mover = world.server(At::There(Move));
            let tasks = vec![crashed.task(&mover, &cookie, count)];
            order.run(tasks, Bounds { switches: 0, crashes: 1 });
            let store = world.migrating(At::There(Move));
            alone(counted(&world.serving(store.clone()), &cookie));
            if store.progress().read_from_old == 0 {
                alone(counted(&world.server(At::There(Finish)), &cookie));
                alone(counted(&world.server(At::New), &cookie));
            }
        });
    }
}
