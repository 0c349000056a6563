//! A tab of a browser, and its requests.

use std::sync::{Arc, Mutex};

use cloakroom::{
    RequestHead, RequestHeaders, ResponseHeaders, Session, SessionError, SessionId,
    manager::{Exchange, Finish, Finished},
};

use crate::{
    dice::Dice,
    network::{Moment, Simulated, latency, pass},
    shared::{Shared, State},
    site::Node,
};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Look,
    /// As [`Look`](Self::Look), as of now.
    LookNow,
    Add,
    LogIn,
    LogOut,
}

/// What a browser holds, for all of its tabs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jar(Arc<Mutex<Held>>);

#[derive(Debug, Clone, Default)]
struct Held {
    cookie: Option<String>,
    /// The session that the cookie is for, and its login, where that is certain.
    session: Option<(SessionId, u32)>,
}

/// A request, and what its handler saw.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) purpose: Purpose,
    /// The number of the node that it was sent to.
    pub(crate) node: usize,
    pub(crate) began: Moment,
    pub(crate) loaded: Moment,
    /// When the node was done with it, as far as it came.
    pub(crate) done: Moment,
    /// The session of the cookie that it brought, and its login, where that is certain.
    pub(crate) presented: Option<(SessionId, u32)>,
    pub(crate) saw: Saw,
    /// The session that it ended, added to or logged in to, and how that went.
    pub(crate) wrote: Option<(SessionId, Result<(), u16>)>,
}

/// What a handler saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saw {
    Session {
        id: SessionId,
        number: u64,
        logged_in: bool,
    },
    NoSession,
    /// The request was refused with this status.
    Refused(u16),
}

/// One tab.
pub(crate) struct Tab {
    /// The node that its next request goes to.
    pub(crate) node: usize,
    pub(crate) jar: Jar,
    pub(crate) dice: Dice,
    pub(crate) time: Simulated,
    pub(crate) shared: Arc<Shared>,
}

impl Tab {
    /// Sends a request and waits for its response. What happened is in `visit` even if this future is dropped.
    pub(crate) async fn visit(&self, node: &Node, purpose: Purpose, visit: &Mutex<Option<Visit>>) {
        pass(latency(&self.dice)).await;
        let held = self.jar.0.lock().unwrap().clone();
        let began = self.time.now();
        let exchange = node.sessions.exchange("/");
        let headers = Headers(held.cookie.map(|cookie| format!("id={cookie}")));
        let head = RequestHead { method: "POST", authority: None, headers: &headers };
        let lazy = exchange.lazy();
        let loaded = if purpose == Purpose::LookNow {
            lazy.clone().fresh().load(&head).await
        } else {
            lazy.load(&head).await
        };
        let saw = loaded.as_ref().map_or_else(|error| Saw::Refused(error.status()), see);
        let facts = Visit {
            purpose,
            node: self.node,
            began,
            loaded: self.time.now(),
            done: self.time.now(),
            presented: held.session,
            saw,
            wrote: None,
        };
        *visit.lock().unwrap() = Some(facts);
        if let Ok(session) = loaded {
            self.handle(exchange, &session, visit, began).await;
        }
    }

    async fn handle(
        &self,
        exchange: Exchange,
        session: &Session,
        visit: &Mutex<Option<Visit>>,
        began: Moment,
    ) {
        let purpose = visit.lock().unwrap().as_ref().map_or(Purpose::Look, |visit| visit.purpose);
        let before = session.id();
        // A logout has none afterwards, and a login may have begun another.
        let wrote = |outcome| {
            if let (Some(visit), Some(id)) = (&mut *visit.lock().unwrap(), session.id().or(before))
                && !matches!(purpose, Purpose::Look | Purpose::LookNow)
            {
                (visit.wrote, visit.done) = (Some((id, outcome)), self.time.now());
            }
        };
        if let Err(error) = act(session, purpose) {
            return wrote(Err(error.status()));
        }
        // Until the response is there, it may have been done.
        wrote(Err(0));
        pass(latency(&self.dice)).await;
        let finished = match exchange.finish(200) {
            Finish::Ready(finished) => finished,
            Finish::Pending(finishing) => finishing.await,
        };
        wrote(finished.error().map_or(Ok(()), |error| Err(error.status())));
        let id = session.id();
        let certain = id.and_then(|id| Some((id, self.certain_epoch(&id, began)?)));
        pass(latency(&self.dice)).await;
        self.jar.keep(&finished, certain);
    }

    /// The login that the session belongs to, if it was the same since then.
    fn certain_epoch(&self, id: &SessionId, since: Moment) -> Option<u32> {
        let epochs = self.shared.between(id, since, self.time.now());
        let mut epochs = epochs.iter().map(|state| match state {
            State::Live { epoch, .. } => Some(*epoch),
            State::Ended => None,
        });
        let first = epochs.next()??;
        epochs.all(|epoch| epoch == Some(first)).then_some(first)
    }
}

impl Jar {
    fn keep(&self, finished: &Finished, session: Option<(SessionId, u32)>) {
        let mut lines = Lines(Vec::new());
        finished.apply(&mut lines);
        if let Some(line) = lines.0.last() {
            let value = line.split(';').next().unwrap().trim_start_matches("id=");
            let cookie = (!value.is_empty()).then(|| value.to_owned());
            let session = session.filter(|_| cookie.is_some());
            *self.0.lock().unwrap() = Held { cookie, session };
        }
    }
}

fn see(session: &Session) -> Saw {
    // A session that is only about to begin has no values.
    match session.id() {
        Some(id) if !session.is_new() => Saw::Session {
            id,
            number: session.get("number").unwrap().unwrap_or(0),
            logged_in: session.subject().is_some(),
        },
        _ => Saw::NoSession,
    }
}

fn act(session: &Session, purpose: Purpose) -> Result<(), SessionError> {
    match purpose {
        Purpose::Look | Purpose::LookNow => Ok(()),
        Purpose::Add => session.update("number", |number: &mut u64| *number += 1),
        Purpose::LogIn => session.log_in("alice"),
        Purpose::LogOut => session.log_out(),
    }
}

struct Headers(Option<String>);

impl RequestHeaders for Headers {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if let ("cookie", Some(value)) = (name, &self.0) {
            visit(value.as_bytes());
        }
    }
}

/// The lines that set cookies.
struct Lines(Vec<String>);

impl ResponseHeaders for Lines {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn set(&mut self, _: &str, _: &str) {}

    fn append(&mut self, name: &str, value: &str) {
        if name == "set-cookie" {
            self.0.push(value.to_owned());
        }
    }
}
