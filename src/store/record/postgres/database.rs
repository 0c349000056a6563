//! What the shared statements run on: [`PostgresDatabase`].

use std::sync::Arc;

use super::{
    super::sql::{Database, Dialect, Outcome, Statement, Table, Value},
    client::Client,
    trigger,
};
use crate::{
    error::StoreError,
    id::SessionId,
    store::{Guarantees, Index, Revocation, Scope, StoreContext, TokenForm, Updates},
    time::{Deadline, Timestamp},
};

/// The largest session data that is stored, in bytes.
const MAX_DATA: usize = 4 << 20;

/// Only one node at a time creates tables: `IF NOT EXISTS` alone does not keep two from doing so at the same moment. The number is
/// any that others are unlikely to lock.
const CREATION: &str = "SELECT pg_advisory_xact_lock(7165120961524353139);";

/// What PostgreSQL says in its own words. A fifth of each page is left free, so that a new version of a row fits beside the old one.
pub(super) const DIALECT: Dialect = Dialect {
    integer: "bigint",
    bytes: "bytea",
    least: "least",
    greatest: "greatest",
    skip_locked: "FOR UPDATE SKIP LOCKED",
    table_options: " WITH (fillfactor = 80)",
};

/// A database of PostgreSQL, and the table in it.
#[derive(Debug, Clone)]
pub(in super::super) struct PostgresDatabase {
    pub(super) table: Table,
    pub(super) client: Arc<Client>,
    /// Whether the table gets the trigger when it is created.
    pub(super) announces: bool,
}

/// The statements that create both tables, in the same way.
pub(super) fn all_tables(table: &Table, announces: bool) -> String {
    creation(table, announces) + &table.revocations_definition(&DIALECT)
}

/// The statements that create the table of the log of revocations, in the same way.
fn revocations_creation(table: &Table) -> String {
    format!("{CREATION}\n{}", table.revocations_definition(&DIALECT))
}

/// The statements that create the table, as one text, and so as one transaction.
fn creation(table: &Table, announces: bool) -> String {
    let announcements = if announces { trigger::definition(table) } else { String::new() };
    format!("{CREATION}\n{}{announcements}", table.definition(&DIALECT))
}

impl PostgresDatabase {
    pub(super) fn table_definition(&self) -> String {
        self.table.definition(&DIALECT)
    }

    pub(super) fn announcements_definition(&self) -> String {
        trigger::definition(&self.table)
    }

    pub(super) async fn create_table(&self, deadline: Deadline) -> Result<(), StoreError> {
        let creation = creation(&self.table, self.announces);
        self.client.run_script(&creation, StoreContext::new(Timestamp::MIN, deadline)).await
    }

    pub(super) fn revocations_definition(&self) -> String {
        self.table.revocations_definition(&DIALECT)
    }

    pub(super) async fn create_revocations(&self, deadline: Deadline) -> Result<(), StoreError> {
        let cx = StoreContext::new(Timestamp::MIN, deadline);
        self.client.run_script(&revocations_creation(&self.table), cx).await
    }

    /// Reads what is stored under an ID that no session has, even while the circuit breaker is open.
    pub(super) async fn ping(&self, cx: StoreContext) -> Result<(), StoreError> {
        let unknown = SessionId::from_bytes([0; 16]).as_bytes()[..].into();
        self.client.probe(Statement::Read, &[unknown], cx).await.map(drop)
    }
}

impl Database for PostgresDatabase {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new("postgres", TokenForm::Reference)
            .revocation(Revocation::AtOnce)
            .survives_restart(true)
            .scope(Scope::AllNodes)
            .updates(Updates::NeverLost)
            .index(Index::AllNodes)
            .max_data(Some(MAX_DATA))
    }

    async fn run(
        &self,
        statement: Statement,
        arguments: Vec<Value>,
        cx: StoreContext,
    ) -> Result<Outcome, StoreError> {
        self.client.call(statement, &arguments, cx).await
    }
}
