//! The tokens in a request's `Cookie` headers (RFC 6265bis, section 5.8.3, read as a server has to: tolerantly, exactly,
//! and with bounded work).
//!
//! Several headers and duplicate names are normal. Identical values collapse; what has not the form of a token is
//! passed over; of the rest the first four are candidates. Their order carries no meaning.

use super::RequestHead;
use crate::store::{Presented, SessionStore};

/// How many different tokens of one request are looked up at the most.
pub(crate) const MOST_CANDIDATES: usize = 4;

/// What a request presented under the cookie's name.
#[derive(Debug, Default)]
pub(crate) struct Candidates<'a> {
    tokens: [Option<Presented<'a>>; MOST_CANDIDATES],
    /// Whether there was any cookie of the name, of whatever form.
    pub(crate) any: bool,
    /// Whether there were more different tokens than are tried.
    pub(crate) too_many: bool,
}

impl<'a> Candidates<'a> {
    pub(crate) fn tokens(&self) -> impl Iterator<Item = Presented<'a>> + use<'a> {
        self.tokens.into_iter().flatten()
    }

    fn add(&mut self, value: &'a [u8], store: &dyn SessionStore) {
        self.any = true;
        let token = Presented::new(value);
        if self.tokens().any(|known| known.bytes() == value) || !store.recognises(token) {
            return;
        }
        match self.tokens.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(token),
            None => self.too_many = true,
        }
    }
}

/// The candidates among the cookies called `name`.
pub(crate) fn candidates<'a>(head: &RequestHead<'a>, name: &str, store: &dyn SessionStore) -> Candidates<'a> {
    let mut candidates = Candidates::default();
    head.headers.each("cookie", &mut |header| {
        for value in values(header, name.as_bytes()) {
            candidates.add(value, store);
        }
    });
    candidates
}

/// The values of the cookies called `name` in one header.
fn values<'a>(header: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    pairs(header).filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix(b"="))
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
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(header: &'a str, name: &str) -> Vec<&'a str> {
        values(header.as_bytes(), name.as_bytes()).map(|value| std::str::from_utf8(value).unwrap()).collect()
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

    proptest! {
        #[test]
        fn splitting_agrees_with_the_standard_library(header in "[a-c=; ]{0,40}") {
            let expected: Vec<&str> =
                header.split(';').map(|pair| pair.trim_matches(' ')).filter_map(|pair| pair.strip_prefix("a=")).collect();
            prop_assert_eq!(read(&header, "a"), expected);
        }

        #[test]
        fn hostile_bytes_never_panic(header: Vec<u8>, name: Vec<u8>) {
            let _ = values(&header, &name).count();
        }
    }
}
