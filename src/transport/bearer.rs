//! Tokens in a request header, for non-browser clients (RFC 6750, section 2.1).

use super::{
    RequestHead,
    presented::Candidates,
    response::{ResponseEdits, Secretive},
};
use crate::{store::SessionStore, token::Token};

/// Tokens in a request header; new ones are sent in a response header.
///
/// A page of another site cannot make a browser send such a header, so a request with one never counts as cross-site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    request: String,
    /// Whether the token follows the word `Bearer`.
    has_scheme: bool,
    response: String,
}

impl Default for Bearer {
    fn default() -> Self {
        Self { request: "authorization".into(), has_scheme: true, response: "session-token".into() }
    }
}

impl Bearer {
    /// `Authorization: Bearer <token>`; a new token is sent as `Session-Token: <token>`.
    #[must_use]
    pub fn authorization() -> Self {
        Self::default()
    }

    /// The bare token in a header of this name, in requests and in responses.
    ///
    /// # Panics
    /// If the name is not a legal header name: a mistake in the program.
    #[must_use]
    pub fn in_header(name: impl Into<String>) -> Self {
        match Self::try_in_header(&name.into()) {
            Some(bearer) => bearer,
            None => panic!("a header name has letters, digits and the like"),
        }
    }

    pub(crate) fn try_in_header(name: &str) -> Option<Self> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let name = name.to_ascii_lowercase();
        (!name.is_empty() && name.bytes().all(legal)).then(|| Self {
            request: name.clone(),
            has_scheme: false,
            response: name,
        })
    }

    pub(crate) fn request_header(&self) -> &str {
        &self.request
    }

    pub(super) fn candidates<'a>(&self, head: &RequestHead<'a>, store: &dyn SessionStore) -> Candidates<'a> {
        let mut candidates = Candidates::default();
        head.headers.each(&self.request, &mut |value| {
            if let Some(token) = self.token(value) {
                candidates.add(token.into(), store);
            }
        });
        candidates
    }

    /// The value of the request header that presents a token.
    pub(crate) fn value(&self, token: &str) -> String {
        if self.has_scheme { format!("Bearer {token}") } else { token.to_owned() }
    }

    fn token<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        if !self.has_scheme {
            return Some(value);
        }
        let (scheme, rest) = value.split_at_checked(b"Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii_start())
    }

    pub(super) fn hand_out(&self, token: &Token, edits: &mut ResponseEdits) {
        edits.hand_out(Secretive::header(&self.response, token.expose()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_read_without_regard_to_case_and_no_other_is() {
        let bearer = Bearer::authorization();
        for value in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(bearer.token(value.as_bytes()), Some(&b"abc"[..]), "{value}");
        }
        for value in ["Basic abc", "Bearer", "Bearerabc", "abc", ""] {
            assert_eq!(bearer.token(value.as_bytes()), None, "{value}");
        }
        assert_eq!(Bearer::in_header("X-Token").token(b"abc"), Some(&b"abc"[..]));
    }

    #[test]
    #[should_panic(expected = "header name")]
    fn a_header_name_with_a_space_is_a_mistake() {
        let _ = Bearer::in_header("x token");
    }
}
