//! A walk over a JSON text (RFC 8259) that checks every byte, without recursion and without memory of its own.

use std::borrow::Cow;

use super::json::{Malformed, Value as _};

/// How deep a text may be nested. A value that lies deeper could not be decoded anyway: `serde_json` stops there.
pub(super) const MAX_DEPTH: u32 = u128::BITS;

/// A place in a text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Goes over this byte, if it stands here.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let is_here = self.peek() == Some(byte);
        self.at += usize::from(is_here);
        is_here
    }

    pub(super) fn take(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.takes(byte) { Ok(()) } else { Err(Malformed) }
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Nothing but space may follow.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Malformed) }
    }

    /// A name, and the colon behind it.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let start = self.at;
        let name = match self.string()? {
            Spelled::Plainly => self.text.get(start + 1..self.at - 1).map(Cow::Borrowed),
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
        let start = self.at;
        let mut open = Open::default();
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.at += 1;
                    self.space();
                    open.push(bracket == b'{', deepest)?;
                    if !self.takes(open.bracket()) {
                        self.element(&open)?;
                        continue;
                    }
                    open.pop();
                }
                Some(b'"') => self.string().map(drop)?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => self.number()?,
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

    fn since(&self, start: usize) -> Result<&'a str, Malformed> {
        self.text.get(start..self.at).ok_or(Malformed)
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += word.len();
        if rest.starts_with(word.as_bytes()) { Ok(()) } else { Err(Malformed) }
    }

    fn string(&mut self) -> Result<Spelled, Malformed> {
        self.take(b'"')?;
        let mut spelled = Spelled::Plainly;
        loop {
            self.at += plain_len(&self.text.as_bytes()[self.at..]);
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
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Malformed) }
    }
}

/// How a string stands in a text.
enum Spelled {
    Plainly,
    WithEscapes,
}

/// How many bytes stand for themselves before a quote, a backslash, a control character or the end. Eight at a time.
fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return 8 * at + (special.trailing_zeros() / 8) as usize;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    8 * words.len() + rest.iter().position(is_special).unwrap_or(rest.len())
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_find_what_one_at_a_time_finds(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(0x20), Just(0xa2)], 0..40)
        ) {
            let one_by_one = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            prop_assert_eq!(plain_len(&bytes), one_by_one.unwrap_or(bytes.len()));
        }
    }
}
