//! The record backend over any SQL database: [`SqlBackend`].

use std::cmp::Reverse;

use async_trait::async_trait;
use futures_util::future::join;
use tracing::debug;

use super::{Database, Outcome, Statement, Value, row};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, Ended, Guarantees, RecordBackend, SessionIndex, SessionInfo, StoreContext, Stored, Swapped,
        Tombstone, Touched, within,
    },
};

/// How many rows each creation removes that count as nothing: more than it adds, so the table shrinks to what is live.
const SWEPT: usize = 4;

/// How often a creation is tried that found the place neither free nor taken, because others wrote at the same moment.
const MOST_ATTEMPTS: usize = 3;

/// Sessions in a table of a SQL database.
#[derive(Debug, Clone)]
pub(in super::super) struct SqlBackend<D> {
    database: D,
}

impl<D: Database> SqlBackend<D> {
    pub(in super::super) const fn new(database: D) -> Self {
        Self { database }
    }

    #[cfg(feature = "postgres")]
    pub(in super::super) const fn database(&self) -> &D {
        &self.database
    }

    /// Removes at most `limit` rows that count as nothing, and returns how many there were.
    pub(in super::super) async fn sweep(&self, limit: usize, cx: StoreContext) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(self.run(Statement::Sweep, vec![row::time(cx.now), limit.into()], cx).await?.rows.len())
    }

    async fn run(
        &self,
        statement: Statement,
        arguments: Vec<Value>,
        cx: StoreContext,
    ) -> Result<Outcome, StoreError> {
        within(cx.deadline, self.database.run(statement, arguments, cx)).await
    }

    async fn create(&self, next: &Record, cx: StoreContext) -> Result<Swapped, StoreError> {
        for _ in 0..MOST_ATTEMPTS {
            let outcome = self.run(Statement::Create, row::arguments(next, cx.now), cx).await?;
            if !outcome.rows.is_empty() {
                return Ok(Swapped::Done);
            }
            match self.get(&next.id(), cx).await? {
                Some(Stored::Tombstone(tombstone)) if cx.now >= tombstone.until => {}
                None => {}
                found => return Ok(Swapped::Found(found)),
            }
        }
        Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "the place of a new session was neither free nor taken",
        ))
    }

    async fn replace(
        &self,
        expected: Version,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        let mut arguments = row::arguments(next, cx.now);
        arguments.push(row::version(expected));
        let outcome = self.run(Statement::Replace, arguments, cx).await?;
        if !outcome.rows.is_empty() {
            return Ok(Swapped::Done);
        }
        match self.get(&next.id(), cx).await? {
            Some(Stored::Record(record))
                if outcome.is_repeated && record.may_have_forgotten(next.version()) =>
            {
                Err(in_doubt())
            }
            found => Ok(Swapped::Found(found)),
        }
    }

    /// Removes a few rows that count as nothing. A failure is no reason to refuse the session that begins.
    async fn tidy(&self, cx: StoreContext) {
        if let Err(error) = self.sweep(SWEPT, cx).await {
            debug!(%error, "expired sessions were not removed from the database");
        }
    }
}

impl<D: Database> RecordBackend for SqlBackend<D> {
    fn guarantees(&self) -> Guarantees {
        self.database.guarantees()
    }

    async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        let rows = self.run(Statement::Read, vec![row::id(id)], cx).await?.rows;
        rows.into_iter().next().map(|row| row::stored(id, row)).transpose()
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        match expected {
            Some(expected) => self.replace(expected, next, cx).await,
            None => {
                // At the same time, so that both wait for the disk together.
                let (swapped, ()) = join(self.create(next, cx), self.tidy(cx)).await;
                swapped
            }
        }
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        let Tombstone { id, at, until, by } = tombstone;
        let nothing: &[u8] = &[];
        let arguments = vec![
            row::id(&id),
            row::time(until),
            row::time(at),
            row::ended_by(by),
            row::time(cx.now),
            nothing.into(),
        ];
        let ends = row::number(self.run(Statement::Bury, arguments, cx).await?.rows)?;
        Ok(if ends == 1 { Ended::Done } else { Ended::Already })
    }

    async fn touch(&self, record: &Record, cx: StoreContext) -> Result<Touched, StoreError> {
        let arguments = vec![
            row::id(&record.id()),
            row::time(record.last_active()),
            i64::from(record.epoch()).into(),
            row::time(cx.now),
        ];
        if !self.run(Statement::Touch, arguments, cx).await?.rows.is_empty() {
            return Ok(Touched::Done(None));
        }
        let absence = match self.get(&record.id(), cx).await? {
            None => Absence::Unknown,
            Some(stored) => match stored.live(cx.now) {
                Ok(_) => Absence::Rotated { id: record.id(), at: cx.now },
                Err(absence) => absence,
            },
        };
        Ok(Touched::Gone(absence))
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

#[async_trait]
impl<D: Database> SessionIndex for SqlBackend<D> {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let rows = self.run(Statement::List, vec![row::subject(subject), row::time(cx.now)], cx).await?.rows;
        let mut records = rows.into_iter().map(row::head).collect::<Result<Vec<_>, _>>()?;
        // Two names with one hash are not to be expected, but they would be two people.
        records.retain(|record| record.subject() == Some(subject));
        records.sort_by_key(|record| Reverse(record.created_at()));
        Ok(records.iter().map(SessionInfo::of).collect())
    }

    async fn count(&self, subject: &str, cx: StoreContext) -> Result<usize, StoreError> {
        let rows = self.run(Statement::Count, vec![row::subject(subject), row::time(cx.now)], cx).await?.rows;
        Ok(usize::try_from(row::number(rows)?).unwrap_or_default())
    }
}

/// The engine asks again, and gives up with the kind `OutcomeUnknown`.
fn in_doubt() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the connection to the database was lost during a write, which others have followed",
    )
}
