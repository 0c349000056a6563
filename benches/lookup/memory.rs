//! The memory store: bare, behind the trait, behind the manager, and in the wrappers that move its sessions elsewhere.

use std::cell::LazyCell;

use cloakroom::{
    record::Record,
    store::{DrainingStore, Loaded, MigratingStore, Phase},
};

use crate::{
    Group,
    filled_store::{FilledStore, memory, read, visit},
    limit::Map,
    payload::{Payload, VISITS},
    visitors::{id, now},
};

/// Finds a session and reads one key.
pub(crate) fn lookup(group: &mut Group<'_>, sessions: usize, payload: Payload) {
    // Built for the first measurement that is not filtered out.
    let filled = LazyCell::new(|| FilledStore::new(sessions, payload));
    let map = LazyCell::new(|| Map::new(&filled.ids, payload));

    // Whatever is needed is built here, before any time is taken.
    let (ids, cookies) = (|| (LazyCell::force(&map), &*filled.ids).1, || &*filled.cookies);
    visit(group, "limit", ids, |id| u32::from(map.get(id)[0]));
    visit(group, "limit, one key read", ids, |id| map.number(&map.get(id)));
    visit(group, "load_now", cookies, |cookie| epoch(&filled.load_now(cookie)));
    visit(group, "load_now, one key read", cookies, |cookie| number(&filled.load_now(cookie)));
    visit(group, "limit, miss", || &*filled.unknown, |cookie| u32::from(map.has(&id(cookie))));
    visit(group, "load_now, miss", || &*filled.unknown, |cookie| filled.miss(cookie));
    visit(group, "load", cookies, |cookie| epoch(&now(filled.load(cookie))));
    visit(group, "manager, one key read", cookies, |cookie| filled.request(cookie, read));
    visit(
        group,
        "manager, miss",
        || &*filled.unknown,
        |cookie| filled.request(cookie, |session| u32::from(session.contains(VISITS))),
    );
}

/// The same behind what moves sessions to another store: half way through a migration, and before a drain.
pub(crate) fn wrapped(group: &mut Group<'_>, sessions: usize, payload: Payload) {
    let bare = LazyCell::new(|| FilledStore::new(sessions, payload));
    let map = LazyCell::new(|| Map::new(&bare.ids, payload));
    let migrating = LazyCell::new(|| {
        let store = MigratingStore::new(memory(sessions), memory(sessions), Phase::Move);
        FilledStore::of(store, sessions, payload)
    });
    let draining = LazyCell::new(|| {
        let store = DrainingStore::new(memory(sessions), memory(sessions));
        FilledStore::of(store, sessions, payload)
    });

    let ids = || (LazyCell::force(&map), &*bare.ids).1;
    visit(group, "limit", ids, |id| u32::from(map.get(id)[0]));
    visit(group, "bare, manager, one key read", || &*bare.cookies, |cookie| bare.request(cookie, read));
    let cookies = || &*migrating.cookies;
    visit(group, "migrating, manager, one key read", cookies, |cookie| migrating.request(cookie, read));
    let cookies = || &*draining.cookies;
    visit(group, "draining, manager, one key read", cookies, |cookie| draining.request(cookie, read));
}

fn record(loaded: &Loaded) -> &Record {
    let Loaded::Live { record, .. } = loaded else { panic!("{loaded:?}") };
    record
}

/// Something that stands in the record itself.
fn epoch(loaded: &Loaded) -> u32 {
    record(loaded).epoch()
}

fn number(loaded: &Loaded) -> u32 {
    serde_json::from_slice(record(loaded).data().get(VISITS).expect("it is there")).expect("it is a number")
}
