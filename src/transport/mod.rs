//! How tokens travel: what is read from a request's headers and written to a response's.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Transport`]: one of the ways in which a token travels |
//! | `head` | [`RequestHead`], [`RequestHeaders`], [`ResponseHeaders`]: HTTP without a framework |
//! | `cookie` | [`Cookie`]: its name and attributes, and the `Set-Cookie` lines |
//! | `bearer` | [`Bearer`]: a token in a header |
//! | `origin` | the origin of a page |
//! | `path_pattern` | the paths that requests of other sites may be sent to |
//! | `presented` | the candidates among the tokens that a request presents |
//! | `request` | what a request presents, and the facts on which its response depends |
//! | `response` | new tokens, `Vary` and the cache rules of a response |
//! | `site` | whether another site began a request, and what follows from it |
//!
//! Everything in a request is untrusted: it is read as bytes, exactly, with bounded work.

mod bearer;
mod cookie;
mod head;
mod origin;
mod path_pattern;
mod presented;
mod request;
mod response;
mod site;

use std::time::Duration;

pub use self::{
    bearer::Bearer,
    cookie::{Cookie, SameSite},
    head::{RequestHead, RequestHeaders, ResponseHeaders},
};
pub(crate) use self::{
    origin::Origin,
    path_pattern::PathPattern,
    presented::Candidates,
    request::RequestFacts,
    response::{Read, ResponseEdits},
    site::{SiteRules, origin_and_host},
};
use crate::{store::SessionStore, token::Token};

/// How a token travels between client and server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// In a cookie, for browsers.
    Cookie(Cookie),
    /// In a header, for non-browser clients.
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

    /// Whether clients return its tokens only over HTTPS.
    pub(crate) fn is_secure_cookie(&self) -> bool {
        matches!(self, Self::Cookie(cookie) if cookie.is_secure())
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

    /// Takes the token from the client, if that is possible.
    pub(crate) fn take_back(&self, highest_part: usize, edits: &mut ResponseEdits) {
        match self {
            Self::Cookie(cookie) => cookie.take_back(highest_part, edits),
            // Such a client discards its token by itself.
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
