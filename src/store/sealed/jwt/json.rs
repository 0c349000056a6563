//! Strict JSON, read without copying and without recursion, and the writer of it.
//!
//! What is read may be hostile: a header is read before anything is authenticated. A text is one object and nothing else,
//! its members have distinct names, it is nested at most [`MAX_DEPTH`] deep, and a value of another type than the one
//! asked for is [`Malformed`], never absent.

use std::{borrow::Cow, fmt::Write as _};

use memchr::memchr2;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{store::Absence, time::Timestamp};

/// How deep a text may be nested. A value that lies deeper could not be decoded anyway: `serde_json` stops there.
pub(super) const MAX_DEPTH: usize = 128;

/// A text is not what it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<Malformed> for Absence {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The members of an object: distinct names, and the texts of their values.
#[derive(Debug)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Object<'a> {
    /// Reads a text of unknown depth.
    pub(super) fn parse(text: &'a str) -> Result<Self, Malformed> {
        if is_shallow(text) { Self::parse_shallow(text) } else { Err(Malformed) }
    }

    /// Reads the text of a member of an object that was parsed.
    fn parse_shallow(text: &'a str) -> Result<Self, Malformed> {
        let object: Self = serde_json::from_str(text).map_err(|_| Malformed)?;
        if object.has_duplicates() { Err(Malformed) } else { Ok(object) }
    }

    fn has_duplicates(&self) -> bool {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Names and values, in the order of the text.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// The text of the value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
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

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            members.push((name, value.get()));
        }
        Ok(Object(members))
    }
}

/// The name of a member, borrowed from the text unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        Cow::read(text).map(Self).ok_or_else(|| D::Error::custom("not a name"))
    }
}

/// A value of one type, read from the text of a valid JSON value. `None` if it is of another type.
pub(super) trait Value<'a>: Sized {
    fn read(text: &'a str) -> Option<Self>;
}

impl<'a> Value<'a> for Cow<'a, str> {
    fn read(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            serde_json::from_str(text).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }
}

impl<'a> Value<'a> for Object<'a> {
    fn read(text: &'a str) -> Option<Self> {
        Self::parse_shallow(text).ok()
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

/// Whether a text is nested at most [`MAX_DEPTH`] deep. Texts that are no JSON may be told either.
pub(super) fn is_shallow(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let mut depth = 0usize;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = after_string(after),
            b'{' | b'[' if depth == MAX_DEPTH => return false,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// What follows a string that has begun.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        if rest[at] == b'"' {
            return &rest[at + 1..];
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// The text, if it is one JSON value; the white space around it goes.
pub(super) fn value(text: &[u8]) -> Option<&str> {
    serde_json::from_slice::<&RawValue>(text).ok().map(RawValue::get)
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
        for letter in text.chars() {
            match letter {
                '"' | '\\' => self.0.extend(['\\', letter]),
                '\0'..='\x1f' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(letter));
                }
                _ => self.0.push(letter),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Object::parse(&nested(MAX_DEPTH)).is_ok());
        assert!(Object::parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(Object::parse(&"[".repeat(100_000)).is_err());
        let string = format!("{{\"a\":\"\\\"{}\\\\\"}}", "[".repeat(1000));
        assert!(Object::parse(&string).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(entries in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..8)) {
            let mut writer = Writer::default();
            writer.open();
            entries.iter().for_each(|(name, value)| writer.text(name, value));
            writer.close();
            let text = writer.finish();
            let object = Object::parse(&text).unwrap();
            prop_assert_eq!(object.len(), entries.len());
            for (name, value) in &entries {
                prop_assert_eq!(&object.required::<Cow<'_, str>>(name).unwrap(), value);
            }
        }

        #[test]
        fn hostile_texts_never_panic(text: String, json in "[\\[\\]{}\",:\\\\a0-9 ]{0,40}") {
            for text in [text, json] {
                let strict = Object::parse(&text).is_ok();
                prop_assert!(!strict || serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }
    }
}
