//! What runs a statement: [`Database`].

use std::fmt;

use super::{Statement, Value};
use crate::{
    error::StoreError,
    store::{Guarantees, StoreContext},
};

/// A row that a statement returned.
pub(in super::super) type Row = Vec<Value>;

/// What came of a statement.
#[derive(Debug)]
pub(in super::super) struct Outcome {
    pub(in super::super) rows: Vec<Row>,
    /// Whether it was sent more than once, so that an earlier attempt may have been the one that wrote.
    pub(in super::super) is_repeated: bool,
}

/// What runs statements: all that SQL databases differ in.
pub(in super::super) trait Database: fmt::Debug + Send + Sync + 'static {
    /// What a store in this database guarantees.
    fn guarantees(&self) -> Guarantees;

    /// Runs a statement in a transaction of its own. The caller stops waiting at the deadline.
    ///
    /// A statement that was not executed for a passing reason, like a deadlock, is run again. One that may have been executed is run
    /// again at most once: each may be run twice.
    ///
    /// # Errors
    /// When it is not known to have been executed.
    fn run(
        &self,
        statement: Statement,
        arguments: Vec<Value>,
        cx: StoreContext,
    ) -> impl Future<Output = Result<Outcome, StoreError>> + Send;
}
