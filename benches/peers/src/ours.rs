//! Our part: requests without a framework.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    Session, SessionManager, SessionStore,
    store::{Budget, Loaded, MemoryStore, PresentedToken},
    time::{Clock as _, SystemClock},
};

use crate::{
    payload::{Payload, VISITS},
    visitors::{CookieHeader, request, token, visitor},
};

/// A memory store with sessions in it, and their visitors in random order.
pub(crate) struct FilledStore {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) manager: SessionManager,
    pub(crate) cookies: Vec<CookieHeader>,
}

impl FilledStore {
    pub(crate) fn new(sessions: usize, payload: Payload) -> Self {
        let store = MemoryStore::builder()
            .anonymous(Budget { sessions: sessions.max(1000), bytes: usize::MAX })
            .build();
        let manager = untouched(SessionManager::new(store.clone()));
        let values = payload.values();
        let mut cookies: Vec<_> = (0..sessions).map(|_| visitor(&manager, &values)).collect();
        // A cookie begins with a random ID, so this is another order than that of their creation.
        cookies.sort_unstable();
        Self { store: Arc::new(store), manager, cookies }
    }
}

/// So that no session is touched while it is measured, as with the peers, whose default it is.
pub(crate) fn untouched(manager: SessionManager) -> SessionManager {
    let day = Duration::from_secs(86_400);
    manager.idle_timeout(day).absolute_timeout(day).touch_after(day)
}

/// What a store's `load` takes, one key read included; nothing of a request.
pub(crate) fn load(store: &dyn SessionStore, cookie: &CookieHeader) -> u32 {
    let loaded = store.load_now(PresentedToken::new(token(cookie)), SystemClock.now());
    number(loaded.expect("it always answers").expect("it never fails"))
}

pub(crate) fn number(loaded: Loaded) -> u32 {
    let Loaded::Live { record, .. } = loaded else { panic!("{loaded:?}") };
    serde_json::from_slice(record.data().get(VISITS).expect("it is there")).expect("it is a number")
}

/// A whole request, from its headers to what its response needs.
pub(crate) fn read_request(manager: &SessionManager, cookies: &[u8]) -> u32 {
    request(manager, cookies, read).0
}

pub(crate) fn update_request(manager: &SessionManager, cookies: &[u8]) -> u32 {
    request(manager, cookies, update).0
}

pub(crate) fn read(session: &Session) -> u32 {
    session.get(VISITS).expect("it is a number").expect("it is there")
}

pub(crate) fn update(session: &Session) -> u32 {
    let count = |visits: &mut u32| {
        *visits += 1;
        *visits
    };
    session.update(VISITS, count).expect("it is a number")
}
