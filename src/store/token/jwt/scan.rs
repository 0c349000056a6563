//! A walk over a JSON text (RFC 8259) that checks every byte, without recursion and without memory of its own.

use std::borrow::Cow;

use super::json::{Malformed, Value as _};

/// How deep a text may be nested. A value that lies deeper could not be decoded anyway: `serde_json` stops there.
pub(super) const MAX_DEPTH: u32 = u128::BITS;

/// A place in a text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// What begins at the place.
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, rest: text.as_bytes() }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// Goes over this byte, if it stands here.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn take(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.takes(byte) { Ok(()) } else { Err(Malformed) }
    }

    pub(super) fn space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Nothing but space may follow.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// A name, and the colon behind it.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let start = self.at();
        let name = match self.string()? {
            Spelled::Plainly => self.text.get(start + 1..self.at() - 1).map(Cow::Borrowed),
            Spelled::WithEscapes => Cow::read(self.since(start)?),
        };
        self.colon()?;
        name.ok_or(Malformed)
    }

    fn colon(&mut self) -> Result<(), Malformed> {
        self.space();
        self.take(b':')?;
        self.space();
        Ok(())
    }

    /// The text of a value that is nested at most so deep.
    pub(super) fn value(&mut self, deepest: u32) -> Result<&'a str, Malformed> {
        let start = self.at();
        let mut open = Open::default();
        loop {
            match self.peek() {
                Some(b'"') => self.string().map(drop)?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(bracket @ (b'{' | b'[')) => {
                    self.take(bracket)?;
                    self.space();
                    open.push(bracket == b'{', deepest)?;
                    if !self.takes(open.bracket()) {
                        self.element(&open)?;
                        continue;
                    }
                    open.pop();
                }
                _ => self.word()?,
            }
            if self.after_value(&mut open)? {
                return self.since(start);
            }
        }
    }

    /// Closes what ends behind a value. Whether everything is closed; otherwise the next value follows.
    fn after_value(&mut self, open: &mut Open) -> Result<bool, Malformed> {
        while open.depth > 0 {
            self.space();
            if self.takes(b',') {
                self.space();
                self.element(open)?;
                return Ok(false);
            }
            self.take(open.bracket())?;
            open.pop();
        }
        Ok(true)
    }

    /// Goes to the value of the next element, over the name that it has in an object.
    fn element(&mut self, open: &Open) -> Result<(), Malformed> {
        if !open.is_object() {
            return Ok(());
        }
        self.string()?;
        self.colon()
    }

    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn since(&self, start: usize) -> Result<&'a str, Malformed> {
        self.text.get(start..self.at()).ok_or(Malformed)
    }

    fn word(&mut self) -> Result<(), Malformed> {
        let words: [&[u8]; 3] = [b"true", b"false", b"null"];
        self.rest = words.into_iter().find_map(|word| self.rest.strip_prefix(word)).ok_or(Malformed)?;
        Ok(())
    }

    fn string(&mut self) -> Result<Spelled, Malformed> {
        self.take(b'"')?;
        let mut spelled = Spelled::Plainly;
        loop {
            self.rest = behind_plain(self.rest);
            match self.next() {
                Some(b'"') => return Ok(spelled),
                Some(b'\\') => self.escape()?,
                _ => return Err(Malformed),
            }
            spelled = Spelled::WithEscapes;
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') if (0..4).all(|_| self.next().is_some_and(|digit| digit.is_ascii_hexdigit())) => {
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _sign = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Malformed> {
        let [b'0'..=b'9', rest @ ..] = self.rest else { return Err(Malformed) };
        self.rest = rest;
        while let [b'0'..=b'9', rest @ ..] = self.rest {
            self.rest = rest;
        }
        Ok(())
    }
}

/// How a string stands in a text.
enum Spelled {
    Plainly,
    WithEscapes,
}

/// What follows the bytes that stand for themselves: it begins with a quote, a backslash, a control character or not at all.
fn behind_plain(mut bytes: &[u8]) -> &[u8] {
    // Eight at a time.
    while let Some((word, rest)) = bytes.split_first_chunk() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return &bytes[(special.trailing_zeros() / 8) as usize..];
        }
        bytes = rest;
    }
    while let [b' '..=b'!' | b'#'..=b'[' | b']'..=0xff, rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// One in each byte of a word.
const EACH: u64 = u64::MAX / 0xff;

/// Has the highest bit of each byte that is below a limit.
const fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(EACH * limit) & !word
}

/// Marks the special bytes of a word in their highest bits. Exact up to the first of them, which is all that counts: only
/// behind it may a subtraction have borrowed.
const fn special_bytes(word: u64) -> u64 {
    const HIGHEST: u64 = EACH << 7;
    let quote = word ^ (EACH * b'"' as u64);
    let backslash = word ^ (EACH * b'\\' as u64);
    (below(quote, 1) | below(backslash, 1) | below(word, 0x20)) & HIGHEST
}

/// The objects and lists around a place, the innermost in the lowest bit.
#[derive(Default)]
struct Open {
    objects: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, object: bool, deepest: u32) -> Result<(), Malformed> {
        if self.depth >= deepest.min(MAX_DEPTH) {
            return Err(Malformed);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    const fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// What closes the innermost.
    const fn bracket(&self) -> u8 {
        if self.is_object() { b'}' } else { b']' }
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::{Arbitrary, Gen};

    use super::*;
    use crate::testing::random::{check, one_of};

    /// A byte, often one on an edge.
    #[derive(Debug, Clone)]
    struct Byte(u8);

    impl Arbitrary for Byte {
        fn arbitrary(g: &mut Gen) -> Self {
            let any = u8::arbitrary(g);
            Self(one_of(&[any, b'"', 0x20, 0xa2], g))
        }
    }

    #[test]
    fn eight_bytes_at_a_time_find_what_one_at_a_time_finds() {
        fn holds(bytes: Vec<Byte>) {
            let bytes: Vec<_> = bytes.iter().map(|byte| byte.0).collect();
            let one_by_one = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            assert_eq!(behind_plain(&bytes), &bytes[one_by_one.unwrap_or(bytes.len())..]);
        }
        check(holds as fn(Vec<Byte>));
    }
}
