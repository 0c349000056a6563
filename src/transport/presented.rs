//! The tokens that a request presents.
//!
//! Cookies are read as a server has to (RFC 6265bis, section 5.8.3): tolerantly, exactly, and with bounded work.
//! Several headers and duplicate names are normal. Identical values collapse; what has not the form of a token is
//! ignored; of the rest the first four are candidates. Their order carries no meaning.
//!
//! # Tokens in parts
//! A token that is too long for one cookie comes in several, whichever store issued it. The first has the cookie's name and begins with the number of
//! parts and a tilde, the others have the name with `-1`, `-2` and so on. The parts are put together and the whole is
//! authenticated like any token: a part that is missing, changed, out of order or of another generation makes it a
//! forgery, and nothing of it is read.

use std::borrow::Cow;

use super::head::RequestHead;
use crate::store::{PresentedToken, SessionStore};

/// How many different tokens of one request are looked up at the most.
const MOST_CANDIDATES: usize = 4;

/// In how many parts a token may come.
pub(super) const MOST_PARTS: usize = 9;

/// Separates the number of parts from the first part; no token contains it.
pub(super) const PARTS_MARK: u8 = b'~';

/// How many part cookies of one request are looked at.
const MOST_PART_COOKIES: usize = 4 * MOST_PARTS;

/// What a request presented in one place.
#[derive(Debug, Default)]
pub(crate) struct Candidates<'a> {
    /// Most requests have no other.
    first: Option<Cow<'a, [u8]>>,
    others: Vec<Cow<'a, [u8]>>,
    /// Whether there was anything in that place, of whatever form.
    pub(crate) any: bool,
    /// Whether there were more different tokens than are tried.
    pub(crate) too_many: bool,
    /// The highest number of a part cookie.
    pub(crate) highest_part: usize,
}

impl<'a> Candidates<'a> {
    pub(crate) fn tokens(&self) -> impl Iterator<Item = PresentedToken<'_>> {
        self.first.iter().chain(&self.others).map(|token| PresentedToken::new(token))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn add(&mut self, value: Cow<'a, [u8]>, store: &dyn SessionStore) {
        self.any = true;
        if self.tokens().any(|known| known.bytes() == &*value)
            || !store.recognises(PresentedToken::new(&value))
        {
            return;
        }
        if self.first.is_none() {
            self.first = Some(value);
        } else if 1 + self.others.len() < MOST_CANDIDATES {
            self.others.push(value);
        } else {
            self.too_many = true;
        }
    }
}

/// The candidates among the cookies called `name`.
pub(super) fn in_cookies<'a>(head: &RequestHead<'a>, name: &str, store: &dyn SessionStore) -> Candidates<'a> {
    let mut candidates = Candidates::default();
    let mut split = Vec::new();
    let mut parts = Parts::default();
    head.headers.each("cookie", &mut |header| {
        for cookie in cookies(header, name.as_bytes()) {
            match cookie {
                Found::Whole(value) => candidates.add(Cow::Borrowed(value), store),
                Found::First { count, value } if split.len() < MOST_CANDIDATES => split.push((count, value)),
                Found::First { .. } => candidates.too_many = true,
                Found::Part { number, value } => parts.add(number, value),
            }
        }
    });
    candidates.highest_part = parts.highest();
    for (count, first) in split {
        candidates.any = true;
        if let Some(token) = parts.complete(count, first) {
            candidates.add(Cow::Owned(token), store);
        }
    }
    candidates
}

/// The part cookies of a request.
#[derive(Default)]
struct Parts<'a>(Vec<(usize, &'a [u8])>);

impl<'a> Parts<'a> {
    fn add(&mut self, number: usize, value: &'a [u8]) {
        if self.0.len() < MOST_PART_COOKIES && !self.0.contains(&(number, value)) {
            self.0.push((number, value));
        }
    }

    fn highest(&self) -> usize {
        self.0.iter().map(|(number, _)| *number).max().unwrap_or(0)
    }

    /// The whole token, if each further part is there exactly once.
    fn complete(&self, count: usize, first: &[u8]) -> Option<Vec<u8>> {
        let mut token = first.to_vec();
        for number in 1..count {
            let mut values = self.0.iter().filter(|(known, _)| *known == number);
            let (Some((_, value)), None) = (values.next(), values.next()) else { return None };
            token.extend_from_slice(value);
        }
        Some(token)
    }
}

/// A cookie that has to do with the session.
#[derive(Debug, PartialEq, Eq)]
enum Found<'a> {
    Whole(&'a [u8]),
    First { count: usize, value: &'a [u8] },
    Part { number: usize, value: &'a [u8] },
}

/// The cookies in one header that have to do with the session cookie `name`.
fn cookies<'a>(header: &'a [u8], name: &[u8]) -> impl Iterator<Item = Found<'a>> {
    pairs(header).filter_map(move |pair| match pair.strip_prefix(name)? {
        [b'=', count @ b'2'..=b'9', PARTS_MARK, value @ ..] => {
            Some(Found::First { count: usize::from(count - b'0'), value })
        }
        [b'=', value @ ..] => Some(Found::Whole(value)),
        [b'-', number @ b'1'..=b'9', b'=', value @ ..] => {
            Some(Found::Part { number: usize::from(number - b'0'), value })
        }
        _ => None,
    })
}

/// The pairs between semicolons, without the blanks that separate them.
fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let text = rest?;
        let (pair, after) = match memchr::memchr(b';', text) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        rest = after;
        Some(trim(pair))
    })
}

/// Without blanks and tabs at both ends; no other byte is white space here.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use quickcheck::{Arbitrary, Gen};

    use super::*;
    use crate::testing::random::{check, word};

    fn read<'a>(header: &'a str, name: &str) -> Vec<&'a str> {
        let whole = |cookie| match cookie {
            Found::Whole(value) => Some(std::str::from_utf8(value).unwrap()),
            _ => None,
        };
        cookies(header.as_bytes(), name.as_bytes()).filter_map(whole).collect()
    }

    #[test]
    fn a_cookie_is_found_wherever_it_stands() {
        for header in ["id=x", "a=1; id=x", "id=x; a=1", "a=1;id=x;b=2", " id=x ", "a; =; ;;id=x;"] {
            assert_eq!(read(header, "id"), ["x"], "{header:?}");
        }
    }

    #[test]
    fn names_are_compared_exactly() {
        for header in ["ID=x", "idd=x", "i=x", "id", "xid=y", "\u{a0}id=x", "$id=x", "id =x", "\"id\"=x"] {
            assert_eq!(read(header, "id"), [""; 0], "{header:?}");
        }
    }

    #[test]
    fn values_are_read_exactly() {
        assert_eq!(read("id=\"x\"", "id"), ["\"x\""]);
        assert_eq!(read("id=a=b", "id"), ["a=b"]);
        assert_eq!(read("id=", "id"), [""]);
        assert_eq!(read("id=x\u{a0}", "id"), ["x\u{a0}"]);
        assert_eq!(read("id=1; id=2", "id"), ["1", "2"]);
    }

    #[test]
    fn parts_are_told_from_whole_tokens_and_from_other_cookies() {
        let found: Vec<_> = cookies(b"id=2~a; id-1=b; id-0=c; id-10=d; idx-1=e; id=1~f", b"id").collect();
        let expected = [
            Found::First { count: 2, value: b"a" },
            Found::Part { number: 1, value: b"b" },
            Found::Whole(b"1~f"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn parts_are_complete_only_if_each_is_there_exactly_once() {
        let mut parts = Parts::default();
        parts.add(2, b"c");
        assert_eq!(parts.complete(3, b"a"), None, "one is missing");
        parts.add(1, b"b");
        parts.add(1, b"b");
        assert_eq!(parts.complete(3, b"a").as_deref(), Some(&b"abc"[..]));
        assert_eq!(parts.complete(2, b"a").as_deref(), Some(&b"ab"[..]), "stale extra parts are ignored");
        parts.add(1, b"x");
        assert_eq!(parts.complete(3, b"a"), None, "one is there twice");
        assert_eq!(parts.highest(), 2);
    }

    #[derive(Debug, Clone)]
    struct Header(String);

    impl Arbitrary for Header {
        fn arbitrary(g: &mut Gen) -> Self {
            Self(word("abc=; ", 40, g))
        }
    }

    #[test]
    fn splitting_agrees_with_the_standard_library() {
        fn holds(Header(header): Header) {
            let pairs = header.split(';').map(|pair| pair.trim_matches(' '));
            let expected: Vec<_> = pairs.filter_map(|pair| pair.strip_prefix("a=")).collect();
            assert_eq!(read(&header, "a"), expected);
        }
        check(holds as fn(Header));
    }

    #[test]
    fn hostile_bytes_never_panic() {
        fn holds(header: Vec<u8>, name: Vec<u8>) {
            let _ = cookies(&header, &name).count();
        }
        check(holds as fn(Vec<u8>, Vec<u8>));
    }
}
