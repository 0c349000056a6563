//! The tokens that a request presents in one place.
//!
//! Cookies are read as a server has to (RFC 6265bis, section 5.8.3): tolerantly, exactly, and with bounded work.
//! Several headers and duplicate names are normal. Values that name the same collapse; what has not the form of a token is
//! ignored; what is left are candidates. Their order carries no meaning.
//!
//! # More than are tried
//! None of the candidates is left out in silence: a sibling subdomain could push the genuine one out, and its own one in. Where
//! there are more than [`MOST_CANDIDATES`], none is looked up, and none is believed.
//!
//! # Tokens in parts
//! A token that is too long for one cookie comes in several, whichever store issued it. The first has the cookie's name and begins with the number of
//! parts and a tilde, the others have the name with `-1`, `-2` and so on. The parts are put together and the whole is
//! authenticated like any token: a part that is missing, changed, out of order or of another generation makes it a
//! forgery, and nothing of it is read. Where a part has several values, one of them may have been planted, so each combination
//! is a candidate.

use std::borrow::Cow;

use super::head::RequestHead;
use crate::{
    store::{PresentedToken, SessionStore},
    token::ReferenceToken,
};

/// How many different tokens in one place are looked up at the most.
const MOST_CANDIDATES: usize = 16;

/// In how many parts a token may come.
pub(super) const MOST_PARTS: usize = 9;

/// Separates the number of parts from the first part; no token contains it.
pub(super) const PARTS_MARK: u8 = b'~';

/// How many part cookies of one request are looked at.
const MOST_PART_COOKIES: usize = 4 * MOST_PARTS;

/// How many tokens are put together from parts that have several values.
const MOST_COMBINATIONS: usize = 16;

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
    /// Whether a token in parts lacks one of them.
    pub(crate) incomplete: bool,
    /// Whether a part has several values.
    pub(crate) contested: bool,
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
        } else if self.names(&value, store) {
            // One more spelling of a token that is known.
        } else if 1 + self.others.len() < MOST_CANDIDATES {
            self.others.push(value);
        } else {
            self.too_many = true;
        }
    }

    /// Whether a candidate names the same session and secret, in another spelling.
    fn names(&self, value: &[u8], store: &dyn SessionStore) -> bool {
        if !store.guarantees().keeps_records {
            return false;
        }
        let Some(credential) = ReferenceToken::credential(value) else { return false };
        self.tokens().any(|known| ReferenceToken::credential(known.bytes()) == Some(credential))
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
                Found::First { count, value } if split.contains(&(count, value)) => {}
                Found::First { count, value } if split.len() < MOST_CANDIDATES => split.push((count, value)),
                Found::First { .. } => candidates.too_many = true,
                Found::Part { number, value } => parts.add(number, value),
            }
        }
    });
    candidates.highest_part = parts.highest();
    if !split.is_empty() {
        candidates.any = true;
        candidates.add_split(&split, &parts, store);
    }
    candidates
}

impl Candidates<'_> {
    /// Adds the tokens that came in parts, given their first ones.
    fn add_split(&mut self, firsts: &[(usize, &[u8])], parts: &Parts<'_>, store: &dyn SessionStore) {
        self.too_many |= parts.too_many;
        for (count, first) in firsts {
            match parts.complete(*count, first) {
                Completed::Missing => self.incomplete = true,
                Completed::TooMany => self.too_many = true,
                Completed::Tokens(tokens) => {
                    self.contested |= tokens.len() > 1;
                    tokens.into_iter().for_each(|token| self.add(Cow::Owned(token), store));
                }
            }
        }
    }
}

/// The part cookies of a request.
#[derive(Default)]
struct Parts<'a> {
    found: Vec<(usize, &'a [u8])>,
    /// Whether there were more than are looked at.
    too_many: bool,
}

/// What can be made of a first part.
#[derive(Debug, PartialEq, Eq)]
enum Completed {
    /// Nothing, for another part is missing.
    Missing,
    /// More than is tried.
    TooMany,
    /// A token, or several where one of its parts has several values.
    Tokens(Vec<Vec<u8>>),
}

impl<'a> Parts<'a> {
    fn add(&mut self, number: usize, value: &'a [u8]) {
        if self.found.contains(&(number, value)) {
            return;
        }
        if self.found.len() < MOST_PART_COOKIES {
            self.found.push((number, value));
        } else {
            self.too_many = true;
        }
    }

    fn highest(&self) -> usize {
        self.found.iter().map(|(number, _)| *number).max().unwrap_or(0)
    }

    fn values(&self, number: usize) -> impl Iterator<Item = &'a [u8]> {
        self.found.iter().filter(move |(known, _)| *known == number).map(|(_, value)| *value)
    }

    /// The whole tokens that begin so.
    fn complete(&self, count: usize, first: &[u8]) -> Completed {
        let numbers: Vec<_> = (1..count).map(|number| self.values(number).count()).collect();
        if numbers.contains(&0) {
            return Completed::Missing;
        }
        if numbers.iter().fold(1, |product: usize, values| product.saturating_mul(*values))
            > MOST_COMBINATIONS
        {
            return Completed::TooMany;
        }
        let mut tokens = vec![first.to_vec()];
        for number in 1..count {
            let longer = |token: &Vec<u8>| {
                self.values(number).map(|value| [token, value].concat()).collect::<Vec<_>>()
            };
            tokens = tokens.iter().flat_map(longer).collect();
        }
        Completed::Tokens(tokens)
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
        [b'=', value @ ..] => Some(match unquoted(value) {
            [count @ b'2'..=b'9', PARTS_MARK, value @ ..] => {
                Found::First { count: usize::from(count - b'0'), value }
            }
            value => Found::Whole(value),
        }),
        [b'-', number @ b'1'..=b'9', b'=', value @ ..] => {
            Some(Found::Part { number: usize::from(number - b'0'), value: unquoted(value) })
        }
        _ => None,
    })
}

/// The value without the quotes around it, which clients of RFC 2965 add (RFC 6265, section 4.1.1, allows them). No token
/// contains any.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
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
        assert_eq!(read("id=\"x", "id"), ["\"x"]);
        assert_eq!(read("id=a=b", "id"), ["a=b"]);
        assert_eq!(read("id=", "id"), [""]);
        assert_eq!(read("id=x\u{a0}", "id"), ["x\u{a0}"]);
        assert_eq!(read("id=1; id=2", "id"), ["1", "2"]);
    }

    #[test]
    fn quotes_around_a_value_are_no_part_of_it() {
        assert_eq!(read("$Version=\"1\"; id=\"x\";$Path=\"/\"", "id"), ["x"]);
        assert_eq!(read("id=\"\"x\"\"", "id"), ["\"x\""]);
        assert_eq!(read("id=\"", "id"), ["\""]);
        let parts: Vec<_> = cookies(b"id=\"2~a\"; id-1=\"b\"", b"id").collect();
        assert_eq!(parts, [Found::First { count: 2, value: b"a" }, Found::Part { number: 1, value: b"b" }]);
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

    fn made(tokens: &[&str]) -> Completed {
        Completed::Tokens(tokens.iter().map(|token| token.as_bytes().to_vec()).collect())
    }

    #[test]
    fn parts_are_complete_only_if_each_is_there_and_each_value_of_one_is_tried() {
        let mut parts = Parts::default();
        parts.add(2, b"c");
        assert_eq!(parts.complete(3, b"a"), Completed::Missing);
        parts.add(1, b"b");
        parts.add(1, b"b");
        assert_eq!(parts.complete(3, b"a"), made(&["abc"]));
        assert_eq!(parts.complete(2, b"a"), made(&["ab"]), "stale extra parts are ignored");
        parts.add(1, b"x");
        assert_eq!(parts.complete(3, b"a"), made(&["abc", "axc"]));
        assert_eq!(parts.highest(), 2);
    }

    #[test]
    fn more_parts_than_are_tried_are_too_many() {
        let values: Vec<_> = (0..40_u8).map(|number| [number]).collect();
        let mut parts = Parts::default();
        values[..16].iter().for_each(|value| parts.add(1, value));
        assert!(matches!(parts.complete(2, b"a"), Completed::Tokens(tokens) if tokens.len() == 16));
        parts.add(1, &values[16]);
        assert_eq!(parts.complete(2, b"a"), Completed::TooMany);
        assert!(!parts.too_many);
        values.iter().for_each(|value| parts.add(1, value));
        assert!(parts.too_many && parts.found.len() == 36);
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
