//! What a session does to a response's headers: new tokens, `Vary` and the cache rules.

use std::fmt;

use super::{ResponseHeaders, Sweep, Target, Transport};

/// How many bytes of `Set-Cookie` lines there are at the most before removals of variants wait for the next response: with the
/// rest of the headers they have to fit into the 4 KiB that nginx reads.
const MOST_LINES: usize = 3 * 1024;

/// The changes to a response's headers.
#[derive(Debug, Default)]
pub(crate) struct ResponseEdits {
    /// What removes cookies.
    removals: Vec<Secretive>,
    /// What hands out the token.
    token: Vec<Secretive>,
    /// Which variants of the cookie go.
    sweep: Sweep,
    /// Where they may have come from; `None` where there are none.
    target: Option<Box<Target>>,
    read: Read,
}

/// A header line that holds a token, or removes one.
pub(crate) struct Secretive {
    name: String,
    value: String,
}

impl Secretive {
    pub(super) fn cookie(line: String) -> Self {
        Self { name: SET_COOKIE.into(), value: line }
    }

    pub(super) fn header(name: &str, value: &str) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl fmt::Debug for Secretive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: (redacted)", self.name)
    }
}

const SET_COOKIE: &str = "set-cookie";

/// How much of the session the response may reveal.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    /// The handler did not look.
    #[default]
    Not,
    /// The handler looked, and there was none: the response depends on the absence of a token.
    Absent,
    /// The handler has read a live session.
    Live,
}

impl ResponseEdits {
    /// Those of a response that has read the session.
    pub(crate) fn read(read: Read) -> Self {
        Self { read, ..Self::default() }
    }

    /// Removes these variants of the cookie, if the request can have brought any.
    pub(crate) fn sweep(&mut self, sweep: Sweep) {
        self.sweep = self.sweep.max(sweep);
    }

    /// Notes where variants of the cookie may have come from.
    pub(crate) fn aim_at(&mut self, target: Box<Target>) {
        self.target = Some(target);
    }

    /// Removes a cookie, before anything is handed out.
    pub(super) fn remove(&mut self, line: Secretive) {
        self.removals.push(line);
    }

    /// Hands out the token, or a part of it.
    pub(super) fn hand_out(&mut self, line: Secretive) {
        self.token.push(line);
    }

    /// Adds what `later` has to tell the client. A token that was replaced or taken back is not handed out any more.
    pub(crate) fn merge(&mut self, later: Self) {
        self.sweep(later.sweep);
        self.target = self.target.take().or(later.target);
        if !later.removals.is_empty() || !later.token.is_empty() {
            self.token = later.token;
            self.removals.extend(later.removals);
        }
    }

    /// Makes the changes; a response that has read the session depends on these headers of its request.
    pub(crate) fn apply(&self, headers: &mut dyn ResponseHeaders, vary: &[String], transports: &[Transport]) {
        let variants = self.variants(transports);
        for line in variants.iter().chain(&self.removals).chain(&self.token) {
            if line.name == SET_COOKIE {
                headers.append(&line.name, &line.value);
            } else {
                headers.set(&line.name, &line.value);
            }
        }
        if self.read != Read::Not {
            vary.iter().for_each(|name| add_vary(headers, name));
        }
        if !variants.is_empty() || !self.removals.is_empty() || !self.token.is_empty() {
            forbid_storing(headers);
        } else if self.read == Read::Live && !has(headers, "cache-control") {
            headers.set("cache-control", "private, no-cache");
        }
    }

    /// What removes variants of the cookies.
    fn variants(&self, transports: &[Transport]) -> Vec<Secretive> {
        let (Some(target), true) = (&self.target, self.sweep > Sweep::Nothing) else { return Vec::new() };
        let len = |lines: &[Secretive]| lines.iter().map(|line| line.value.len()).sum::<usize>();
        let mut space = MOST_LINES.saturating_sub(len(&self.removals) + len(&self.token));
        let mut variants = Vec::new();
        for transport in transports {
            if let Transport::Cookie(cookie) = transport {
                let lines = cookie.remove_variants(self.sweep, target, space);
                let lines: Vec<_> = lines.into_iter().map(Secretive::cookie).collect();
                space -= len(&lines);
                variants.extend(lines);
            }
        }
        variants
    }

    /// The `Set-Cookie` lines.
    #[cfg(test)]
    pub(super) fn cookies(&self) -> impl Iterator<Item = &str> {
        let lines = self.removals.iter().chain(&self.token);
        lines.filter(|line| line.name == SET_COOKIE).map(|line| &*line.value)
    }
}

/// A response that hands out a token is stored by no cache, whatever the handler said.
fn forbid_storing(headers: &mut dyn ResponseHeaders) {
    headers.set("cache-control", "no-store");
    for shared_cache in ["cdn-cache-control", "surrogate-control"] {
        if has(headers, shared_cache) {
            headers.set(shared_cache, "no-store");
        }
    }
}

fn add_vary(headers: &mut dyn ResponseHeaders, header: &str) {
    let mut named = false;
    headers.each("vary", &mut |value| {
        let mut names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        named |= names.any(|name| name == b"*" || name.eq_ignore_ascii_case(header.as_bytes()));
    });
    if !named {
        headers.append("vary", header);
    }
}

fn has(headers: &dyn ResponseHeaders, name: &str) -> bool {
    let mut found = false;
    headers.each(name, &mut |_| found = true);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Headers(Vec<(String, String)>);

    impl ResponseHeaders for Headers {
        fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
            self.0.iter().filter(|(key, _)| key == name).for_each(|(_, value)| visit(value.as_bytes()));
        }

        fn set(&mut self, name: &str, value: &str) {
            self.0.retain(|(key, _)| key != name);
            self.append(name, value);
        }

        fn append(&mut self, name: &str, value: &str) {
            self.0.push((name.into(), value.into()));
        }
    }

    fn edits(read: Read) -> ResponseEdits {
        ResponseEdits::read(read)
    }

    fn applied(edits: &ResponseEdits, given: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers =
            Headers(given.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect());
        edits.apply(&mut headers, &["Cookie".to_owned()], &[]);
        headers.0.sort();
        headers.0
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn an_unread_session_leaves_the_response_alone() {
        assert_eq!(applied(&ResponseEdits::default(), &[]), pairs(&[]));
    }

    #[test]
    fn a_read_session_is_private_unless_the_handler_said_otherwise() {
        let live = edits(Read::Live);
        assert_eq!(applied(&live, &[]), pairs(&[("cache-control", "private, no-cache"), ("vary", "Cookie")]));
        let public = [("cache-control", "public, max-age=60")];
        assert_eq!(applied(&live, &public), pairs(&[public[0], ("vary", "Cookie")]));
        assert_eq!(applied(&edits(Read::Absent), &[]), pairs(&[("vary", "Cookie")]));
    }

    #[test]
    fn a_response_with_a_cookie_is_stored_by_no_cache_whatever_the_handler_said() {
        let mut edits = edits(Read::Absent);
        edits.hand_out(Secretive::cookie("id=x".into()));
        let said = [
            ("cache-control", "public, max-age=60"),
            ("cdn-cache-control", "max-age=60"),
            ("surrogate-control", "max-age=60"),
        ];
        let expected = [
            ("cache-control", "no-store"),
            ("cdn-cache-control", "no-store"),
            ("set-cookie", "id=x"),
            ("surrogate-control", "no-store"),
            ("vary", "Cookie"),
        ];
        assert_eq!(applied(&edits, &said), pairs(&expected));
    }

    #[test]
    fn vary_is_added_once() {
        let edits = edits(Read::Absent);
        for said in ["Accept, cookie", "*", "COOKIE"] {
            assert_eq!(applied(&edits, &[("vary", said)]), pairs(&[("vary", said)]));
        }
        assert_eq!(applied(&edits, &[("vary", "Accept")]), pairs(&[("vary", "Accept"), ("vary", "Cookie")]));
    }
}
