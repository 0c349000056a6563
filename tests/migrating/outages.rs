//! One of the two stores is out of reach: an error, unless the other has the answer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use async_trait::async_trait;
use cloakroom::{
    SessionErrorKind, SessionId, SessionStore, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{
        Created, Ended, Found, Guarantees, Loaded, Phase, Phase::Move, Phase::Prepare, PresentedToken,
        Replaced, SessionIndex, SessionInfo, StoreContext, Touched,
    },
    time::{Deadline, Timestamp},
};

use crate::{
    browser::{START, Server},
    steps::alone,
    world::{At, World, begun, count, counted, log_out, request, store},
};

/// A store with a line that can be cut.
#[derive(Debug, Clone)]
struct Line(Arc<dyn SessionStore>, Arc<AtomicBool>);

impl Line {
    fn to(name: &str) -> Self {
        Self(store(name), Arc::default())
    }

    fn cut(&self, cut: bool) {
        self.1.store(cut, SeqCst);
    }

    fn pass(&self) -> Result<&dyn SessionStore, StoreError> {
        if self.1.load(SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the line was cut"));
        }
        Ok(&*self.0)
    }
}

#[async_trait]
impl SessionStore for Line {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.0.recognises(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.pass()?.load(presented, cx).await
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        match self.pass() {
            Ok(store) => store.load_now(presented, now),
            Err(error) => Some(Err(error)),
        }
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.pass()?.create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.pass()?.replace(record, expected, cx).await
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        self.pass()?.end(id, until, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.pass()?.touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.pass()?.find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.0.index().map(|_| self as _)
    }
}

#[async_trait]
impl SessionIndex for Line {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        self.pass()?.index().expect("it was there").list(subject, cx).await
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
                if home.0.load_now(PresentedToken::new(cookie.as_bytes()), START).is_none()
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

/// Where the store with the records is out of reach, nobody knows whether what a client carries was ended.
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

/// A log-out that one side has not confirmed is not confirmed; said again, it is.
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
                assert!(alone(store.end(&id, Timestamp::MAX, cx)).is_err(), "{carries}");
                line.cut(false);
                if sees(&server, &cookie) == Ok(true) {
                    assert!(alone(request(&server, &cookie, log_out)).confirmed);
                } else {
                    alone(store.end(&id, Timestamp::MAX, cx)).unwrap();
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
