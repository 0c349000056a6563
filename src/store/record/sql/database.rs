//! What runs a statement: [`Database`].

use std::fmt;

use super::{Statement, Value};
use crate::{
    error::StoreError,
    store::{Guarantees, StoreContext},
};

/// A row that a statement returned.
pub(in super::super) type Row = Vec<Value>;

/// What runs statements: all that SQL databases differ in.
pub(in super::super) trait Database: fmt::Debug + Send + Sync + 'static {
    /// What a store in this database guarantees.
    fn guarantees(&self) -> Guarantees;

    /// Runs a statement in a transaction of its own and returns its rows. The caller stops waiting at the deadline.
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
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
}
