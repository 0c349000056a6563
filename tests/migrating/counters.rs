//! Progress, sizes, indexes, and what is declared.

use cloakroom::{
    Session, SessionStore as _,
    store::{
        Index, MemoryStore, MigratingStore,
        Phase::{self, Finish, Move, Prepare},
        PresentedToken, Progress, ResponseReordering, Revocation, Scope, StoreContext, TokenForm, Updates,
    },
    time::Deadline,
};

use crate::{
    browser::{START, Server},
    steps::{Bounds, Task, alone, explore},
    world::{At, Log, World, begun, count, log_in, log_out, look, request, store},
};

#[test]
fn progress_tells_where_sessions_are_read_and_what_has_moved() {
    for (old, new) in [("memory", "plain"), ("jwt", "memory"), ("memory", "jwt"), ("jwt", "signed")] {
        let world = World::new(old, new);
        let store = world.migrating(At::There(Move));
        let server = world.serving(store.clone());
        let first = alone(begun(&world.server(At::Old)));
        alone(request(&server, &first, look));
        assert_eq!((store.progress().read_from_old, store.progress().read_from_new), (1, 0), "{old} {new}");
        let moved = alone(request(&server, &first, count)).told.unwrap_or(first.clone());
        alone(request(&server, &moved, count));
        let Progress { read_from_old, read_from_new, moved: sessions, .. } = store.progress();
        assert_eq!((read_from_old, read_from_new), (2, 1), "{old} {new}");
        let nothing_moves_but_the_token = old == "jwt" && new == "signed";
        assert_eq!(sessions, u64::from(!nothing_moves_but_the_token), "{old} {new}");
        let clone = store.clone();
        alone(request(&world.serving(clone), &moved, log_out));
        assert_eq!(store.progress().ended_on_both, 1);
        assert_eq!(world.migrating(At::There(Move)).progress(), Progress::default(), "each counts its own");
    }
}

fn fill(session: &Session, bytes: usize) -> Result<(), cloakroom::SessionError> {
    session.insert("fill", "x".repeat(bytes))
}

/// A session that was too large for the new store before the migration began.
#[test]
fn what_is_too_large_for_the_new_store_stays_and_does_not_grow() {
    for new in ["plain", "jwt"] {
        let world = World::new("memory", new);
        let first = alone(request(&world.server(At::Old), "", |session| {
            fill(session, 20_000)?;
            session.log_in("alice")
        }));
        let cookie = first.told.unwrap();
        for at in [At::There(Prepare), At::There(Move)] {
            let store = world.migrating(at);
            let server = world.serving(store.clone());
            assert_eq!(alone(request(&server, &cookie, look)).subject.as_deref(), Some("alice"));
            let smaller = alone(request(&server, &cookie, |session| session.remove("nothing")));
            assert!(smaller.confirmed);
            let larger = alone(request(&server, &cookie, |session| fill(session, 30_000)));
            assert!(!larger.confirmed);
            assert_eq!(alone(request(&world.server(At::New), &cookie, look)).id, None, "it has not moved");
        }
        let store = world.migrating(At::There(Move));
        let server = world.serving(store.clone());
        let renewed = alone(request(&server, &cookie, crate::world::renew));
        assert!(renewed.confirmed, "what changes no value is written where it is");
        assert_eq!(store.progress().stayed, 1);
        let cookie = renewed.told.unwrap();
        assert!(alone(request(&server, &cookie, |session| session.remove("fill"))).confirmed);
        alone(request(&server, &cookie, count));
        assert_eq!(store.progress().moved, 1, "now it fits");
    }
}

/// The new store is full: sessions stay where they are, and nobody is logged out.
#[test]
fn what_has_no_room_in_the_new_store_stays() {
    use cloakroom::store::Budget;
    for old in ["memory", "jwt"] {
        let tiny = MemoryStore::builder().logged_in(Budget { sessions: 1, bytes: 1 << 20 }).build();
        let world = World::of(store(old), tiny);
        let other = alone(begun(&world.server(At::New)));
        let mut cookie = alone(begun(&world.server(At::Old)));
        let store = world.migrating(At::There(Move));
        let server = world.serving(store.clone());
        for n in 1..4 {
            let seen = alone(request(&server, &cookie, count));
            assert!(seen.confirmed);
            assert_eq!((seen.subject.as_deref(), seen.count), (Some("alice"), Some(n)));
            cookie = seen.told.unwrap_or(cookie);
        }
        assert_eq!((store.progress().moved, store.progress().stayed), (0, 3));
        assert!(alone(request(&world.server(At::New), &other, log_out)).confirmed);
        assert_eq!(alone(request(&server, &cookie, count)).count, Some(4));
        assert_eq!(store.progress().moved, 1);
    }
}

fn listed(server: &Server, cookie: &str) -> Vec<cloakroom::SessionId> {
    let (exchange, request) = (
        server.sessions.exchange("/"),
        crate::browser::Request {
            method: "GET",
            path: "/",
            headers: vec![("cookie".into(), format!("__Host-id={cookie}").into())],
        },
    );
    alone(async {
        let session = exchange.lazy().load(&request.head()).await.unwrap();
        let mut ids: Vec<_> =
            session.sessions().await.unwrap().iter().map(cloakroom::store::SessionInfo::id).collect();
        ids.dedup();
        ids
    })
}

/// Sessions of one subject at both sides, on their way and left half way, are listed once each.
#[test]
fn each_session_is_listed_once_wherever_it_is() {
    for (old, new) in [("memory", "memory"), ("memory", "plain"), ("plain", "memory")] {
        let world = World::new(old, new);
        let mut cookies: Vec<String> = Vec::new();
        for at in [At::Old, At::There(Prepare), At::There(Move), At::New, At::Old] {
            world.clock.advance(std::time::Duration::from_secs(1));
            cookies.push(alone(begun(&world.server(at))));
        }
        assert!(alone(request(&world.server(At::There(Move)), &cookies[0], count)).confirmed);
        for at in [At::There(Prepare), At::There(Move), At::Back(Prepare), At::Back(Move)] {
            let server = world.server(at);
            let expected: Vec<_> = cookies
                .iter()
                .rev()
                .map(|cookie| alone(request(&server, cookie, look)).id.unwrap())
                .collect();
            assert_eq!(listed(&server, &cookies[2]), expected, "{at:?}");
        }
        // The stores themselves list each where it is.
        assert_eq!(listed(&world.server(At::Old), &cookies[1]).len(), 2);
        assert_eq!(listed(&world.server(At::New), &cookies[3]).len(), 3);
    }
}

/// While the session moves, in either direction, nobody who lists misses it: it would not be ended with the others.
#[test]
fn a_session_is_listed_while_it_moves() {
    for phases in [
        [At::There(Move), At::There(Prepare)],
        [At::There(Move), At::There(Move)],
        [At::There(Move), At::Back(Prepare)],
    ] {
        explore(|order| {
            let world = World::new("memory", "plain");
            let cookie = alone(begun(&world.server(At::Old)));
            let mover = world.server(phases[0]);
            let store = world.migrating(phases[1]);
            let log = Log::default();
            let listed = std::cell::RefCell::new(Vec::new());
            let listing = async {
                let cx = StoreContext::new(START, Deadline::NONE);
                *listed.borrow_mut() = store.index().unwrap().list("alice", cx).await.unwrap();
            };
            let tasks: Vec<Task<'_>> = vec![log.task(&mover, &cookie, count), Box::pin(listing)];
            order.run(tasks, Bounds { switches: 4, crashes: 0 });
            assert_eq!(listed.borrow().len(), 1, "{phases:?}");
        });
    }
}

#[test]
fn ending_all_others_reaches_both_sides() {
    let world = World::new("memory", "plain");
    let cookies = [At::Old, At::New, At::There(Move)].map(|at| alone(begun(&world.server(at))));
    let server = world.server(At::There(Move));
    let browser = crate::browser::Browser { server: server.clone(), cookie: Some(cookies[2].clone()) };
    alone(async {
        let visit = browser.visit().await;
        assert_eq!(visit.session.end_others().await.unwrap(), 2);
    });
    for cookie in &cookies[..2] {
        assert_eq!(alone(request(&server, cookie, look)).id, None);
    }
}

#[test]
fn what_is_declared_is_what_the_weaker_side_promises() {
    let guarantees =
        |old: &str, new: &str, phase: Phase| MigratingStore::new(store(old), store(new), phase).guarantees();
    let same = guarantees("memory", "plain", Prepare);
    assert_eq!((same.name, same.token), ("migrating", TokenForm::Reference));
    assert_eq!((same.revocation, same.updates), (Revocation::AtOnce, Updates::NeverLost));
    assert_eq!((same.scope, same.survives_restart), (Scope::Process, false));
    assert_eq!((same.index, same.max_data), (Index::Process, Some(crate::plain::MAX_DATA)));
    assert_eq!(same, guarantees("memory", "plain", Move));

    for phase in [Prepare, Move] {
        let mixed = guarantees("plain", "jwt", phase);
        assert_eq!((mixed.revocation, mixed.updates), (Revocation::AtExpiry, Updates::LastWriterWins));
        assert_eq!((mixed.response_reordering, mixed.index), (ResponseReordering::MayRevert, Index::None));
        assert_eq!(mixed.token.is_self_contained(), phase == Move, "what new sessions' clients hold");
    }
    for (old, new) in [("jwt", "memory"), ("memory", "jwt"), ("memory", "plain")] {
        let finished = guarantees(old, new, Finish);
        let alone = store(new).guarantees();
        assert_eq!(finished, alone.name("migrating"));
    }
}

/// Where the stores answer at once, so does the layer: no request waits for a migration in the common case. Only a session that
/// its client carries is looked for in the store with the records, as long as that is read.
#[test]
fn answers_are_given_at_once_where_both_stores_can() {
    let at_once = |world: &World, at, cookie: &str| {
        let store = match at {
            At::There(phase) => MigratingStore::new(world.old.store.clone(), world.new.store.clone(), phase),
            _ => panic!("no migrating store"),
        };
        store.load_now(PresentedToken::new(cookie.as_bytes()), START).is_some()
    };
    for (old, new) in [("memory", "memory"), ("jwt", "memory"), ("memory", "jwt"), ("jwt", "signed")] {
        let world = World::new(old, new);
        let cookie = alone(begun(&world.server(At::Old)));
        for phase in [Prepare, Move, Finish] {
            let is_looked_for = (old, new) == ("jwt", "memory") && phase != Finish;
            assert_eq!(at_once(&world, At::There(phase), &cookie), !is_looked_for, "{old} {new} {phase:?}");
            assert!(at_once(&world, At::There(phase), &"0".repeat(64)), "{old} {new} {phase:?}");
        }
    }
}

/// A session that only an application asks for by its ID.
#[test]
fn a_session_is_found_wherever_it_is_kept() {
    let cx = StoreContext::new(START, Deadline::NONE);
    let world = World::new("memory", "plain");
    for at in [At::Old, At::New] {
        let cookie = alone(begun(&world.server(at)));
        let id = alone(request(&world.server(at), &cookie, look)).id.unwrap();
        for phase in [Prepare, Move] {
            let found = alone(world.migrating(At::There(phase)).find(&id, cx)).unwrap();
            assert_eq!(found.live().map(|record| record.id()), Some(id));
        }
    }
    let world = World::new("memory", "jwt");
    let cookie = alone(begun(&world.server(At::Old)));
    let id = alone(request(&world.server(At::Old), &cookie, look)).id.unwrap();
    assert!(alone(world.migrating(At::There(Prepare)).find(&id, cx)).unwrap().live().is_some());
    let refused = alone(world.migrating(At::There(Move)).find(&id, cx)).unwrap_err();
    assert_eq!(refused.kind(), cloakroom::StoreErrorKind::Unsupported);
}

#[test]
fn debug_shows_no_session() {
    let world = World::new("memory", "jwt");
    let cookie = alone(request(&world.server(At::Old), "", log_in)).told.unwrap();
    let text = format!("{:?}", world.migrating(At::There(Move)));
    assert!(!text.contains(&cookie[32..]), "{text}");
}
