//! A log of revocations in PostgreSQL: [`PostgresRevocationLog`].

use async_trait::async_trait;

use super::{
    super::sql::{Database as _, Outcome, Statement, Value},
    backend::PostgresStore,
    database::PostgresDatabase,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::{RevocationLog, RevocationPage, Revoked, Scope, StoreContext, next_sequence, within},
    time::Deadline,
};

/// A log of revocations in PostgreSQL, for a [`RevocableStore`](crate::store::RevocableStore).
///
/// It uses the connections of a [`PostgresStore`], and a small table of its own: that of the sessions with `_revocations` behind its name.
/// A read and an append are one statement each. An append takes its number from a row that it locks until it is committed, so
/// numbers grow in the order in which entries become visible.
///
/// ```
/// use cloakroom::{
///     SessionManager,
///     keyring::{KeyRing, SecretKey},
///     store::{EncryptedCookieStore, PostgresRevocationLog, PostgresStore, RevocableStore},
/// };
///
/// let postgres = PostgresStore::from_url("postgres://app@127.0.0.1/shop")?;
/// let keys = KeyRing::new(SecretKey::generate()?);
/// let log = PostgresRevocationLog::of(&postgres);
/// let store = RevocableStore::new(EncryptedCookieStore::new(&keys), log)?;
/// let sessions = SessionManager::new(store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PostgresRevocationLog(PostgresDatabase);

impl PostgresRevocationLog {
    /// The log beside the sessions of a store. It is the same for every store with the same database and table.
    #[must_use]
    pub fn of(store: &PostgresStore) -> Self {
        Self(store.backend().0.database().clone())
    }

    /// The statements that create the table where it does not exist yet.
    ///
    /// ```
    /// use cloakroom::store::{PostgresRevocationLog, PostgresStore};
    ///
    /// let postgres = PostgresStore::from_url("postgres://app@127.0.0.1/shop")?;
    /// let definition = PostgresRevocationLog::of(&postgres).table_definition();
    /// assert!(definition.contains(r#"CREATE TABLE IF NOT EXISTS "cloakroom_sessions_revocations""#));
    /// # Ok::<(), cloakroom::store::InvalidPostgresUrl>(())
    /// ```
    #[must_use]
    pub fn table_definition(&self) -> String {
        self.0.revocations_definition()
    }

    /// Creates the table where it does not exist yet. Several servers may do so at once.
    ///
    /// # Errors
    /// When the database is not available, or the user may not create tables.
    pub async fn create_table(&self, deadline: Deadline) -> Result<(), StoreError> {
        self.0.create_revocations(deadline).await
    }

    async fn run(
        &self,
        statement: Statement,
        arguments: Vec<Value>,
        cx: StoreContext,
    ) -> Result<Outcome, StoreError> {
        within(cx.deadline, self.0.run(statement, arguments, cx)).await
    }
}

#[async_trait]
impl RevocationLog for PostgresRevocationLog {
    fn scope(&self) -> Scope {
        Scope::AllNodes
    }

    fn survives_restart(&self) -> bool {
        true
    }

    async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<u64, StoreError> {
        let arguments = vec![
            number(next_sequence(0, cx.now)),
            entry.keep_until.as_millis().into(),
            cx.now.as_millis().into(),
            entry.encode()[..].into(),
        ];
        let outcome = self.run(Statement::AppendRevocation, arguments, cx).await?;
        match outcome.rows.into_iter().flatten().next() {
            Some(Value::Integer(number)) => u64::try_from(number).map_err(|_| damaged()),
            _ => Err(damaged()),
        }
    }

    async fn read(&self, after: u64, cx: StoreContext) -> Result<RevocationPage, StoreError> {
        let rows = self.run(Statement::ReadRevocations, vec![number(after)], cx).await?.rows;
        let (mut entries, mut last) = (Vec::with_capacity(rows.len()), 0);
        for row in rows {
            let [Value::Integer(number), entry] = &row[..] else { return Err(damaged()) };
            let number = u64::try_from(*number).map_err(|_| damaged())?;
            match entry {
                Value::Bytes(bytes) => entries.push((number, Revoked::decode(bytes).ok_or_else(damaged)?)),
                _ => last = number,
            }
        }
        entries.sort_unstable_by_key(|(number, _)| *number);
        let is_last = entries.last().is_none_or(|(number, _)| *number == last);
        let read_to = entries.last().map_or(last, |(number, _)| *number);
        Ok(RevocationPage { entries, read_to, is_last })
    }
}

/// A number as the database keeps it; none is as large as that cannot be.
fn number(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

fn damaged() -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        "the log of revocations holds what is no entry, or one of a newer version",
    )
}
