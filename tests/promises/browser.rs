//! A model browser: it keeps the session cookie and can have several requests under way, in any order.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    Cookie, RequestHead, RequestHeaders, ResponseHeaders, Session, SessionError, SessionManager,
    SessionStore,
    manager::{Exchange, Finish, Finished},
    time::{ManualClock, Timestamp},
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Some moment in 2026.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// A server with a clock of its own: idle timeout 30 minutes, absolute timeout 12 hours.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) sessions: SessionManager,
    pub(crate) clock: Arc<ManualClock>,
}

impl Server {
    pub(crate) fn new(store: impl SessionStore) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let sessions = SessionManager::new(store)
            .idle_timeout(30 * MINUTE)
            .absolute_timeout(12 * HOUR)
            .cookie(Cookie::named("__Host-id"))
            .clock(Arc::clone(&clock));
        Self { sessions, clock }
    }

    pub(crate) fn with(self, change: impl FnOnce(SessionManager) -> SessionManager) -> Self {
        Self { sessions: change(self.sessions), ..self }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { server: self.clone(), cookie: None }
    }
}

#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) server: Server,
    /// The value of the session cookie.
    pub(crate) cookie: Option<String>,
}

/// A request under way: its handler has its session.
pub(crate) struct Visit {
    pub(crate) exchange: Exchange,
    pub(crate) session: Session,
}

impl Browser {
    /// Sends a request whose handler asks for its session.
    pub(crate) async fn visit(&self) -> Visit {
        self.try_visit(&self.request()).await.expect("the session can be loaded")
    }

    pub(crate) async fn try_visit(&self, request: &Request) -> Result<Visit, SessionError> {
        let exchange = self.server.sessions.exchange(request.path);
        let session = exchange.lazy().load(&request.head()).await?;
        Ok(Visit { exchange, session })
    }

    /// A request with this browser's cookie.
    pub(crate) fn request(&self) -> Request {
        let cookie = self.cookie.iter().map(|value| ("cookie".into(), format!("__Host-id={value}").into()));
        Request { method: "POST", path: "/", headers: cookie.collect() }
    }

    /// Receives the response to a request.
    pub(crate) async fn receive(&mut self, visit: Visit) -> Response {
        let response = finish(visit, 200).await;
        self.keep(&response);
        response
    }

    /// Keeps what a response tells it to keep.
    pub(crate) fn keep(&mut self, response: &Response) {
        if let Some(value) = response.cookie() {
            self.cookie = (!value.is_empty()).then(|| value.to_owned());
        }
    }

    /// A whole request: its handler does `action`.
    pub(crate) async fn does(
        &mut self,
        action: impl FnOnce(&Session) -> Result<(), SessionError>,
    ) -> Response {
        let visit = self.visit().await;
        action(&visit.session).expect("the handler succeeds");
        self.receive(visit).await
    }

    pub(crate) async fn logs_in(&mut self, name: &str) -> Response {
        self.does(|session| session.log_in(name)).await
    }

    /// What a page that only reads shows.
    pub(crate) async fn sees<T: serde::de::DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let visit = self.visit().await;
        let value = visit.session.get::<T>(key).expect("the value is of the type");
        assert!(self.receive(visit).await.is_ok());
        value
    }

    pub(crate) async fn subject(&mut self) -> Option<String> {
        let visit = self.visit().await;
        let subject = visit.session.subject();
        assert!(self.receive(visit).await.is_ok());
        subject
    }
}

pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead { method: self.method, authority: None, headers: self }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl RequestHeaders for Request {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.headers.iter().filter(|(key, _)| key == name).for_each(|(_, value)| visit(value));
    }
}

/// Ends a request with the status of its handler's response.
pub(crate) async fn finish(visit: Visit, status: u16) -> Response {
    let finished = match visit.exchange.finish(status) {
        Finish::Ready(finished) => finished,
        Finish::Pending(commit) => commit.await,
    };
    Response::new(&finished, &[])
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) error: Option<SessionError>,
}

impl Response {
    /// The response of a handler that set `given` itself.
    pub(crate) fn new(finished: &Finished, given: &[(&'static str, &str)]) -> Self {
        let mut response = Self { headers: Vec::new(), error: finished.error().cloned() };
        given.iter().for_each(|(name, value)| response.append(name, value));
        finished.apply(&mut response);
        response
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.error.is_none()
    }

    pub(crate) fn status(&self) -> u16 {
        self.error.as_ref().map_or(200, SessionError::status)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// The value that the last `Set-Cookie` gives the session cookie; empty where it removes it.
    pub(crate) fn cookie(&self) -> Option<&str> {
        let set = self.headers.iter().rev().find(|(name, _)| name == "set-cookie");
        set.and_then(|(_, line)| line.strip_prefix("__Host-id=")).and_then(|line| line.split(';').next())
    }
}

impl ResponseHeaders for Response {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
        self.headers.iter().filter(|(key, _)| key == name).for_each(|(_, value)| visit(value.as_bytes()));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(key, _)| key != name);
        self.append(name, value);
    }

    fn append(&mut self, name: &str, value: &str) {
        self.headers.push((name.into(), value.into()));
    }
}
