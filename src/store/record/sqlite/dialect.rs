//! The SQL of SQLite: [`DIALECT`] and the table's definition.

use super::super::sql::Dialect;

/// The name of the table unless another is chosen.
pub(super) const TABLE: &str = "cloakroom_sessions";

/// How SQLite says what databases say differently.
pub(super) const DIALECT: Dialect = Dialect {
    integer: "INTEGER",
    bytes: "BLOB",
    least: "min",
    greatest: "max",
    // There is one writer at a time.
    skip_locked: "",
    table_options: " STRICT",
};

/// The definition of the table with its default name.
pub(super) const DEFINITION: &str = r#"CREATE TABLE IF NOT EXISTS "cloakroom_sessions" (
    id BLOB NOT NULL PRIMARY KEY,
    version BLOB,
    epoch INTEGER,
    subject BLOB,
    last_active INTEGER NOT NULL,
    idle INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    sweep_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by INTEGER,
    ends INTEGER NOT NULL,
    record BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS "cloakroom_sessions_subject" ON "cloakroom_sessions" (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS "cloakroom_sessions_sweep_at" ON "cloakroom_sessions" (sweep_at);
"#;

#[cfg(test)]
mod tests {
    use super::{super::super::sql::Table, *};

    #[test]
    fn the_published_definition_is_the_one_that_stores_use() {
        assert_eq!(Table::new(TABLE).unwrap().definition(&DIALECT), DEFINITION);
    }
}
