//! One of the two stores is unavailable: an error, unless the other has the answer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use cloakroom::{
    SessionErrorKind, SessionStore, StoreError, StoreErrorKind,
    store::{End, EndedBy, Phase, Phase::Move, Phase::Prepare, PresentedToken, StoreContext},
    time::{Deadline, Timestamp},
};

use crate::{
    browser::{START, Server},
    hooked::{Call, Hook, Hooked},
    steps::alone,
    world::{At, World, begun, count, counted, log_out, request, store},
};

/// A store behind a line that can be cut.
type Line = Hooked<Arc<dyn SessionStore>, Switch>;

impl Line {
    fn to(name: &str) -> Self {
        Self { store: store(name), hook: Switch::default() }
    }

    fn cut(&self, cut: bool) {
        self.hook.turn_off(cut);
    }
}

/// Fails every call while it is off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(crate) fn turn_off(&self, off: bool) {
        self.0.store(off, SeqCst);
    }
}

impl Hook for Switch {
    async fn around<T: Send>(
        &self,
        _: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if self.0.load(SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the line was cut"));
        }
        made.await
    }

    fn now<T>(&self, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        if self.0.load(SeqCst) { None } else { answer() }
    }
}

const PAIRS: [(&str, &str); 4] =
    [("memory", "memory"), ("plain", "memory"), ("jwt", "memory"), ("memory", "jwt")];

/// What a page sees: a session, none, or an error.
fn sees(server: &Server, cookie: &str) -> Result<bool, SessionErrorKind> {
    use crate::browser::{Browser, finish};
    let browser = Browser { server: server.clone(), cookie: Some(cookie.to_owned()) };
    alone(async {
        let visit = browser.try_visit(&browser.request()).await.map_err(|error| error.kind())?;
        let live = !visit.session.is_new();
        let response = finish(visit, 200).await;
        assert_eq!(response.cookie(), None, "an outage changes no cookie");
        Ok(live)
    })
}

const DOWN: Result<bool, SessionErrorKind> = Err(SessionErrorKind::Store(StoreErrorKind::Unavailable));

/// Absent from the one and no answer from the other is no answer.
#[test]
fn an_outage_of_either_store_is_never_no_session() {
    for (old, new) in PAIRS {
        for phase in [Prepare, Move] {
            for begins_in in [At::Old, At::New] {
                let (old, new) = (Line::to(old), Line::to(new));
                let world = World::of(old.clone(), new.clone());
                let cookie = alone(begun(&world.server(begins_in)));
                let server = world.server(At::There(phase));
                for line in [&old, &new] {
                    line.cut(true);
                    let seen = sees(&server, &cookie);
                    assert!(seen == Ok(true) || seen == DOWN, "{phase:?} {begins_in:?}: {seen:?}");
                    line.cut(false);
                }
                let home = if begins_in == At::Old { &old } else { &new };
                if home.store.load_now(PresentedToken::new(cookie.as_bytes()), START).is_none()
                    || !home.guarantees().token.is_self_contained()
                {
                    home.cut(true);
                    assert_eq!(sees(&server, &cookie), DOWN, "{phase:?} {begins_in:?}");
                    home.cut(false);
                }
                assert_eq!(sees(&server, &cookie), Ok(true));
            }
        }
    }
}

/// Where the store with the records is unavailable, nobody knows whether what a client carries was ended.
#[test]
fn a_carried_session_is_not_believed_while_nobody_can_ask_whether_it_was_ended() {
    for (old, new) in [("jwt", "memory"), ("memory", "jwt")] {
        for phase in [Prepare, Move] {
            let (old, new) = (Line::to(old), Line::to(new));
            let world = World::of(old.clone(), new.clone());
            let (carried, records) =
                if old.guarantees().token.is_self_contained() { (At::Old, &new) } else { (At::New, &old) };
            let cookie = alone(begun(&world.server(carried)));
            records.cut(true);
            assert_eq!(sees(&world.server(At::There(phase)), &cookie), DOWN);
        }
    }
}

/// A logout that one side has not confirmed is not confirmed; said again, it is.
#[test]
fn a_log_out_needs_both() {
    for (old, new) in PAIRS {
        for phase in [Prepare, Move, Phase::Finish] {
            for cut_old in [true, false] {
                let (old, new) = (Line::to(old), Line::to(new));
                let world = World::of(old.clone(), new.clone());
                let cookie = alone(begun(&world.server(At::New)));
                let server = world.server(At::There(phase));
                let line = if cut_old { &old } else { &new };
                let store = world.migrating(At::There(phase));
                let id = alone(counted(&server, &cookie)).0;
                line.cut(true);
                let cx = StoreContext::new(START, Deadline::NONE);
                let carries = line.guarantees().token.is_self_contained();
                assert!(
                    alone(store.end(End { id, until: Timestamp::MAX, by: EndedBy::Client }, cx)).is_err(),
                    "{carries}"
                );
                line.cut(false);
                if sees(&server, &cookie) == Ok(true) {
                    assert!(alone(request(&server, &cookie, log_out)).confirmed);
                } else {
                    alone(store.end(End { id, until: Timestamp::MAX, by: EndedBy::Client }, cx)).unwrap();
                }
                if !server.sessions.guarantees().token.is_self_contained() {
                    assert_eq!(sees(&server, &cookie), Ok(false));
                }
            }
        }
    }
}

/// The new store goes down while sessions move there: writes fail, and nothing is lost or split.
#[test]
fn an_outage_in_the_middle_of_a_move_loses_nothing() {
    for (old, new) in PAIRS {
        let (old, new) = (Line::to(old), Line::to(new));
        let world = World::of(old.clone(), new.clone());
        let mut cookie = alone(begun(&world.server(At::Old)));
        let server = world.server(At::There(Move));
        for (line, expected) in [(&new, 1), (&old, 2), (&new, 3)] {
            assert_eq!(sees(&server, &cookie), Ok(true));
            line.cut(true);
            let seen = sees(&server, &cookie);
            assert!(seen == Ok(true) || seen == DOWN);
            line.cut(false);
            let seen = alone(request(&server, &cookie, count));
            assert!(seen.confirmed);
            assert_eq!(seen.count, Some(expected));
            cookie = seen.told.unwrap_or(cookie);
        }
    }
}
