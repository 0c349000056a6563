//! The words in which databases differ: [`Dialect`].

/// The SQL of one database, where it differs from that of another.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Dialect {
    /// The type of a column of 64-bit integers.
    pub(in super::super) integer: &'static str,
    /// The type of a column of bytes.
    pub(in super::super) bytes: &'static str,
    /// The function that returns the least of its arguments.
    pub(in super::super) least: &'static str,
    /// The function that returns the greatest of its arguments.
    pub(in super::super) greatest: &'static str,
    /// What a `SELECT` ends with whose rows are to be deleted, so that several servers do not wait for each other.
    pub(in super::super) skip_locked: &'static str,
    /// What the definition of the table ends with.
    pub(in super::super) table_options: &'static str,
}
