//! Sessions in a table: what SQL databases have in common.
//!
//! | module | holds |
//! | --- | --- |
//! | `value` | [`Value`]: what statements take and return |
//! | `dialect` | [`Dialect`]: the words in which databases differ |
//! | `table` | [`Table`]: the table's name and its definition |
//! | `statement` | [`Statement`]: the statements, written once for all databases |
//! | `row` | rows to [`Stored`](crate::store::Stored) and back |
//! | `database` | [`Database`]: what runs a statement |
//! | `backend` | [`SqlBackend`]: the record backend over any of them |
//!
//! # One table
//! A row is a session or its tombstone. The index by subject is an index of the table, so it always agrees with the records.
//! What statements compare are columns; the rest is the encoded record, in which only the last-activity time may be older than
//! in its column. Values are integers, times in milliseconds, and bytes.
//!
//! # One statement
//! Each write is one statement, which the database executes atomically: nothing is locked from one round trip to the next. Only
//! a write that is refused is followed by another one, which reads what is stored instead.

mod backend;
mod database;
mod dialect;
mod row;
mod statement;
mod table;
mod value;

pub use self::table::InvalidTableName;
pub(super) use self::{
    backend::SqlBackend,
    database::{Database, Outcome, Row},
    dialect::Dialect,
    statement::{Statement, Statements},
    table::Table,
    value::Value,
};
