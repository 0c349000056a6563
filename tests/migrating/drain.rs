//! What an application calls before it exits, whatever its store is.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    SessionStore, StoreErrorKind,
    store::{Budget, DrainingStore, MemoryStore, MigratingStore, Phase},
};

use crate::{
    browser::Browser,
    steps::alone,
    world::{World, begun, counted, store},
};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn nothing_happens_where_nothing_would_be_lost_or_nobody_takes_it() {
    for name in ["memory", "plain", "encrypted", "signed", "jwt"] {
        let world = World::new(name, "memory");
        let server = world.serving(store(name));
        let cookie = alone(begun(&server));
        alone(server.sessions.drain(LONG)).unwrap();
        assert_eq!(alone(counted(&server, &cookie)).1, 1, "{name}");
    }
}

/// Also through the wrappers that a store may be in.
#[test]
fn a_manager_drains_what_its_store_would_lose() {
    let target = MemoryStore::new();
    let world = World::new("memory", "memory");
    let local = || {
        let store = DrainingStore::new(MemoryStore::new(), target.clone()).clock(world.clock.clone());
        Arc::new(store) as Arc<dyn SessionStore>
    };
    let stores: [Arc<dyn SessionStore>; 3] = [
        local(),
        Arc::new(MigratingStore::new(local(), MemoryStore::new(), Phase::Prepare)),
        Arc::new(MigratingStore::new(MemoryStore::new(), local(), Phase::Move)),
    ];
    let next = world.serving(target.clone());
    for store in stores {
        let server = world.serving(store);
        let cookie = alone(begun(&server));
        assert!(alone(Browser { server: next.clone(), cookie: Some(cookie.clone()) }.subject()).is_none());
        alone(server.sessions.drain(LONG)).unwrap();
        assert_eq!(alone(counted(&next, &cookie)).1, 1, "the next server has it");
        assert_eq!(alone(counted(&server, &cookie)).1, 1, "this one still serves it");
    }
}

#[test]
fn sessions_that_could_not_be_drained_are_an_error() {
    let world = World::new("memory", "memory");
    let target = MemoryStore::builder().logged_in(Budget { sessions: 3, bytes: 1 << 20 }).build();
    let store = DrainingStore::new(MemoryStore::new(), target).clock(world.clock.clone());
    let server = world.serving(store);
    let cookies: Vec<_> = (0..5).map(|_| alone(begun(&server))).collect();
    let error = alone(server.sessions.drain(LONG)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("2 sessions"), "{error}");
    for cookie in &cookies {
        alone(counted(&server, cookie));
    }
}
