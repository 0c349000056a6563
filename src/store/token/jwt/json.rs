//! Strict JSON, on top of `serde_json`.
//!
//! The header of a token is read before anything is authenticated, so a text may be hostile. It has to be one object and
//! nothing else. The members of an object have distinct names, objects and arrays are nested at most [`MAX_DEPTH`] deep,
//! and a value of the wrong type, `null` included, is [`Malformed`] rather than absent.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use crate::{
    store::{Absence, Unopened},
    value::is_nested_at_most,
};

/// How deep a text may be nested. `serde_json` does not decode values that are nested deeper.
pub(super) const MAX_DEPTH: usize = 128;

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

/// Reads a text that is one object.
pub(super) fn from_str(text: &str) -> Result<Object<'_>, Malformed> {
    from_str_seed(PhantomData, text)
}

/// Reads a text that is one object into what `seed` makes of it.
pub(super) fn from_str_seed<'a, T: DeserializeSeed<'a>>(
    seed: T,
    text: &'a str,
) -> Result<T::Value, Malformed> {
    if !is_nested_at_most(MAX_DEPTH, text.as_bytes()) {
        return Err(Malformed);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).map_err(|_| Malformed)?;
    deserializer.end().map_err(|_| Malformed)?;
    Ok(value)
}

/// Reads a text that is one value, nested at most so deep. The white space around it is removed.
pub(super) fn value(text: &[u8], deepest: usize) -> Option<&RawValue> {
    if !is_nested_at_most(deepest, text) {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// A string, borrowed from the text that contains it unless it is written with escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Reads an optional member that may be absent, but not `null`.
pub(super) fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What is read from an object and from nothing else. A derived type alone would be read from an array, too.
#[derive(Debug)]
pub(super) struct OfObject<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OfObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// Up to this many members have room from the start, and are compared with each other without being sorted.
const FEW_MEMBERS: usize = 16;

/// The members of an object in the order of its text, each value as its text.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Adds a member. Whether its name is [distinct](Self::distinct) remains to be checked.
    pub(super) fn push(&mut self, name: Text<'a>, value: &'a RawValue) {
        self.0.push((name, value));
    }

    /// The object, if no two members have the same name.
    pub(super) fn distinct(self) -> Result<Self, Malformed> {
        if self.has_doubled_name() { Err(Malformed) } else { Ok(self) }
    }

    fn has_doubled_name(&self) -> bool {
        let names = self.0.iter().map(|(name, _)| &**name);
        if self.0.len() <= FEW_MEMBERS {
            return names
                .clone()
                .enumerate()
                .any(|(at, name)| names.clone().take(at).any(|known| known == name));
        }
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Names and values in the order of the text.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> + Clone {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// The value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| *value)
    }

    /// The value of this name, if there is one.
    pub(super) fn optional<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Malformed> {
        self.get(name).map(T::deserialize).transpose().map_err(|_| Malformed)
    }

    /// The value of this name, which has to be there.
    pub(super) fn required<T: Deserialize<'a>>(&self, name: &str) -> Result<T, Malformed> {
        self.optional(name)?.ok_or(Malformed)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose members have distinct names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object<'de>, A::Error> {
                let mut object = Object(Vec::with_capacity(FEW_MEMBERS));
                while let Some((name, value)) = members.next_entry()? {
                    object.push(name, value);
                }
                object.distinct().map_err(|Malformed| A::Error::custom("two members have the same name"))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries())
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
        let object = from_str(text).ok()?;
        Some(object.entries().map(|(name, _)| name.to_owned()).collect())
    }

    #[test]
    fn an_object_is_read_with_its_values_as_they_stand() {
        let object = from_str(" {\"a\" : [1, 2] ,\"b\\n\":\"\\u0041\",\"c\":{}}\r\n").unwrap();
        assert_eq!(object.get("a").map(RawValue::get), Some("[1, 2]"));
        assert_eq!(object.get("b\n").map(RawValue::get), Some("\"\\u0041\""));
        assert_eq!(object.required("b\n"), Ok(Text::from("A")));
        assert_eq!(object.entries().count(), 3);
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
    fn a_name_that_comes_twice_is_found_among_any_number() {
        let members: Vec<_> = (0..3 * FEW_MEMBERS).map(|n| format!("\"{n}\":{n}")).collect();
        for count in 1..members.len() {
            let text = members[..count].join(",");
            let all = format!("{{{text}}}");
            let object = from_str(&all).unwrap();
            assert!((0..members.len()).all(|n| object.get(&n.to_string()).is_some() == (n < count)));
            for member in &members[..count] {
                assert_eq!(names(&format!("{{{text},{member}}}")), None, "{member} of {count}");
            }
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_not_absent() {
        let object = from_str(r#"{"n":1,"t":"1","f":1.5,"neg":-1,"null":null,"b":true}"#).unwrap();
        assert_eq!(object.optional::<u64>("n"), Ok(Some(1)));
        assert_eq!(object.optional::<u64>("none"), Ok(None));
        assert_eq!(object.required::<u64>("none"), Err(Malformed));
        assert_eq!(object.required::<bool>("b"), Ok(true));
        for name in ["t", "f", "neg", "null", "b"] {
            assert_eq!(object.optional::<u64>(name), Err(Malformed), "{name}");
        }
        for name in ["n", "f", "null", "b"] {
            assert_eq!(object.optional::<Text<'_>>(name), Err(Malformed), "{name}");
        }
    }

    #[test]
    fn a_string_is_borrowed_unless_it_has_escapes() {
        let object = from_str(r#"{"plain":"a","escaped":"\u0061"}"#).unwrap();
        for (name, borrowed) in [("plain", true), ("escaped", false)] {
            let text = object.required::<Text<'_>>(name).unwrap();
            assert_eq!((&*text, matches!(text.0, Cow::Borrowed(_))), ("a", borrowed));
        }
    }

    #[test]
    fn what_is_read_from_an_object_is_read_from_no_array() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Point {
            x: u8,
        }
        let point = |text| serde_json::from_str(text).ok().map(|OfObject(point)| point);
        assert_eq!(point(r#"{"x":1}"#), Some(Point { x: 1 }));
        assert_eq!(point("[1]"), None);
        assert!(serde_json::from_str::<Point>("[1]").is_ok(), "a derived type is read from both");
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(from_str(&nested(MAX_DEPTH)).is_ok());
        assert!(from_str(&nested(MAX_DEPTH + 1)).is_err());
        assert!(from_str(&"[".repeat(100_000)).is_err());
        let brackets = "[{".repeat(1000);
        for text in [format!("{{\"a\":\"\\\"{brackets}\\\\\"}}"), format!("{{\"{brackets}\":1}}")] {
            assert!(from_str(&text).is_ok(), "{text}");
        }
        let flat = "[],".repeat(1000);
        assert!(value(format!("[{flat}1]").as_bytes(), 2).is_some());
        assert!(value(format!("[{flat}1]").as_bytes(), 1).is_none());
    }

    /// A value whose strings have brackets, quotes and backslashes.
    #[derive(Debug, Clone)]
    struct Nested(serde_json::Value);

    impl Arbitrary for Nested {
        fn arbitrary(g: &mut Gen) -> Self {
            Self(any_value(6, g))
        }
    }

    fn any_value(most: usize, g: &mut Gen) -> serde_json::Value {
        match below(if most == 0 { 1 } else { 4 }, g) {
            0 => word("[]{}\"\\a", 6, g).into(),
            1 => serde_json::json!({ word("[{\"\\", 3, g): any_value(most - 1, g) }),
            _ => (0..below(3, g)).map(|_| any_value(most - 1, g)).collect(),
        }
    }

    fn depth_of(value: &serde_json::Value) -> usize {
        let deepest = |depths: &mut dyn Iterator<Item = usize>| 1 + depths.max().unwrap_or(0);
        match value {
            serde_json::Value::Array(values) => deepest(&mut values.iter().map(depth_of)),
            serde_json::Value::Object(members) => deepest(&mut members.values().map(depth_of)),
            _ => 0,
        }
    }

    #[test]
    fn depth_is_that_of_the_decoded_value() {
        fn holds(Nested(value): Nested) {
            let (text, depth) = (value.to_string(), depth_of(&value));
            assert!(is_nested_at_most(depth, text.as_bytes()));
            assert!(depth == 0 || !is_nested_at_most(depth - 1, text.as_bytes()));
        }
        check(holds as fn(Nested));
    }

    #[test]
    fn what_is_written_is_read_again() {
        fn holds(entries: BTreeMap<String, String>) {
            let text = serde_json::to_string(&entries).unwrap();
            let object = from_str(&text).unwrap();
            assert_eq!(object.entries().count(), entries.len());
            for (name, value) in &entries {
                assert_eq!(object.required(name), Ok(Text::from(&**value)));
            }
            assert_eq!(serde_json::to_value(&object).unwrap(), serde_json::to_value(&entries).unwrap());
        }
        check(holds as fn(BTreeMap<String, String>));
    }

    #[test]
    fn an_object_is_one_of_serde_json_with_distinct_names() {
        fn holds(Nearly(text): Nearly) {
            let theirs = serde_json::from_str::<BTreeMap<String, &RawValue>>(&text).ok();
            match (from_str(&text), theirs) {
                (Ok(ours), Some(theirs)) => {
                    assert_eq!(ours.entries().count(), theirs.len());
                    assert!(ours.entries().all(|(name, value)| theirs[name].get() == value.get()));
                }
                (Ok(_), None) => panic!("{text} is no object"),
                (Err(_), _) => {}
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
