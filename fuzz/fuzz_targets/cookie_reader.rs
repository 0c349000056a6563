//! Whole requests: the input is any number of `Cookie` headers, one a line. `TOKEN` in it stands for a genuine token.
#![no_main]

use std::sync::{Arc, LazyLock};

use cloakroom::{
    Cookie, RequestHead, RequestHeaders, ResponseHeaders, SessionManager, manager::Finish,
    store::SignedCookieStore, time::ManualClock,
};
use cloakroom_fuzz::{NOW, answer};
use libfuzzer_sys::fuzz_target;

static SESSIONS: LazyLock<SessionManager> = LazyLock::new(|| {
    SessionManager::new(SignedCookieStore::new(&cloakroom_fuzz::ring()))
        .cookie(Cookie::named("__Host-id"))
        .clock(Arc::new(ManualClock::new(NOW)))
});

/// The token of a session that was logged in to.
static TOKEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let exchange = SESSIONS.exchange("/");
    let session = answer(exchange.lazy().load(&Headers(Vec::new()).head())).expect("an empty session");
    session.log_in("alice").expect("a login");
    let mut response = Set::default();
    let Finish::Pending(commit) = exchange.finish(200) else { panic!("a login is written") };
    answer(commit).apply(&mut response);
    response.0
});

fuzz_target!(|input: &[u8]| {
    let headers = Headers(input.split(|byte| *byte == b'\n').map(with_token).collect());
    let exchange = SESSIONS.exchange("/");
    let session = answer(exchange.lazy().load(&headers.head())).expect("nothing can fail");
    // Only the genuine token can be alice's.
    let presented = headers.0.iter().any(|line| line.windows(TOKEN.len()).any(|window| window == &TOKEN[..]));
    assert!(session.subject().is_none() || presented);
    assert!(matches!(exchange.finish(200), Finish::Ready(_)), "a request that only reads writes nothing");
});

/// The line with each `TOKEN` replaced by a genuine one.
fn with_token(line: &[u8]) -> Vec<u8> {
    let (mut replaced, mut rest) = (Vec::new(), line);
    while let [first, after @ ..] = rest {
        match rest.strip_prefix(b"TOKEN") {
            Some(after) => {
                replaced.extend_from_slice(&TOKEN);
                rest = after;
            }
            None => {
                replaced.push(*first);
                rest = after;
            }
        }
    }
    replaced
}

struct Headers(Vec<Vec<u8>>);

impl Headers {
    fn head(&self) -> RequestHead<'_> {
        RequestHead { method: "GET", authority: None, headers: self }
    }
}

impl RequestHeaders for Headers {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if name == "cookie" {
            self.0.iter().for_each(|line| visit(line));
        }
    }
}

/// The value that a response gives the cookie.
#[derive(Default)]
struct Set(Vec<u8>);

impl ResponseHeaders for Set {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn set(&mut self, _: &str, _: &str) {}

    fn append(&mut self, name: &str, value: &str) {
        let pair = value.strip_prefix("__Host-id=").and_then(|line| line.split(';').next());
        if let ("set-cookie", Some(value)) = (name, pair) {
            self.0 = value.into();
        }
    }
}
