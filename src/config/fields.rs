//! Single values, and what is wrong with them: which field it is, and what may stand there.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Deserialize;

/// A configuration is wrong, or what it refers to is not there. It says which field and what may stand there, and quotes
/// no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn of(field: &str, what: impl fmt::Display) -> Self {
        Self(format!("{field}: {what}"))
    }

    /// The same about a field of a table or of a URL.
    pub(super) fn within(self, table: &str) -> Self {
        Self(format!("{table}: {}", self.0))
    }
}

/// A value as a file or a URL has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Number(u64),
    Flag(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

impl Scalar {
    pub(super) fn duration(&self, field: &str) -> Result<Duration, ConfigError> {
        humantime::parse_duration(&self.to_string()).map_err(|_| {
            ConfigError::of(field, format!("\"{self}\" is no duration; write it like 90s, 30m, 12h or 7d"))
        })
    }

    pub(super) fn number(&self, field: &str) -> Result<usize, ConfigError> {
        let number = self.to_string().parse();
        number.map_err(|_| ConfigError::of(field, format!("\"{self}\" is no whole number")))
    }

    pub(super) fn choice<T: Copy>(&self, field: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.to_string();
        choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
            ConfigError::of(
                field,
                format!("\"{text}\" is not among {}", names(choices.iter().map(|(name, _)| *name))),
            )
        })
    }

    pub(super) fn text(&self, _: &str) -> Result<String, ConfigError> {
        Ok(self.to_string())
    }

    pub(super) fn flag(&self, field: &str) -> Result<bool, ConfigError> {
        self.choice(field, &[("true", true), ("false", false)])
    }
}

/// Names for people to choose from.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Refuses options that a store does not have.
pub(super) fn check<'a>(
    mut options: impl Iterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), ConfigError> {
    match options.find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let known = names(known.iter().copied());
            Err(ConfigError::of(name, format!("there is no such option here; there are {known}")))
        }
    }
}

/// The options of one store, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(pub(super) BTreeMap<String, Scalar>);

impl Fields {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(Scalar::to_string)
    }

    /// What one of the scalar's readers makes of an option, if it is there.
    pub(super) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Scalar, &str) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        self.0.get(name).map(|value| read(value, name)).transpose()
    }

    /// What `set` makes of `target` with an option, if it is there.
    pub(super) fn apply<S, T>(
        &self,
        target: S,
        name: &str,
        read: impl FnOnce(&Scalar, &str) -> Result<T, ConfigError>,
        set: impl FnOnce(S, T) -> S,
    ) -> Result<S, ConfigError> {
        Ok(match self.read(name, read)? {
            Some(value) => set(target, value),
            None => target,
        })
    }
}

/// The names only: a value may be a URL with a password.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
