//! One store keeps records, the clients of the other carry their sessions.

use std::time::Duration;

use cloakroom::store::Phase::{Finish, Move, Prepare};

use crate::{
    browser::{Browser, MINUTE, finish},
    steps::{Bounds, alone, explore},
    world::{At, Client, Log, Seen, World, begun, count, counted, log_in, log_out, look, request},
};

const INTO_RECORDS: [(&str, &str); 3] = [("jwt", "memory"), ("encrypted", "plain"), ("signed", "memory")];
const INTO_TOKENS: [(&str, &str); 3] = [("memory", "jwt"), ("plain", "encrypted"), ("memory", "signed")];

/// Every cookie that the client may hold after these requests, whichever response came last.
fn jars<'a>(first: &'a str, seen: &'a [Option<Seen>]) -> impl Iterator<Item = &'a str> {
    std::iter::once(first).chain(seen.iter().flatten().filter_map(|seen| seen.told.as_deref()))
}

/// Two requests with one token at servers that move it: one session, with both updates, whatever the client keeps.
#[test]
fn two_requests_with_one_token_become_one_session() {
    for (old, new) in INTO_RECORDS {
        let played = explore(|order| {
            let world = World::new(old, new);
            let cookie = alone(begun(&world.server(At::Old)));
            let servers = [world.server(At::There(Move)), world.server(At::There(Move))];
            let log = Log::default();
            let tasks = servers.iter().map(|server| log.task(server, &cookie, count)).collect();
            order.run(tasks, Bounds { switches: 5, crashes: 0 });
            let seen = log.seen();
            assert!(seen.iter().flatten().all(|seen| seen.confirmed && seen.subject.is_some()), "{seen:?}");
            let told = seen.iter().flatten().filter(|seen| seen.told.is_some()).count();
            assert_eq!(told, 1, "one of them brings the reference token");
            let id = seen[0].as_ref().unwrap().id.unwrap();
            for jar in jars(&cookie, &seen) {
                assert_eq!(alone(counted(&servers[0], jar)), (id, 3));
            }
        });
        assert!(played > 50, "{played}");
    }
}

/// The same beside a server that moves nothing yet: nobody is logged out, whatever the client keeps.
#[test]
fn a_server_that_prepares_beside_one_that_moves_logs_nobody_out() {
    for (old, new) in [INTO_RECORDS, INTO_TOKENS].concat() {
        for crashes in [0, 1] {
            explore(|order| {
                let world = World::new(old, new);
                let cookie = alone(begun(&world.server(At::Old)));
                let servers = [world.server(At::There(Prepare)), world.server(At::There(Move))];
                let log = Log::default();
                let tasks = servers.iter().map(|server| log.task(server, &cookie, count)).collect();
                order.run(tasks, Bounds { switches: 4, crashes });
                let seen = log.seen();
                assert!(seen.iter().flatten().all(|seen| seen.confirmed), "{seen:?}");
                for jar in jars(&cookie, &seen) {
                    let [(one, _), (other, _)] =
                        [&servers[0], &servers[1]].map(|server| alone(counted(server, jar)));
                    assert_eq!(one, other, "two sessions");
                    // And life goes on, with whatever it brings.
                    let next = alone(request(&servers[1], jar, count));
                    assert!(next.confirmed);
                    alone(counted(&servers[0], next.told.as_deref().unwrap_or(jar)));
                }
            });
        }
    }
}

/// A login at one server, a move at the other: the login is not dropped, whatever the client keeps.
#[test]
fn a_login_beside_a_move_is_never_dropped() {
    for (old, new) in [INTO_RECORDS, INTO_TOKENS].concat() {
        for who in [0, 1] {
            explore(|order| {
                let world = World::new(old, new);
                let first = alone(request(&world.server(At::Old), "", count));
                let cookie = first.told.unwrap();
                let servers = [world.server(At::There(Prepare)), world.server(At::There(Move))];
                let log = Log::default();
                let tasks = vec![
                    log.task(&servers[who], &cookie, log_in),
                    log.task(&servers[1 - who], &cookie, count),
                ];
                order.run(tasks, Bounds { switches: 4, crashes: 0 });
                let seen = log.seen();
                let login = seen[0].as_ref().unwrap();
                assert!(login.confirmed);
                let jar = login.told.as_deref().expect("a login tells a token");
                for server in &servers {
                    alone(counted(server, jar));
                }
                // The next write brings both sides together.
                let next = alone(request(&servers[1], jar, count));
                assert!(next.confirmed);
                alone(counted(&servers[0], next.told.as_deref().unwrap_or(jar)));
            });
        }
    }
}

/// The response with the reference token never arrives. The client comes with its old token, in time and late.
#[test]
fn a_client_that_never_got_its_token_is_told_another() {
    for (old, new) in INTO_RECORDS {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        let server = world.server(At::There(Move));
        let lost = alone(request(&server, &cookie, count)).told.expect("the move tells a token");
        let next = alone(request(&server, &cookie, count));
        assert!(next.confirmed && next.told.is_none(), "the response may still be on its way");
        world.clock.advance(2 * MINUTE);
        let late = alone(request(&server, &cookie, look)).told.expect("by now it has got lost");
        assert_eq!(alone(counted(&server, &lost)).1, 3, "it may not have been lost after all");
        assert_eq!(alone(counted(&server, &late)).1, 3);
        assert_eq!(alone(request(&server, &lost, look)).id, None, "the client holds the other one");
        for server in [At::There(Prepare), At::There(Finish), At::New] {
            assert_eq!(alone(counted(&world.server(server), &late)).1, 3);
        }
    }
}

/// The same the other way: the client comes with its reference again and again.
#[test]
fn a_client_that_never_gets_to_carry_its_session_stays_logged_in() {
    for (old, new) in INTO_TOKENS {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        let server = world.server(At::There(Move));
        for n in 2..6 {
            world.clock.advance(2 * MINUTE);
            let seen = alone(request(&server, &cookie, count));
            assert!(seen.confirmed);
            let carried = seen.told.expect("each write brings the token");
            assert_eq!(alone(counted(&server, &carried)).1, n);
            assert_eq!(alone(counted(&world.server(At::New), &carried)).1, n);
            assert_eq!(alone(counted(&world.server(At::There(Prepare)), &cookie)).1, n);
        }
    }
}

/// A token from before a login opens nothing once the session is kept, however long it would live.
#[test]
fn a_carried_token_from_before_a_login_opens_nothing_after_the_move() {
    for (old, new) in INTO_RECORDS {
        let world = World::new(old, new);
        let anonymous = alone(request(&world.server(At::Old), "", count)).told.unwrap();
        let server = world.server(At::There(Move));
        let logged_in = alone(request(&server, &anonymous, log_in)).told.unwrap();
        alone(counted(&server, &logged_in));
        for at in [At::There(Move), At::There(Prepare)] {
            let seen = alone(request(&world.server(at), &anonymous, look));
            assert_eq!((seen.id, seen.subject), (None, None));
        }
    }
}

/// Idle timeouts go on as before: what moved is used, and what is not used ends.
#[test]
fn a_session_that_is_used_outlives_the_token_it_came_from() {
    for (old, new) in INTO_RECORDS {
        let world = World::new(old, new);
        let first = alone(begun(&world.server(At::Old)));
        let server = world.server(At::There(Move));
        let mut cookie = first.clone();
        for _ in 0..4 {
            world.clock.advance(20 * MINUTE);
            cookie = alone(request(&server, &cookie, count)).told.unwrap_or(cookie);
        }
        assert_eq!(alone(counted(&server, &cookie)).1, 5);
        assert_eq!(alone(request(&server, &first, look)).id, None, "it has expired by itself");
        world.clock.advance(Duration::from_secs(31 * 60));
        assert_eq!(alone(request(&server, &cookie, look)).id, None);
    }
}

/// A session that begins at a server in one phase is known to those in the next one.
#[test]
fn sessions_that_begin_on_the_way_are_known_to_neighbours() {
    for (old, new) in [INTO_RECORDS, INTO_TOKENS].concat() {
        let world = World::new(old, new);
        for neighbours in [
            [At::Old, At::There(Prepare)],
            [At::There(Prepare), At::There(Move)],
            [At::There(Move), At::There(Prepare)],
            [At::There(Move), At::There(Finish)],
            [At::There(Finish), At::New],
        ] {
            let [one, other] = neighbours.map(|at| world.server(at));
            let cookie = alone(begun(&one));
            assert_eq!(alone(counted(&other, &cookie)).1, 1, "{neighbours:?}");
        }
    }
}

/// What a handler saves step by step in the request in which its session begins.
#[test]
fn a_session_that_begins_and_is_saved_twice_is_one() {
    for (old, new) in [INTO_RECORDS, INTO_TOKENS].concat() {
        for phase in [Prepare, Move, Finish] {
            let world = World::new(old, new);
            let server = world.server(At::There(phase));
            let seen = alone(request(&server, "", |session| {
                session.log_in("alice")?;
                alone(session.save())?;
                count(session)?;
                alone(session.save())?;
                count(session)
            }));
            assert!(seen.confirmed);
            assert_eq!(alone(counted(&server, &seen.told.unwrap())).1, 2);
        }
    }
}

/// A handler that outlives its response cannot move a session whose client would have to be told.
#[test]
fn a_session_is_not_moved_where_the_client_cannot_be_told() {
    use crate::browser::{Request, Visit};
    for (old, new) in INTO_RECORDS {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        let server = world.server(At::There(Move));
        let seen = alone(async {
            let exchange = server.sessions.exchange("/");
            let request = Request {
                method: "POST",
                path: "/",
                headers: vec![("cookie".into(), format!("__Host-id={cookie}").into())],
            };
            let session = exchange.lazy().load(&request.head()).await.unwrap();
            session.keep_open().unwrap();
            finish(Visit { exchange, session: session.clone() }, 200).await;
            count(&session).unwrap();
            session.save().await.unwrap_err().kind()
        });
        assert_eq!(seen, cloakroom::SessionErrorKind::TokenUndeliverable);
        assert_eq!(alone(counted(&server, &cookie)).1, 1);
    }
}

/// A server that prepares leaves each session where it is.
#[test]
fn nothing_moves_while_servers_prepare() {
    for (old, new) in [INTO_RECORDS, INTO_TOKENS].concat() {
        let world = World::new(old, new);
        for home in [At::Old, At::New] {
            let mut client = Client(alone(begun(&world.server(home))));
            let preparing = world.serving(world.migrating(At::There(Prepare)).when_read());
            for n in 1..4 {
                assert_eq!(alone(client.request(&preparing, count)).count, Some(n));
                assert_eq!(alone(client.request(&world.server(home), look)).count, Some(n + 1));
            }
        }
    }
}

/// A request has loaded its session from what its client carries; before it writes, another server moves the session.
#[test]
fn a_write_at_a_server_that_prepares_finds_what_has_moved_meanwhile() {
    for (old, new) in INTO_RECORDS {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        let servers = [Prepare, Move].map(|phase| world.server(At::There(phase)));
        let browser = Browser { server: servers[0].clone(), cookie: Some(cookie.clone()) };
        let moved = alone(async {
            let slow = browser.visit().await;
            let moved = request(&servers[1], &cookie, count).await.told.unwrap();
            count(&slow.session).unwrap();
            assert!(finish(slow, 200).await.is_ok());
            moved
        });
        assert_eq!(alone(counted(&servers[1], &moved)).1, 3, "both have counted");
    }
}

/// What a client still carries of an earlier login opens nothing, not even while the session is just being ended.
#[test]
fn a_token_of_an_earlier_login_opens_nothing_while_the_session_ends() {
    for (old, new) in [("jwt", "memory"), ("encrypted", "plain")] {
        explore(|order| {
            let world = World::new(old, new);
            let carried = alone(begun(&world.server(At::Old)));
            let [server, reader] = [(); 2].map(|()| world.server(At::There(Move)));
            let kept = alone(request(&server, &carried, count)).told.unwrap();
            let kept = alone(request(&server, &kept, log_in)).told.unwrap();
            assert_eq!(alone(request(&reader, &carried, look)).subject, None, "it is of an earlier login");
            let log = Log::default();
            let tasks = vec![log.task(&reader, &carried, look), log.task(&server, &kept, log_out)];
            order.run(tasks, Bounds { switches: 2, crashes: 0 });
            let seen = log.seen();
            assert_eq!(seen[0].as_ref().unwrap().subject, None);
        });
    }
}
