//! Strict JSON: objects, and values of known types; and the writer of it.
//!
//! What is read may be hostile: a header is read before anything is authenticated. A text is one object and nothing else,
//! its members have distinct names, it is nested at most [`MAX_DEPTH`] deep, and a value of another type than the one
//! asked for is [`Malformed`], never absent.

use std::{borrow::Cow, fmt::Write as _};

pub(super) use super::scan::MAX_DEPTH;
use super::scan::Scanner;
use crate::{
    store::{Absence, Unopened},
    time::Timestamp,
};

/// A text is not what it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<Malformed> for Unopened {
    fn from(malformed: Malformed) -> Self {
        Self::Absent(malformed.into())
    }
}

impl From<Malformed> for Absence {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// So many members have room from the start, and are compared one by one.
const USUAL_MEMBERS: usize = 16;

/// The members of an object, with distinct names.
#[derive(Debug)]
pub(super) struct Object<'a> {
    members: Vec<(Cow<'a, str>, Member<'a>)>,
    /// Those of all names. Most names that are looked for and not there have another, and nothing has to be compared.
    marks: u64,
}

#[derive(Debug)]
enum Member<'a> {
    /// The text of a value.
    Text(&'a str),
    /// An object that was asked for.
    Object(Object<'a>),
}

impl<'a> Object<'a> {
    /// Reads a text.
    pub(super) fn parse(text: &'a str) -> Result<Self, Malformed> {
        Self::parse_along(text, &[])
    }

    /// Reads a text and, in the same go, the object in its member that the path names first, and so on.
    pub(super) fn parse_along(text: &'a str, path: &[&str]) -> Result<Self, Malformed> {
        let mut scanner = Scanner::new(text);
        scanner.space();
        let object = Self::scan(&mut scanner, path, MAX_DEPTH - 1)?;
        scanner.end()?;
        Ok(object)
    }

    /// Reads the object that begins here; its values are nested at most so deep.
    fn scan(scanner: &mut Scanner<'a>, path: &[&str], deepest: u32) -> Result<Self, Malformed> {
        let mut object = Self { members: Vec::with_capacity(USUAL_MEMBERS), marks: 0 };
        scanner.take(b'{')?;
        scanner.space();
        if scanner.takes(b'}') {
            return Ok(object);
        }
        loop {
            let name = scanner.name()?;
            if object.len() < USUAL_MEMBERS && object.has(&name) {
                return Err(Malformed);
            }
            let value = match path {
                [first, rest @ ..] if *first == name && scanner.peek() == Some(b'{') => {
                    Member::Object(Self::scan(scanner, rest, deepest - 1)?)
                }
                _ => Member::Text(scanner.value(deepest)?),
            };
            object.marks |= mark(&name);
            object.members.push((name, value));
            scanner.space();
            match scanner.next() {
                Some(b',') => scanner.space(),
                Some(b'}') if !object.has_duplicates() => return Ok(object),
                _ => return Err(Malformed),
            }
        }
    }

    /// Whether two of many members have one name. Of few, each was compared as it came.
    fn has_duplicates(&self) -> bool {
        if self.len() <= USUAL_MEMBERS {
            return false;
        }
        let mut names: Vec<&str> = self.members.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Names and the texts of values, in the order of the text.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &'a str)> + Clone {
        self.members.iter().filter_map(|(name, member)| match member {
            Member::Text(text) => Some((&**name, *text)),
            Member::Object(_) => None,
        })
    }

    fn member(&self, name: &str) -> Option<&Member<'a>> {
        if self.marks & mark(name) == 0 {
            return None;
        }
        self.members.iter().find(|(known, _)| is_same(known, name)).map(|(_, member)| member)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// The text of the value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        match self.member(name)? {
            Member::Text(text) => Some(text),
            Member::Object(_) => None,
        }
    }

    /// The object of this name, which the path has named and which has to be there.
    pub(super) fn object(&self, name: &str) -> Result<&Self, Malformed> {
        match self.member(name) {
            Some(Member::Object(object)) => Ok(object),
            _ => Err(Malformed),
        }
    }

    /// The value of this name, if there is one.
    pub(super) fn optional<T: Value<'a>>(&self, name: &str) -> Result<Option<T>, Malformed> {
        self.get(name).map(|text| T::read(text).ok_or(Malformed)).transpose()
    }

    /// The value of this name, which has to be there.
    pub(super) fn required<T: Value<'a>>(&self, name: &str) -> Result<T, Malformed> {
        self.optional(name)?.ok_or(Malformed)
    }
}

/// One of 64 marks that a name has, from what differs soonest: its ends and its length. The names that the store itself writes
/// in one object all have different ones.
fn mark(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let number = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
    1 << ((4 * number(bytes.first()) + 3 * number(bytes.last()) + bytes.len()) % 64)
}

/// Whether two names are the same. Most differ in their first byte, and a comparison of texts is a call.
fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().first() == other.as_bytes().first() && one == other
}

/// A value of one type, read from the text of a valid JSON value. `None` if it is of another type.
pub(super) trait Value<'a>: Sized {
    fn read(text: &'a str) -> Option<Self>;
}

impl<'a> Value<'a> for Cow<'a, str> {
    fn read(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        if memchr::memchr(b'\\', inner.as_bytes()).is_some() {
            serde_json::from_str(text).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }
}

impl Value<'_> for Vec<String> {
    fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Value<'_> for bool {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Whole numbers, written as such.
macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl Value<'_> for $number {
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

whole_numbers!(u32, u64, i64);

/// A `NumericDate` of RFC 7519, section 2: seconds, possibly with a fraction. Dates beyond the ends of time are its ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds(pub(super) Timestamp);

impl Value<'_> for Seconds {
    fn read(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Self(Timestamp::from_millis(whole.saturating_mul(1000))));
        }
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let seconds: f64 = is_number.then(|| text.parse().ok()).flatten()?;
        #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer saturates")]
        Some(Self(Timestamp::from_millis((seconds * 1000.0) as i64)))
    }
}

/// The text, if it is one JSON value nested at most so deep; the white space around it goes.
pub(super) fn value(text: &[u8], deepest: u32) -> Option<&str> {
    let mut scanner = Scanner::new(std::str::from_utf8(text).ok()?);
    scanner.space();
    let value = scanner.value(deepest).ok()?;
    scanner.end().is_ok().then_some(value)
}

/// A JSON text in the making.
#[derive(Debug, Default)]
pub(super) struct Writer(String);

impl Writer {
    /// A writer that has room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// Begins an object.
    pub(super) fn open(&mut self) {
        self.0.push('{');
    }

    /// Ends the object that was begun last.
    pub(super) fn close(&mut self) {
        self.0.push('}');
    }

    /// A member's name; its value is written next.
    pub(super) fn name(&mut self, name: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.quoted(name);
        self.0.push(':');
    }

    /// A member whose value is this string.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quoted(value);
    }

    /// A member whose value is this number, or another text that is JSON already.
    pub(super) fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{value}");
    }

    /// A member whose value is a list of strings.
    pub(super) fn list<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) {
        self.name(name);
        self.0.push('[');
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            self.quoted(value);
        }
        self.0.push(']');
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        if text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
            text.chars().for_each(|letter| self.escaped(letter));
        } else {
            self.0.push_str(text);
        }
        self.0.push('"');
    }

    fn escaped(&mut self, letter: char) {
        match letter {
            '"' | '\\' => self.0.extend(['\\', letter]),
            '\0'..='\x1f' => {
                let _ = write!(self.0, "\\u{:04x}", u32::from(letter));
            }
            _ => self.0.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use quickcheck::{Arbitrary, Gen};
    use serde_json::value::RawValue;

    use super::*;
    use crate::testing::random::{below, check, one_of, word};

    fn names(text: &str) -> Option<Vec<String>> {
        let object = Object::parse(text).ok()?;
        Some(object.members().map(|(name, _)| name.to_owned()).collect())
    }

    #[test]
    fn an_object_is_read_with_its_values_as_they_stand() {
        let object = Object::parse(" {\"a\" : [1, 2] ,\"b\\n\":\"\\u0041\",\"c\":{}}\r\n").unwrap();
        assert_eq!(object.get("a"), Some("[1, 2]"));
        assert_eq!(object.get("b\n"), Some("\"\\u0041\""));
        assert_eq!(object.required::<Cow<'_, str>>("b\n").unwrap(), "A");
        assert_eq!(object.len(), 3);
    }

    #[test]
    fn a_path_leads_through_objects_in_the_same_go() {
        let text = r#"{"a":{"b":{"c":1,"c2":{}},"a":{"b":1}},"b":{"b":1}}"#;
        let object = Object::parse_along(text, &["a", "b"]).unwrap();
        let inner = object.object("a").unwrap();
        assert_eq!(inner.object("b").unwrap().members().collect::<Vec<_>>(), [("c", "1"), ("c2", "{}")]);
        assert_eq!(
            (object.get("a"), object.get("b"), inner.get("a")),
            (None, Some("{\"b\":1}"), Some("{\"b\":1}"))
        );
        assert_eq!(inner.object("a").err(), Some(Malformed), "it was not asked for");
        for bad in [
            r#"{"a":{"x":1,"x":1}}"#,
            r#"{"a":{"b":{"x":1,"x":1}}}"#,
            r#"{"a":{"b":{}}"#,
            r#"{"a":{},"a":1}"#,
        ] {
            assert!(Object::parse_along(bad, &["a", "b"]).is_err(), "{bad}");
        }
        let other = Object::parse_along(r#"{"a":[{}]}"#, &["a"]).unwrap();
        assert_eq!(other.object("a").err(), Some(Malformed));
    }

    #[test]
    fn what_is_not_exactly_one_object_is_refused() {
        for bad in [
            "",
            " ",
            "1",
            "null",
            "[]",
            "\"{}\"",
            "{} {}",
            "{}x",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{'a':1}",
            "{\"a\":01}",
        ] {
            assert_eq!(names(bad), None, "{bad}");
        }
        for bad in [
            "{\"a\":NaN}",
            "{\"a\":+1}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\x\"}",
            "{\"\\ud800\":1}",
            "{a:1}",
            "\u{feff}{}",
        ] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_however_it_is_spelled() {
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#, r#"{"":1,"":2}"#] {
            assert_eq!(names(bad), None, "{bad}");
        }
        assert!(names(r#"{"a":1,"A":1}"#).is_some());
    }

    #[test]
    fn names_of_one_mark_are_told_apart_and_one_that_comes_twice_is_found_among_many() {
        let members: Vec<_> = (0..3 * USUAL_MEMBERS).map(|n| format!("\"{n}\":{n}")).collect();
        for count in 1..members.len() {
            let text = members[..count].join(",");
            let all = format!("{{{text}}}");
            let object = Object::parse(&all).unwrap();
            assert!((0..members.len()).all(|n| object.get(&n.to_string()).is_some() == (n < count)));
            for member in &members[..count] {
                assert_eq!(names(&format!("{{{text},{member}}}")), None, "{member} of {count}");
            }
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_not_absent() {
        let object = Object::parse(r#"{"n":1,"t":"1","f":1.5,"neg":-1,"null":null,"b":true}"#).unwrap();
        assert_eq!(object.optional::<u64>("n"), Ok(Some(1)));
        assert_eq!(object.optional::<u64>("none"), Ok(None));
        assert_eq!(object.required::<u64>("none"), Err(Malformed));
        assert_eq!(object.required::<bool>("b"), Ok(true));
        for name in ["t", "f", "neg", "null", "b"] {
            assert_eq!(object.optional::<u64>(name), Err(Malformed), "{name}");
        }
        for name in ["n", "f", "null", "b"] {
            assert_eq!(object.optional::<Cow<'_, str>>(name), Err(Malformed), "{name}");
        }
    }

    #[test]
    fn dates_are_numbers_and_nothing_else() {
        let millis = |text| Seconds::read(text).map(|Seconds(at)| at.as_millis());
        assert_eq!(millis("1790000000"), Some(1_790_000_000_000));
        assert_eq!(millis("1790000000.5"), Some(1_790_000_000_500));
        assert_eq!(millis("1.79e9"), Some(1_790_000_000_000));
        assert_eq!(millis("-1"), Some(-1000));
        assert_eq!(millis("9223372036854775807"), Some(i64::MAX));
        assert_eq!(millis("1e400"), Some(i64::MAX));
        for bad in ["\"1790000000\"", "null", "true", "[1]", "{}"] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let deepest = MAX_DEPTH as usize;
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Object::parse(&nested(deepest)).is_ok());
        assert!(Object::parse(&nested(deepest + 1)).is_err());
        let within = |depth: usize| format!("{{\"a\":{}}}", nested(depth));
        assert!(Object::parse_along(&within(deepest - 1), &["a"]).is_ok());
        assert!(Object::parse_along(&within(deepest), &["a"]).is_err());
        assert!(Object::parse(&"[".repeat(100_000)).is_err());
        let string = format!("{{\"a\":\"\\\"{}\\\\\"}}", "[".repeat(1000));
        assert!(Object::parse(&string).is_ok());
    }

    #[test]
    fn what_is_written_is_read_again() {
        fn holds(entries: BTreeMap<String, String>) {
            let mut writer = Writer::default();
            writer.open();
            entries.iter().for_each(|(name, value)| writer.text(name, value));
            writer.close();
            let text = writer.finish();
            let object = Object::parse(&text).unwrap();
            assert_eq!(object.len(), entries.len());
            for (name, value) in &entries {
                assert_eq!(&object.required::<Cow<'_, str>>(name).unwrap(), value);
            }
        }
        check(holds as fn(BTreeMap<String, String>));
    }

    #[test]
    fn texts_are_read_as_serde_json_reads_them() {
        fn holds(Nearly(text): Nearly) {
            let ours = value(text.as_bytes(), MAX_DEPTH);
            let theirs = serde_json::from_str::<&RawValue>(&text).ok().map(RawValue::get);
            assert_eq!(ours, theirs);
            if let Ok(object) = Object::parse(&text) {
                let theirs: BTreeMap<String, &RawValue> = serde_json::from_str(&text).unwrap();
                assert_eq!(object.len(), theirs.len());
                assert!(object.members().all(|(name, _)| theirs.contains_key(name)));
            }
        }
        check(holds as fn(Nearly));
    }

    /// A text that is nearly JSON.
    #[derive(Debug, Clone)]
    struct Nearly(String);

    impl Arbitrary for Nearly {
        fn arbitrary(g: &mut Gen) -> Self {
            let inner: String = (0..below(6, g)).map(|_| piece(g)).collect();
            Self(if bool::arbitrary(g) { inner } else { format!("{{\"x\":[{inner}]}}") })
        }

        fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
            Box::new(self.0.shrink().map(Self))
        }
    }

    fn piece(g: &mut Gen) -> String {
        match below(6, g) {
            0 => one_of(&["[", "]", "{", "}", "\"", ",", ":", "\\", " ", "\n"], g).to_owned(),
            1 => number(g),
            2 => one_of(&["true", "false", "null", "tru", "nul"], g).to_owned(),
            3 => format!("\"{}\"", (0..below(5, g)).map(|_| letter(g)).collect::<String>()),
            4 => {
                let names = [one_of(&["a", "b"], g), one_of(&["a", "b"], g)];
                format!("{{\"{}\":{},\"{}\":[1,2]}}", names[0], one_of(&["1", "[]", "{}"], g), names[1])
            }
            _ => String::arbitrary(g),
        }
    }

    /// Something like `-12.5e+3`; each of its parts may be missing.
    fn number(g: &mut Gen) -> String {
        let mut text = word("-", 1, g) + &digits(g);
        if bool::arbitrary(g) {
            text = text + "." + &digits(g);
        }
        if bool::arbitrary(g) {
            text = text + one_of(&["e", "E"], g) + &word("+-", 1, g) + &digits(g);
        }
        text
    }

    fn digits(g: &mut Gen) -> String {
        word("0123456789", 2, g)
    }

    /// What may stand in a string, or nearly.
    fn letter(g: &mut Gen) -> String {
        match below(4, g) {
            0 => format!("\\u{}", (0..4).map(|_| one_of(&HEX, g)).collect::<String>()),
            1 => format!("\\{}", one_of(&['"', '\\', '/', 'b', 'f', 'n', 'r', 't', 'x'], g)),
            2 => char::from(b' ' + u8::arbitrary(g) % 95).to_string(),
            _ => char::arbitrary(g).to_string(),
        }
    }

    /// With the letter that begins a surrogate.
    const HEX: [char; 17] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'D'];
}
