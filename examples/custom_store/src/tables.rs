//! What is stored, and how: three tables that change together, in one transaction.

use cloakroom::{
    SessionId,
    record::Record,
    store::{SessionInfo, Stored, Tombstone},
    time::Timestamp,
};
use redb::{
    Error, ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction,
};

// region: tables
type Id = [u8; SessionId::LEN];

/// A record, encoded; or the two times of a tombstone, and no record.
type Row = (Option<(i64, i64)>, &'static [u8]);

const SESSIONS: TableDefinition<'_, Id, Row> = TableDefinition::new("sessions");

/// The index: an entry for every session of a subject.
const SUBJECTS: TableDefinition<'_, (&str, Id), ()> = TableDefinition::new("subjects");

/// When each row of [`SESSIONS`] may be removed, and the subject whose entry goes with it. The earliest comes first.
const REMOVALS: TableDefinition<'_, (i64, Id), Option<&str>> = TableDefinition::new("removals");

/// How many rows a creation removes at most. More than one, so that the database shrinks again after a flood; few, so that a
/// creation stays fast and a clock that jumps ahead for a moment costs few sessions.
const SWEPT_AT_ONCE: usize = 4;
// endregion: tables

/// The tables within a read transaction.
pub(crate) struct Readable {
    sessions: ReadOnlyTable<Id, Row>,
    subjects: ReadOnlyTable<(&'static str, Id), ()>,
}

impl Readable {
    pub(crate) fn open(transaction: &ReadTransaction) -> Result<Self, Error> {
        Ok(Self {
            sessions: transaction.open_table(SESSIONS)?,
            subjects: transaction.open_table(SUBJECTS)?,
        })
    }

    pub(crate) fn get(&self, id: &SessionId) -> Result<Option<Stored>, Error> {
        get(&self.sessions, id)
    }

    /// The live sessions of a subject.
    pub(crate) fn sessions_of(&self, subject: &str, now: Timestamp) -> Result<Vec<SessionInfo>, Error> {
        let mut sessions = Vec::new();
        for entry in self.subjects.range((subject, Id::default())..=(subject, [u8::MAX; SessionId::LEN]))? {
            let id = SessionId::from_bytes(entry?.0.value().1);
            if let Some(Ok(record)) = self.get(&id)?.map(|stored| stored.live(now)) {
                sessions.push(SessionInfo::of(&record));
            }
        }
        Ok(sessions)
    }
}

/// The tables within a write transaction. No other one runs at the same time.
pub(crate) struct Writable<'t> {
    sessions: Table<'t, Id, Row>,
    subjects: Table<'t, (&'static str, Id), ()>,
    removals: Table<'t, (i64, Id), Option<&'static str>>,
}

impl<'t> Writable<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            sessions: transaction.open_table(SESSIONS)?,
            subjects: transaction.open_table(SUBJECTS)?,
            removals: transaction.open_table(REMOVALS)?,
        })
    }

    pub(crate) fn get(&self, id: &SessionId) -> Result<Option<Stored>, Error> {
        get(&self.sessions, id)
    }

    // region: replace
    /// Stores `new` in place of `old`.
    pub(crate) fn replace(&mut self, id: &SessionId, old: Option<&Stored>, new: &Stored) -> Result<(), Error> {
        let id = *id.as_bytes();
        if let Some(old) = old {
            self.remove(old.removable_at().as_millis(), id, subject(old))?;
        }
        match new {
            Stored::Record(record) => self.sessions.insert(id, (None, &*record.encode()))?,
            Stored::Tombstone(Tombstone { at, until }) => {
                self.sessions.insert(id, (Some((at.as_millis(), until.as_millis())), &[][..]))?
            }
        };
        if let Some(subject) = subject(new) {
            self.subjects.insert((subject, id), ())?;
        }
        self.removals.insert((new.removable_at().as_millis(), id), subject(new))?;
        Ok(())
    }

    fn remove(&mut self, removable_at: i64, id: Id, subject: Option<&str>) -> Result<(), Error> {
        self.removals.remove((removable_at, id))?;
        if let Some(subject) = subject {
            self.subjects.remove((subject, id))?;
        }
        self.sessions.remove(id)?;
        Ok(())
    }

    /// Removes a few rows that count as nothing any more. It decodes none, so one that is damaged is no obstacle.
    pub(crate) fn sweep(&mut self, now: Timestamp) -> Result<(), Error> {
        for _ in 0..SWEPT_AT_ONCE {
            let first = self.removals.first()?;
            let first = first.map(|(key, subject)| (key.value(), subject.value().map(str::to_owned)));
            let Some(((removable_at, id), subject)) = first.filter(|((at, _), _)| *at <= now.as_millis()) else {
                break;
            };
            self.remove(removable_at, id, subject.as_deref())?;
        }
        Ok(())
    }
    // endregion: replace
}

fn get(sessions: &impl ReadableTable<Id, Row>, id: &SessionId) -> Result<Option<Stored>, Error> {
    let Some(row) = sessions.get(id.as_bytes())? else { return Ok(None) };
    Ok(Some(match row.value() {
        (None, record) => {
            Stored::Record(Record::decode(record).map_err(|error| Error::Corrupted(error.to_string()))?)
        }
        (Some((at, until)), _) => Stored::Tombstone(Tombstone {
            at: Timestamp::from_millis(at),
            until: Timestamp::from_millis(until),
        }),
    }))
}

fn subject(stored: &Stored) -> Option<&str> {
    match stored {
        Stored::Record(record) => record.subject(),
        Stored::Tombstone(_) => None,
    }
}
