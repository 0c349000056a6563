//! Options as configuration files and URLs contain them: how they are read, and what is wrong with them.
//!
//! Each store has a struct of its options beside it, which derives `Deserialize`. [`Options`] deserializes into it from text
//! as well as from typed values, because the query of a URL knows nothing but text.

use std::{collections::BTreeMap, env, fmt, fs, path::PathBuf, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor,
        value::{SeqDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};
use zeroize::Zeroizing;

/// A configuration is wrong, or something that it refers to is missing.
///
/// The message names the option and what is allowed there, and quotes no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(option: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{option}: {problem}"))
    }

    /// The same error about an option of a nested table or store.
    pub(crate) fn within(self, outer: &str) -> Self {
        Self(format!("{outer}: {}", self.0))
    }
}

impl Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Options by name, each as its file or URL has it.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Options(BTreeMap<String, Value>);

/// The value of an option.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Self>),
    Table(Options),
}

impl Options {
    pub(crate) fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), Value::Text(value.into()));
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Removes those of the options that have one of these names.
    pub(crate) fn take(&mut self, names: &[&str]) -> Self {
        Self(names.iter().filter_map(|name| self.0.remove_entry(*name)).collect())
    }

    pub(crate) fn remove_text(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Adds options, which count more than those of the same name that are there.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

impl<'de> Deserializer<'de> for Options {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_map(Access { options: self.0.into_iter(), current: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Names the option whose value is wrong.
struct Access {
    options: std::collections::btree_map::IntoIter<String, Value>,
    current: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Access {
    type Error = ConfigError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ConfigError> {
        self.current = self.options.next();
        let Some((name, _)) = &self.current else { return Ok(None) };
        let name: StringDeserializer<ConfigError> = name.clone().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ConfigError> {
        let (name, value) =
            self.current.take().ok_or_else(|| ConfigError::custom("a value without a name"))?;
        seed.deserialize(value).map_err(|error| error.within(&name))
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self {
            Self::Flag(flag) => visitor.visit_bool(flag),
            Self::Number(number) => visitor.visit_u64(number),
            Self::Text(text) => visitor.visit_string(text),
            Self::List(values) => visitor.visit_seq(SeqDeserializer::new(values.into_iter())),
            Self::Table(options) => options.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self {
            Self::Text(text) => match text.as_str() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                _ => Err(ConfigError::custom("expected true or false")),
            },
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self {
            Self::Text(text) => match text.parse() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => Err(ConfigError::custom("expected a whole number")),
            },
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self {
            Self::Text(text) => visitor.visit_enum(text.into_deserializer()),
            value => value.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl IntoDeserializer<'_, ConfigError> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A duration such as `90s`, `30m`, `12h` or `7d`.
#[derive(Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = || D::Error::custom("expected a duration such as 90s, 30m, 12h or 7d");
        let text = String::deserialize(deserializer).map_err(|_| expected())?;
        humantime::parse_duration(&text).map(Self).map_err(|_| expected())
    }
}

/// Reads an optional duration; for `#[serde(deserialize_with)]`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<Span>::deserialize(deserializer)?.map(|span| span.0))
}

/// As [`duration`], but longer than nothing: a duration of zero would switch off what it limits.
pub(crate) fn positive_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    match duration(deserializer)? {
        Some(Duration::ZERO) => {
            Err(D::Error::custom("expected a duration longer than zero, such as 90s or 30m"))
        }
        duration => Ok(duration),
    }
}

/// Reads an optional number of at least one; for `#[serde(deserialize_with)]`.
pub(crate) fn positive_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    match Option::<usize>::deserialize(deserializer)? {
        Some(0) => Err(D::Error::custom("expected at least 1")),
        number => Ok(number),
    }
}

/// The secret that the options `<name>_env` and `<name>_file` refer to, if one of them is given.
pub(crate) fn secret(
    name: &str,
    variable: Option<&String>,
    file: Option<&PathBuf>,
) -> Result<Option<Zeroizing<String>>, ConfigError> {
    match (variable, file) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ConfigError::new(
            &format!("{name}_env"),
            format!("{name}_file is given, too; keep one of them"),
        )),
        (Some(variable), None) => {
            env::var(variable).map(|secret| Some(Zeroizing::new(secret))).map_err(|_| {
                ConfigError::new(
                    &format!("{name}_env"),
                    format!("the environment variable {variable} is not set"),
                )
            })
        }
        (None, Some(path)) => read(&format!("{name}_file"), path).and_then(|bytes| {
            let text = String::from_utf8(bytes)
                .map_err(|_| ConfigError::new(&format!("{name}_file"), "the file is not UTF-8"))?;
            Ok(Some(Zeroizing::new(text)))
        }),
    }
}

/// The contents of a file that an option names.
pub(crate) fn read(option: &str, path: &PathBuf) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|error| {
        ConfigError::new(option, format!("the file {} cannot be read: {error}", path.display()))
    })
}

/// The key ring that `keys_env` or `keys_file` refers to, or a new one if `keys` is `generate`.
#[cfg(feature = "sealed")]
pub(crate) fn key_ring(
    keys: Option<&String>,
    variable: Option<&String>,
    file: Option<&PathBuf>,
) -> Result<crate::keyring::KeyRing, ConfigError> {
    use crate::keyring::{KeyRing, SecretKey};

    if let Some(text) = secret("keys", variable, file)? {
        return KeyRing::parse(&text).map_err(|error| ConfigError::new("keys", error));
    }
    match keys.map(String::as_str) {
        Some("generate") => {
            SecretKey::generate().map(KeyRing::new).map_err(|error| ConfigError::new("keys", error))
        }
        // It may be a key, which must not be quoted.
        Some(_) => Err(ConfigError::new(
            "keys",
            "the only value allowed is \"generate\"; refer to a key with keys_env=VARIABLE or keys_file=PATH",
        )),
        None => Err(ConfigError::new(
            "keys",
            "missing; refer to the keys with keys_env=VARIABLE or keys_file=PATH, or use keys=generate for a key that lasts \
             as long as this process",
        )),
    }
}
