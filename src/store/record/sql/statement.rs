//! The statements, written once for all databases: [`Statement`].

use super::{Dialect, Table};
use crate::{record::HEAD_LEN, store::MOST_LISTED};

/// A statement, by what it does. Its arguments are numbered in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Statement {
    /// What is stored of a session.
    Read,
    /// Stores a record where nothing is stored, or a tombstone whose time has passed. Returns a row if it did.
    Create,
    /// Replaces a record of an expected version that has not expired. Returns a row if it did.
    Replace,
    /// Moves the last-activity time of a record of an expected epoch forward. Returns a row if it is there.
    Touch,
    /// Replaces whatever is stored, nothing included, with a tombstone. Returns how often the session was ended.
    Bury,
    /// The heads of the records of a subject, those used last first.
    List,
    /// How many records a subject has.
    Count,
    /// Removes rows that have counted as nothing for a while. Returns a row for each.
    Sweep,
    /// Appends an entry to the log of revocations. Returns its number.
    AppendRevocation,
    /// Reads entries of the log of revocations, and the last number, which has no entry beside it.
    ReadRevocations,
}

/// How many entries of the log of revocations are read at once.
const REVOCATIONS_AT_ONCE: usize = 8192;

/// How many of them an append removes whose time has passed.
const REVOCATIONS_REMOVED: usize = 8;

/// For how long a row is kept that counts as nothing, in milliseconds: the store can then tell why a session has ended, and no
/// server whose clock is ahead of another's removes a session that is live there.
const MARGIN: i64 = 120_000;

/// The time from which on a row may be removed is a multiple of this, in milliseconds. So most writes leave the index of that
/// time as it is, and PostgreSQL can store a row beside its former version.
const STEP: i64 = 3_600_000;

/// The texts of all statements on one table.
#[derive(Debug, Clone)]
pub(in super::super) struct Statements([String; Statement::COUNT]);

impl Statements {
    pub(in super::super) fn new(table: &Table, dialect: &Dialect) -> Self {
        use Statement::{
            AppendRevocation, Bury, Count, Create, List, Read, ReadRevocations, Replace, Sweep, Touch,
        };
        let all = [Read, Create, Replace, Touch, Bury, List, Count, Sweep, AppendRevocation, ReadRevocations];
        Self(all.map(|it| it.text(table, dialect)))
    }

    /// The same statements, with each text changed.
    #[cfg(feature = "sqlite")]
    pub(in super::super) fn rewritten(self, change: impl FnMut(String) -> String) -> Self {
        Self(self.0.map(change))
    }

    pub(in super::super) fn text(&self, statement: Statement) -> &str {
        &self.0[statement as usize]
    }
}

impl Statement {
    /// How many statements there are.
    pub(in super::super) const COUNT: usize = 10;

    /// Whether it changes nothing.
    pub(in super::super) const fn only_reads(self) -> bool {
        matches!(self, Self::Read | Self::List | Self::Count | Self::ReadRevocations)
    }

    fn text(self, table: &Table, dialect: &Dialect) -> String {
        let Dialect { least, greatest, skip_locked, .. } = dialect;
        match self {
            Self::Read => {
                format!("SELECT record, last_active, deadline, ended_at, ended_by FROM {table} WHERE id = $1")
            }
            Self::Create => {
                let sweep_at = sweep_at(&format!("{least}($7, $5 + $6)"));
                format!(
                    "INSERT INTO {table} AS stored
                    (id, version, epoch, subject, last_active, idle, deadline, sweep_at, ends, record)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, {sweep_at}, 0, $8)
                    ON CONFLICT (id) DO UPDATE SET version = excluded.version, epoch = excluded.epoch,
                    subject = excluded.subject, last_active = excluded.last_active, idle = excluded.idle,
                    deadline = excluded.deadline, sweep_at = excluded.sweep_at, ended_at = NULL, ended_by = NULL,
                    ends = 0, record = excluded.record
                    WHERE stored.ended_at IS NOT NULL AND stored.deadline <= $9 RETURNING ends"
                )
            }
            Self::Replace => {
                // It may have been touched since the writer loaded it.
                let last_active = format!("{greatest}(last_active, $5)");
                let sweep_at = sweep_at(&format!("{least}($7, {last_active} + $6)"));
                format!(
                    "UPDATE {table} SET version = $2, epoch = $3, subject = $4, last_active = {last_active},
                    idle = $6, deadline = $7, sweep_at = {sweep_at}, record = $8
                    WHERE id = $1 AND version = $10 AND deadline > $9 AND last_active + idle > $9 RETURNING ends"
                )
            }
            Self::Touch => {
                let last_active = format!("{greatest}(last_active, $2)");
                let sweep_at = sweep_at(&format!("{least}(deadline, {last_active} + idle)"));
                format!(
                    "UPDATE {table} SET last_active = {last_active}, sweep_at = {sweep_at}
                    WHERE id = $1 AND epoch = $3 AND deadline > $4 AND last_active + idle > $4 RETURNING ends"
                )
            }
            Self::Bury => {
                let counts = "stored.ended_at IS NOT NULL AND stored.deadline > $5";
                let is_kept = format!("{counts} AND (stored.ended_by = 1 OR excluded.ended_by = 0)");
                // It outlasts every state of the session that a writer could still hold, and an earlier tombstone that counts.
                let deadline = format!(
                    "CASE WHEN stored.ended_at IS NULL OR {counts}
                    THEN {greatest}(stored.deadline, excluded.deadline) ELSE excluded.deadline END"
                );
                let (first_sweep_at, sweep_at) = (sweep_at("$2"), sweep_at(&deadline));
                format!(
                    "INSERT INTO {table} AS stored
                    (id, last_active, idle, deadline, sweep_at, ended_at, ended_by, ends, record)
                    VALUES ($1, 0, 0, $2, {first_sweep_at}, $3, $4, 1, $6)
                    ON CONFLICT (id) DO UPDATE SET version = NULL, epoch = NULL, subject = NULL,
                    last_active = 0, idle = 0, deadline = {deadline}, sweep_at = {sweep_at},
                    ended_at = CASE WHEN {is_kept} THEN stored.ended_at ELSE excluded.ended_at END,
                    ended_by = CASE WHEN {is_kept} THEN stored.ended_by ELSE excluded.ended_by END,
                    ends = CASE WHEN {counts} THEN stored.ends + 1 ELSE 1 END, record = excluded.record
                    RETURNING ends"
                )
            }
            Self::List => format!(
                "SELECT substr(record, 1, {HEAD_LEN}), last_active FROM {table}
                WHERE subject = $1 AND deadline > $2 AND last_active + idle > $2
                ORDER BY last_active DESC LIMIT {MOST_LISTED}"
            ),
            Self::Count => format!(
                "SELECT count(*) FROM {table} WHERE subject = $1 AND deadline > $2 AND last_active + idle > $2"
            ),
            Self::Sweep => format!(
                // Apart, so that the rows are chosen once: PostgreSQL may run a subquery again for each row.
                "WITH swept AS (SELECT id FROM {table} WHERE sweep_at <= $1 ORDER BY sweep_at LIMIT $2 {skip_locked})
                DELETE FROM {table} WHERE id IN (SELECT id FROM swept) RETURNING ends"
            ),
            Self::AppendRevocation => append_revocation(&table.revocations(), dialect),
            Self::ReadRevocations => read_revocations(&table.revocations()),
        }
    }
}

fn append_revocation(log: &Table, dialect: &Dialect) -> String {
    let Dialect { greatest, skip_locked, .. } = dialect;
    // The row of number 0 holds the last number. It is locked until the entry is committed: the next number is given, and seen, only
    // after this one.
    format!(
        "WITH head AS (INSERT INTO {log} AS head (number, last_number) VALUES (0, $1)
        ON CONFLICT (number) DO UPDATE SET last_number = {greatest}(head.last_number + 1, excluded.last_number)
        RETURNING last_number),
        removed AS (DELETE FROM {log} WHERE number IN (SELECT number FROM {log}
        WHERE number > 0 AND keep_until <= $3 ORDER BY number LIMIT {REVOCATIONS_REMOVED} {skip_locked}))
        INSERT INTO {log} (number, keep_until, entry) SELECT last_number, $2, $4 FROM head RETURNING number"
    )
}

fn read_revocations(log: &Table) -> String {
    format!(
        "(SELECT last_number, NULL FROM {log} WHERE number = 0) UNION ALL
        (SELECT number, entry FROM {log} WHERE number > $1 ORDER BY number LIMIT {REVOCATIONS_AT_ONCE})"
    )
}

/// From when on a row may be removed that counts as nothing from `end` on.
fn sweep_at(end: &str) -> String {
    format!("(({end} + {MARGIN}) / {STEP} + 1) * {STEP}")
}
