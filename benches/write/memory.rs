//! Changing and beginning sessions in memory.

use std::{
    cell::{Cell, LazyCell},
    collections::VecDeque,
};

use cloakroom::Session;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::{
    Group,
    filled_store::{FilledStore, read, update, visit},
    limit::SharedMap,
    payload::{FIRST_VISIT, Payload, VISITS},
    visitors::request,
};

/// Finds a session, changes one key and saves it.
pub(crate) fn save(group: &mut Group<'_>, sessions: usize, payload: Payload) {
    let filled = LazyCell::new(|| FilledStore::new(sessions, payload));
    let map = LazyCell::new(|| SharedMap::new(&filled.ids, payload));

    // Whatever is needed is built here, before any time is taken.
    let (ids, cookies) = (|| (LazyCell::force(&map), &*filled.ids).1, || &*filled.cookies);
    visit(group, "limit", ids, |id| map.count_at_once(id));
    visit(group, "limit, loaded before", ids, |id| map.load_count_save(id));
    visit(group, "manager, update", cookies, |cookie| filled.request(cookie, update));
    visit(group, "manager, get and insert", cookies, |cookie| filled.request(cookie, get_and_insert));
}

fn get_and_insert(session: &Session) -> u32 {
    let next = read(session) + 1;
    session.insert(VISITS, next).expect("it fits");
    next
}

/// Begins sessions where there is no room for another: one of those that never came back has to go.
#[expect(clippy::disallowed_methods, reason = "by hand there is no manager to inject a Random into")]
pub(crate) fn begin(group: &mut Group<'_>, sessions: usize) {
    let filled = FilledStore::new(sessions, Payload::Small);
    let map = SharedMap::new(&filled.ids, Payload::Small);
    let mut oldest: VecDeque<_> = filled.ids.iter().copied().collect();
    let random = SystemRandom::new();
    group.bench_function("limit", |bencher| {
        bencher.iter(|| {
            let mut drawn = [0; 32];
            random.fill(&mut drawn).expect("there is randomness");
            let id = *drawn.first_chunk().expect("an ID is shorter");
            oldest.push_back(id);
            map.swap(&oldest.pop_front().expect("there are sessions"), id);
        });
    });
    let number = Cell::new(FIRST_VISIT);
    group.bench_function("manager, first value", |bencher| {
        bencher.iter(|| request(&filled.manager, b"", |session| count_on(session, &number)).0);
    });
}

fn count_on(session: &Session, number: &Cell<u32>) {
    number.set(number.get() + 1);
    session.insert(VISITS, number.get()).expect("it fits");
}
