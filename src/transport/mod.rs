//! How tokens travel: what is read from a request's headers and written to a response's.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`RequestHead`], [`RequestHeaders`], [`ResponseHeaders`]: HTTP without a framework |
//! | `cookie` | [`Cookie`]: its name and attributes, and the `Set-Cookie` lines |
//! | `bearer` | [`Bearer`]: a token in a header |
//! | `presented` | the candidates among the tokens that a request presents |
//! | `request` | what a request presents, and the facts on which its response depends |
//! | `response` | new tokens, `Vary` and the cache rules of a response |
//! | `site` | whether a request comes from another site |
//!
//! Everything in a request is hostile here: it is read as bytes, exactly, with bounded work.

mod bearer;
mod cookie;
mod presented;
mod request;
mod response;
mod site;

use std::{fmt, time::Duration};

pub use self::{
    bearer::Bearer,
    cookie::{Cookie, SameSite},
};
pub(crate) use self::{
    presented::Candidates,
    request::RequestFacts,
    response::{Read, ResponseEdits},
};
use self::site::{is_cross_site, is_safe};
use crate::{store::SessionStore, token::Token};

/// How a token travels between client and server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// In a cookie, for browsers.
    Cookie(Cookie),
    /// In a header, for everybody else.
    Bearer(Bearer),
}

impl From<Cookie> for Transport {
    fn from(cookie: Cookie) -> Self {
        Self::Cookie(cookie)
    }
}

impl From<Bearer> for Transport {
    fn from(bearer: Bearer) -> Self {
        Self::Bearer(bearer)
    }
}

impl Transport {
    /// What a request presents in this way.
    pub(crate) fn candidates<'a>(&self, head: &RequestHead<'a>, store: &dyn SessionStore) -> Candidates<'a> {
        match self {
            Self::Cookie(cookie) => presented::in_cookies(head, cookie.name(), store),
            Self::Bearer(bearer) => bearer.candidates(head, store),
        }
    }

    /// The longest token that can travel so, in bytes, where there is a limit.
    pub(crate) fn longest_token(&self) -> Option<usize> {
        match self {
            Self::Cookie(cookie) => Some(cookie.longest_token()),
            Self::Bearer(_) => None,
        }
    }

    /// Hands a new token to the client. `highest_part` is that of the cookies that it holds now.
    pub(crate) fn hand_out(
        &self,
        token: &Token,
        lasts: Duration,
        highest_part: usize,
        edits: &mut ResponseEdits,
    ) {
        match self {
            Self::Cookie(cookie) => cookie.hand_out(token, lasts, highest_part, edits),
            Self::Bearer(bearer) => bearer.hand_out(token, edits),
        }
    }

    /// Takes the token from the client, where that can be done.
    pub(crate) fn take_back(&self, highest_part: usize, edits: &mut ResponseEdits) {
        match self {
            Self::Cookie(cookie) => cookie.take_back(highest_part, edits),
            // Such a client forgets by itself.
            Self::Bearer(_) => {}
        }
    }

    /// The request header that a response depends on if it has read a session.
    pub(crate) fn request_header(&self) -> &str {
        match self {
            Self::Cookie(_) => "Cookie",
            Self::Bearer(bearer) => bearer.request_header(),
        }
    }
}

/// The parts of a request that matter to sessions, whatever framework holds them.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The authority in the request's target, if it has one (HTTP/2); otherwise the `Host` header is read.
    pub authority: Option<&'a str>,
    /// The headers.
    pub headers: &'a dyn RequestHeaders,
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The headers hold tokens.
        f.debug_struct("RequestHead").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<'a> RequestHead<'a> {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut first = None;
        self.headers.each(name, &mut |value| first = first.or(Some(value)));
        first
    }

    /// The host and port that the request was sent to.
    pub(crate) fn host(&self) -> Option<&'a [u8]> {
        self.authority.map(str::as_bytes).or_else(|| self.header("host"))
    }
}

/// A request's headers.
pub trait RequestHeaders: Sync {
    /// Calls `visit` with each value of the header `name` (lowercase), in order.
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));
}

/// A response's headers.
pub trait ResponseHeaders {
    /// Calls `visit` with each value of the header `name` (lowercase), in order.
    fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8]));

    /// Puts `value` in place of all values of the header.
    fn set(&mut self, name: &str, value: &str);

    /// Adds a value of the header.
    fn append(&mut self, name: &str, value: &str);
}
