//! The table's name and its definition: [`Table`].

use std::fmt;

use thiserror::Error;

use super::Dialect;

/// The longest name of which the names of indexes can be made: PostgreSQL cuts off what is longer than 63 bytes.
const MAX_NAME: usize = 48;

/// A table, perhaps in a schema.
#[derive(Debug, Clone)]
pub(in super::super) struct Table {
    schema: Option<String>,
    name: String,
}

/// A name that no table of sessions can have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a table of sessions has a name of at most {MAX_NAME} ASCII letters, digits and underscores that does not begin with a digit, \
     perhaps behind that of a schema and a dot"
)]
pub struct InvalidTableName(());

impl Table {
    /// A table by its name, like `sessions` or `app.sessions`.
    ///
    /// # Errors
    /// When it contains anything but ASCII letters, digits and underscores, or is too long.
    pub(in super::super) fn new(name: &str) -> Result<Self, InvalidTableName> {
        let (schema, name) = match name.split_once('.') {
            Some((schema, name)) => (Some(identifier(schema)?), name),
            None => (None, name),
        };
        Ok(Self { schema, name: identifier(name)? })
    }

    /// The table, if its name is a single word.
    ///
    /// # Errors
    /// When it names a schema.
    #[cfg(feature = "sqlite")]
    pub(in super::super) fn without_schema(self) -> Result<Self, InvalidTableName> {
        if self.schema.is_none() { Ok(self) } else { Err(InvalidTableName(())) }
    }

    /// A table by a name that this crate gives it.
    pub(in super::super) fn named(name: &'static str) -> Self {
        Self { schema: None, name: name.to_owned() }
    }

    /// The table of the log of revocations.
    pub(super) fn revocations(&self) -> Self {
        Self { schema: self.schema.clone(), name: format!("{}_revocations", self.name) }
    }

    /// The statement that creates the table of the log of revocations where it does not exist yet.
    #[cfg(feature = "postgres")]
    pub(in super::super) fn revocations_definition(&self, dialect: &Dialect) -> String {
        let Dialect { integer, bytes, .. } = dialect;
        format!(
            "CREATE TABLE IF NOT EXISTS {log} (
    number {integer} NOT NULL PRIMARY KEY,
    last_number {integer},
    keep_until {integer},
    entry {bytes}
);
",
            log = self.revocations()
        )
    }

    /// The name without the schema.
    #[cfg(feature = "postgres")]
    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    /// The name of something else in the same schema, quoted.
    #[cfg(feature = "postgres")]
    pub(in super::super) fn beside(&self, name: &str) -> String {
        Self { schema: self.schema.clone(), name: name.to_owned() }.to_string()
    }

    /// The statements that create the table and its indexes where they do not exist yet.
    pub(in super::super) fn definition(&self, dialect: &Dialect) -> String {
        let Dialect { integer, bytes, table_options, .. } = dialect;
        let name = &self.name;
        format!(
            r#"CREATE TABLE IF NOT EXISTS {self} (
    id {bytes} NOT NULL PRIMARY KEY,
    version {bytes},
    epoch {integer},
    subject {bytes},
    last_active {integer} NOT NULL,
    idle {integer} NOT NULL,
    deadline {integer} NOT NULL,
    sweep_at {integer} NOT NULL,
    ended_at {integer},
    ended_by {integer},
    ends {integer} NOT NULL,
    record {bytes} NOT NULL
){table_options};
CREATE INDEX IF NOT EXISTS "{name}_subject" ON {self} (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS "{name}_sweep_at" ON {self} (sweep_at);
"#
        )
    }
}

/// As statements contain it, quoted.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "\"{schema}\".")?;
        }
        write!(f, "\"{}\"", self.name)
    }
}

fn identifier(name: &str) -> Result<String, InvalidTableName> {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if is_word && begins && name.len() <= MAX_NAME { Ok(name.to_owned()) } else { Err(InvalidTableName(())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_or_two() {
        for (name, quoted) in [("sessions", "\"sessions\""), ("app.s_1", "\"app\".\"s_1\"")] {
            assert_eq!(Table::new(name).unwrap().to_string(), quoted);
        }
        for name in ["", ".", "a.", ".a", "a.b.c", "1a", "a b", "a\"b", "ä", &"a".repeat(49)] {
            assert!(Table::new(name).is_err(), "{name}");
        }
    }
}
