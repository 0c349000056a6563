//! What a session does to a response's headers: `Set-Cookie`, `Vary` and the cache rules.

use super::ResponseHeaders;

/// The changes to a response's headers.
#[derive(Debug, Default)]
pub(crate) struct ResponseEdits {
    cookies: SetCookies,
    read: Read,
}

/// `Set-Cookie` lines: they hold tokens.
#[derive(Default)]
struct SetCookies(Vec<String>);

impl std::fmt::Debug for SetCookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetCookies({} lines)", self.0.len())
    }
}

/// How much of the session the response may reveal.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    /// The handler did not look.
    #[default]
    Not,
    /// The handler looked, and there was none: the response depends on the absence of a cookie.
    Absent,
    /// The handler has seen somebody's session.
    Live,
}

impl ResponseEdits {
    pub(crate) fn read(read: Read) -> Self {
        Self { cookies: SetCookies::default(), read }
    }

    pub(crate) fn add_cookie(&mut self, line: String) {
        self.cookies.0.push(line);
    }

    /// Adds the cookies of `other`; a response has read what either has.
    pub(crate) fn merge(&mut self, other: Self) {
        self.cookies.0.extend(other.cookies.0);
        self.read = self.read.max(other.read);
    }

    /// Makes the changes.
    pub(crate) fn apply(&self, headers: &mut dyn ResponseHeaders) {
        for line in &self.cookies.0 {
            headers.append("set-cookie", line);
        }
        if self.read != Read::Not {
            add_vary(headers);
        }
        if !self.cookies.0.is_empty() {
            forbid_storing(headers);
        } else if self.read == Read::Live && !has(headers, "cache-control") {
            headers.set("cache-control", "private, no-cache");
        }
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

fn add_vary(headers: &mut dyn ResponseHeaders) {
    let mut named = false;
    headers.each("vary", &mut |value| {
        let mut names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        named |= names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie"));
    });
    if !named {
        headers.append("vary", "Cookie");
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

        fn set(&mut self, name: &'static str, value: &str) {
            self.0.retain(|(key, _)| key != name);
            self.append(name, value);
        }

        fn append(&mut self, name: &'static str, value: &str) {
            self.0.push((name.into(), value.into()));
        }
    }

    fn applied(edits: &ResponseEdits, given: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers =
            Headers(given.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect());
        edits.apply(&mut headers);
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
        let live = ResponseEdits::read(Read::Live);
        assert_eq!(applied(&live, &[]), pairs(&[("cache-control", "private, no-cache"), ("vary", "Cookie")]));
        let public = [("cache-control", "public, max-age=60")];
        assert_eq!(applied(&live, &public), pairs(&[public[0], ("vary", "Cookie")]));
        assert_eq!(applied(&ResponseEdits::read(Read::Absent), &[]), pairs(&[("vary", "Cookie")]));
    }

    #[test]
    fn a_response_with_a_cookie_is_stored_by_no_cache_whatever_the_handler_said() {
        let mut edits = ResponseEdits::read(Read::Absent);
        edits.add_cookie("id=x".into());
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
        let edits = ResponseEdits::read(Read::Absent);
        for said in ["Accept, cookie", "*", "COOKIE"] {
            assert_eq!(applied(&edits, &[("vary", said)]), pairs(&[("vary", said)]));
        }
        assert_eq!(applied(&edits, &[("vary", "Accept")]), pairs(&[("vary", "Accept"), ("vary", "Cookie")]));
    }
}
