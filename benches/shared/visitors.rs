//! Requests and responses without any framework, and the visitors who send them.

#![allow(dead_code, reason = "each bench uses the part it needs")]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use cloakroom::{
    RequestHead, RequestHeaders, ResponseHeaders, Session, SessionManager,
    manager::{Exchange, Finish, Finished},
};
use serde_json::Value;

/// A session's ID as a bare map has it.
pub(crate) type Id = [u8; 16];

/// A `Cookie` header: the default cookie's name, then a token of 64 hex digits.
pub(crate) type CookieHeader = [u8; NAME.len() + 64];

pub(crate) const NAME: &[u8] = b"__Host-session=";

/// The answer of a future that never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store never waits"),
    }
}

/// One request to its end at a store that never waits: loads its session, hands it to `handler`, saves it.
pub(crate) fn request<T>(
    sessions: &SessionManager,
    cookie: &[u8],
    handler: impl FnOnce(&Session) -> T,
) -> (T, Finished) {
    now(serve(sessions, cookie, handler))
}

/// One request to its end.
pub(crate) async fn serve<T>(
    sessions: &SessionManager,
    cookie: &[u8],
    handler: impl FnOnce(&Session) -> T,
) -> (T, Finished) {
    let (exchange, session) = arrive(sessions, cookie).await;
    let answer = handler(&session);
    (answer, leave(exchange).await)
}

/// The first half of a request: its session, loaded.
pub(crate) async fn arrive(sessions: &SessionManager, cookie: &[u8]) -> (Exchange, Session) {
    let exchange = sessions.exchange("/");
    let headers = Cookies(cookie);
    let head = RequestHead { method: "POST", authority: None, headers: &headers };
    let session = exchange.lazy().load(&head).await.expect("the store answers");
    (exchange, session)
}

/// The second half: its session, saved.
pub(crate) async fn leave(exchange: Exchange) -> Finished {
    let finished = match exchange.finish(200) {
        Finish::Ready(finished) => finished,
        Finish::Pending(future) => future.await,
    };
    assert!(finished.error().is_none());
    finished
}

/// Begins a session that holds these values.
pub(crate) fn visitor(sessions: &SessionManager, values: &[(&'static str, Value)]) -> CookieHeader {
    *begin(sessions, values).0.first_chunk().expect("a session was begun")
}

/// Begins a session that holds these values: the `Cookie` header of its visitor, and the token alone.
pub(crate) fn begin(sessions: &SessionManager, values: &[(&'static str, Value)]) -> (Vec<u8>, Vec<u8>) {
    now(start(sessions, values))
}

/// The same at a store that waits.
pub(crate) async fn start(sessions: &SessionManager, values: &[(&'static str, Value)]) -> (Vec<u8>, Vec<u8>) {
    let fill = |session: &Session| {
        for (key, value) in values {
            session.insert(*key, value).expect("the payload fits");
        }
    };
    let ((), finished) = serve(sessions, b"", fill).await;
    let mut answer = Answer::default();
    finished.apply(&mut answer);
    let parts = answer.cookies.iter().map(|pair| pair.split_once('=').expect("it is a cookie").1);
    let token: String = parts.map(|part| part.split_once('~').map_or(part, |(_, part)| part)).collect();
    (answer.cookies.join("; ").into_bytes(), token.into_bytes())
}

/// The token in a cookie.
pub(crate) fn token(cookie: &CookieHeader) -> &[u8] {
    &cookie[NAME.len()..]
}

/// The ID that a cookie names.
pub(crate) fn id(cookie: &CookieHeader) -> Id {
    let text = std::str::from_utf8(&token(cookie)[..32]).expect("a token is hex digits");
    u128::from_str_radix(text, 16).expect("a token is hex digits").to_be_bytes()
}

/// The headers of a request that has one cookie or none.
struct Cookies<'a>(&'a [u8]);

impl RequestHeaders for Cookies<'_> {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if name == "cookie" && !self.0.is_empty() {
            visit(self.0);
        }
    }
}

/// The headers of a response, of which only its cookies matter.
#[derive(Default)]
struct Answer {
    cookies: Vec<String>,
}

impl ResponseHeaders for Answer {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn set(&mut self, _: &str, _: &str) {}

    fn append(&mut self, name: &str, value: &str) {
        if name == "set-cookie" {
            self.cookies.extend(value.split(';').next().map(str::to_owned));
        }
    }
}
