//! Sessions that have moved come back, and meet what they left.

use cloakroom::store::Phase::{Finish, Move, Prepare};

use crate::{
    browser::{HOUR, MINUTE},
    steps::{Bounds, alone, explore},
    world::{Action, At, Client, Log, World, begun, count, counted, log_out, look, request},
};

const PAIRS: [(&str, &str); 8] = [
    ("memory", "memory"),
    ("memory", "plain"),
    ("plain", "memory"),
    ("jwt", "memory"),
    ("encrypted", "plain"),
    ("memory", "jwt"),
    ("plain", "encrypted"),
    ("jwt", "signed"),
];

/// Whether one of the two stores does.
fn keeps_records((old, new): &(&str, &str)) -> bool {
    [old, new].iter().any(|name| ["memory", "plain"].contains(name))
}

/// There, back, there and back again.
const JOURNEY: [At; 14] = [
    At::There(Prepare),
    At::There(Move),
    At::Back(Prepare),
    At::Back(Move),
    At::There(Prepare),
    At::There(Move),
    At::There(Finish),
    At::New,
    At::Back(Prepare),
    At::Back(Move),
    At::Back(Finish),
    At::Old,
    At::There(Prepare),
    At::There(Move),
];

#[test]
fn a_session_goes_there_and_back_again_and_again() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let mut client = Client(alone(begun(&world.server(At::Old))));
        let id = alone(client.request(&world.server(At::Old), look)).id;
        let mut expected = 1;
        for at in JOURNEY {
            let server = world.server(at);
            for (action, counts) in [(look as Action, 0), (count, 1), (count, 1), (look, 0)] {
                let seen = alone(client.request(&server, action));
                assert_eq!((seen.id, seen.count), (id, Some(expected)), "{old} {new} {at:?}");
                expected += counts;
                world.clock.advance(2 * MINUTE);
            }
        }
    }
}

/// Each response gets lost, so that the client comes with the token from before again and again.
#[test]
fn a_client_that_never_gets_an_answer_loses_nothing_where_a_store_keeps_records() {
    for (old, new) in PAIRS.into_iter().filter(keeps_records) {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        let mut expected = 1;
        for at in [At::There(Move), At::Back(Prepare), At::Back(Move)] {
            let server = world.server(at);
            for _ in 0..3 {
                let seen = alone(request(&server, &cookie, count));
                assert_eq!(seen.count, Some(expected), "{old} {new} {at:?}");
                expected += 1;
                world.clock.advance(2 * MINUTE);
            }
        }
    }
}

/// Long enough for what was left behind to expire, while the session is used elsewhere.
#[test]
fn a_session_comes_back_although_what_it_left_behind_has_expired() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let mut client = Client(alone(begun(&world.server(At::Old))));
        let mut expected = 1;
        for at in [At::There(Move), At::Back(Prepare), At::Back(Move)] {
            let server = world.server(at);
            for _ in 0..5 {
                world.clock.advance(20 * MINUTE);
                assert_eq!(alone(client.request(&server, count)).count, Some(expected), "{old} {new} {at:?}");
                expected += 1;
            }
        }
    }
}

/// A move that crashed anywhere, in either direction, is no obstacle on the way back, whether anybody has written the
/// session in between or not.
#[test]
fn a_crash_on_the_way_there_is_no_obstacle_on_the_way_back() {
    for (old, new) in [("memory", "plain"), ("memory", "jwt"), ("jwt", "memory")] {
        for way in [
            [At::Back(Prepare), At::Back(Move), At::Back(Move), At::Back(Finish), At::Old],
            [At::Back(Move), At::Back(Move), At::Back(Move), At::Back(Finish), At::Old],
        ] {
            explore(|order| {
                let world = World::new(old, new);
                let first = alone(begun(&world.server(At::Old)));
                let there = world.server(At::There(Move));
                let log = Log::default();
                let bounds = Bounds { switches: 0, crashes: 1 };
                let crashed = order.run(vec![log.task(&there, &first, count)], bounds);
                let told = log.seen().pop().flatten().and_then(|seen| seen.told);
                let mut client = Client(told.unwrap_or(first));
                let mut expected = None;
                for at in way {
                    let seen = alone(client.request(&world.server(at), count)).count.unwrap();
                    assert!(expected.is_none_or(|expected| expected == seen), "{at:?}");
                    assert!(crashed[0] || seen >= 2);
                    expected = Some(seen + 1);
                }
            });
        }
    }
}

/// On the way back, a server that still moves nothing beside one that moves the session back.
#[test]
fn the_way_back_is_as_safe_as_the_way_there() {
    for (old, new) in [("memory", "memory"), ("memory", "plain")] {
        for phases in [
            [At::There(Move), At::Back(Prepare)],
            [At::Back(Prepare), At::Back(Move)],
            [At::There(Prepare), At::Back(Move)],
            [At::Back(Move), At::Back(Move)],
        ] {
            explore(|order| {
                let world = World::new(old, new);
                let cookie = alone(begun(&world.server(At::Old)));
                assert!(alone(request(&world.server(At::There(Move)), &cookie, count)).confirmed);
                let [one, other] = phases.map(|at| world.server(at));
                let log = Log::default();
                let tasks = vec![log.task(&one, &cookie, count), log.task(&other, &cookie, count)];
                order.run(tasks, Bounds { switches: 3, crashes: 1 });
                let confirmed = log.seen().into_iter().flatten().filter(|seen| seen.confirmed).count() as u64;
                let counts = [&one, &other].map(|server| alone(counted(server, &cookie)));
                assert_eq!(counts[0], counts[1], "{phases:?}: split in two");
                assert!((2 + confirmed..=4).contains(&counts[0].1));
            });
        }
    }
}

/// A session that was ended on the way there stays ended on the way back.
#[test]
fn an_ended_session_does_not_come_back() {
    for (old, new) in PAIRS.into_iter().filter(keeps_records) {
        let world = World::new(old, new);
        let mut cookies = vec![alone(begun(&world.server(At::Old)))];
        for at in [At::There(Prepare), At::There(Move)] {
            let last = cookies.last().unwrap().clone();
            cookies.push(alone(request(&world.server(at), &last, count)).told.unwrap_or(last));
        }
        let last = cookies.last().unwrap();
        assert!(alone(request(&world.server(At::There(Move)), last, log_out)).confirmed);
        for at in [At::There(Move), At::There(Prepare), At::Back(Prepare), At::Back(Move)] {
            for cookie in &cookies {
                assert_eq!(alone(request(&world.server(at), cookie, look)).id, None, "{old} {new} {at:?}");
            }
            world.clock.advance(HOUR);
        }
    }
}
