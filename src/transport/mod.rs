//! How tokens travel: what is read from a request's headers and written to a response's.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Transport`]: one of the ways in which a token travels |
//! | `head` | [`RequestHead`], [`RequestHeaders`], [`ResponseHeaders`]: HTTP without a framework |
//! | `cookie` | [`Cookie`]: its name and attributes, the `Set-Cookie` lines, and what else may have its name |
//! | `bearer` | [`Bearer`]: a token in a header |
//! | `origin` | the origin of a page |
//! | `path_pattern` | the paths that requests of other sites may be sent to |
//! | `presented` | the candidates among the tokens that a request presents |
//! | `presented` | the candidates among the tokens that a request presents in one place |
//! | `places` | the places of a request with tokens in them |
//! | `http_date` | dates in headers |
//! | `request` | what a request presents, and the facts on which its response depends |
//! | `response` | new tokens, `Vary` and the cache rules of a response |
//! | `site` | whether another site began a request, and what follows from it |
//!
//! Everything in a request is untrusted: it is read as bytes, exactly, with bounded work.

mod bearer;
mod cookie;
mod head;
mod http_date;
mod origin;
mod path_pattern;
mod places;
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
    cookie::{Sweep, Target},
    origin::Origin,
    path_pattern::PathPattern,
    places::{Place, Places},
    presented::Candidates,
    request::RequestFacts,
    response::{Read, ResponseEdits},
    site::{SiteRules, origin_and_host},
};
use crate::{time::Timestamp, token::Token};

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

/// A new token on its way to the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handout<'a> {
    pub(crate) token: &'a Token,
    /// How long its session can last from now on.
    pub(crate) lasts: Duration,
    pub(crate) now: Timestamp,
    /// Whether the session is to outlive the browser.
    pub(crate) remembered: bool,
    /// The highest number of a cookie with a part of a token that the client holds now.
    pub(crate) highest_part: usize,
}

impl Transport {
    pub(crate) fn as_cookie(&self) -> Option<&Cookie> {
        match self {
            Self::Cookie(cookie) => Some(cookie),
            Self::Bearer(_) => None,
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

    /// Hands a new token to the client.
    pub(crate) fn hand_out(&self, handout: &Handout<'_>, edits: &mut ResponseEdits) {
        match self {
            Self::Cookie(cookie) => cookie.hand_out(handout, edits),
            Self::Bearer(bearer) => bearer.hand_out(handout.token, edits),
        }
    }

    /// Takes the token from the client, if that is possible.
    pub(crate) fn take_back(&self, highest_part: usize, edits: &mut ResponseEdits) {
        match self {
            Self::Cookie(cookie) => {
                cookie.take_back(highest_part, edits);
                // Others of its name may open a session just as well.
                edits.sweep(Sweep::Everything);
            }
            // Such a client discards its token by itself.
            Self::Bearer(_) => {}
        }
    }

    /// Whether a client may hold cookies that pass for this one.
    pub(crate) fn has_variants(&self) -> bool {
        matches!(self, Self::Cookie(cookie) if cookie.has_variants())
    }

    /// Whether a client may hold a cookie that this one replaces, and does not send it with requests to this path.
    pub(crate) fn replaces_elsewhere(&self, path: &str) -> bool {
        matches!(self, Self::Cookie(cookie) if cookie.replaces_elsewhere(path))
    }

    /// Whether clients send such a token with a request to this path.
    pub(crate) fn covers(&self, path: &str) -> bool {
        match self {
            Self::Cookie(cookie) => cookie.covers(path),
            Self::Bearer(_) => true,
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
