//! A browser and the server behind it: whole requests through the engine, without any framework.

use std::{sync::Arc, time::Duration};

use super::{Failure, trial::Trial};
use crate::{
    error::SessionError,
    manager::{Exchange, Finish, Finished, SessionManager},
    session::Session,
    store::SessionStore,
    time::{ManualClock, Timestamp},
    transport::{RequestHead, RequestHeaders, ResponseHeaders},
};

/// A browser: it keeps the session cookie and sends it with every request. A clone is another tab with the same cookie.
#[derive(Clone)]
pub(super) struct Browser {
    sessions: SessionManager,
    /// What a server is made of.
    server: (Arc<dyn SessionStore>, Timestamp, Duration),
    /// What it sends, as `name=value`.
    cookie: Option<String>,
}

impl Browser {
    /// A browser without a cookie, at a server on top of the store.
    pub(super) fn new(trial: &Trial) -> Self {
        Self::at((Arc::clone(&trial.store), trial.now, trial.patience))
    }

    fn at(server: (Arc<dyn SessionStore>, Timestamp, Duration)) -> Self {
        let (store, now, patience) = &server;
        let clock = Arc::new(ManualClock::new(*now));
        let sessions = SessionManager::new(Arc::clone(store)).clock(clock).store_timeout(*patience);
        Self { sessions, server, cookie: None }
    }

    /// Another tab, whose requests go to another server: writers in one process would wait for each other.
    pub(super) fn elsewhere(&self) -> Self {
        Self::at(self.server.clone()).with_cookie_of(self)
    }

    /// The same browser at another server or time.
    pub(super) fn with_cookie_of(self, other: &Self) -> Self {
        Self { cookie: other.cookie.clone(), ..self }
    }

    /// One whole request; what the handler gives back, unless the session could not be saved.
    pub(super) async fn request<T>(
        &mut self,
        handler: impl FnOnce(&Session) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        let visit = self.arrive().await?;
        let answer = handler(&visit.session)?;
        self.leave(visit).await?;
        Ok(answer)
    }

    /// A request has reached its handler.
    pub(super) async fn arrive(&self) -> Result<Visit, SessionError> {
        let exchange = self.sessions.exchange("/");
        let headers = Headers(self.cookie.clone());
        let head = RequestHead { method: "POST", authority: None, headers: &headers };
        let session = exchange.lazy().load(&head).await?;
        Ok(Visit { exchange, session })
    }

    /// Its response comes back.
    pub(super) async fn leave(&mut self, visit: Visit) -> Result<(), SessionError> {
        let finished = match visit.exchange.finish(200) {
            Finish::Ready(finished) => finished,
            Finish::Pending(finishing) => finishing.await,
        };
        self.read(&finished);
        finished.error().map_or(Ok(()), |error| Err(error.clone()))
    }

    fn read(&mut self, finished: &Finished) {
        let mut headers = Headers(None);
        finished.apply(&mut headers);
        if let Some(line) = headers.0 {
            let pair = line.split(';').next().unwrap_or_default();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
    }

    /// The number under a key, as the next request reads it.
    pub(super) async fn number(&mut self, key: &str) -> Result<Option<u64>, Failure> {
        Ok(self.request(|session| session.get::<u64>(key)).await?)
    }
}

/// A request that is in its handler's hands.
pub(super) struct Visit {
    exchange: Exchange,
    pub(super) session: Session,
}

/// The one header that matters, in either direction.
struct Headers(Option<String>);

impl RequestHeaders for Headers {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if let ("cookie", Some(value)) = (name, &self.0) {
            visit(value.as_bytes());
        }
    }
}

impl ResponseHeaders for Headers {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn set(&mut self, _: &str, _: &str) {}

    fn append(&mut self, name: &str, value: &str) {
        if name == "set-cookie" {
            self.0 = Some(value.to_owned());
        }
    }
}
