//! What is stored, and how: three tables that change together, in one transaction.

use cloakroom::{
    SessionId,
    store::{SessionInfo, Stored},
    time::Timestamp,
};
use redb::{Database, Error, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

type Id = [u8; SessionId::LEN];

/// The record or the tombstone of each session.
const SESSIONS: TableDefinition<'_, Id, &[u8]> = TableDefinition::new("sessions");

/// The index: an entry for each session of a subject.
const SUBJECTS: TableDefinition<'_, (&str, Id), ()> = TableDefinition::new("subjects");

/// When each row of [`SESSIONS`] may be removed, the earliest first; and whose entry in [`SUBJECTS`] goes with it.
const REMOVALS: TableDefinition<'_, (i64, Id), Option<&str>> = TableDefinition::new("removals");

/// How many rows are removed at most when one is added. More than one, so that the file shrinks again after a flood; few, so
/// that a creation stays fast, and a clock that runs ahead for a moment costs few sessions.
const SWEPT_AT_ONCE: usize = 4;

/// Creates the tables that do not exist.
pub(crate) fn create(database: &Database) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    sweep(&transaction, Timestamp::MIN)?;
    Ok(transaction.commit()?)
}

/// What is stored under an ID.
pub(crate) fn get(database: &Database, id: &SessionId) -> Result<Option<Stored>, Error> {
    read(&database.begin_read()?.open_table(SESSIONS)?, id.as_bytes())
}

fn read(sessions: &impl ReadableTable<Id, &'static [u8]>, id: &Id) -> Result<Option<Stored>, Error> {
    let Some(bytes) = sessions.get(id)? else { return Ok(None) };
    Stored::decode(bytes.value()).map(Some).map_err(|error| Error::Corrupted(error.to_string()))
}

/// Stores what `change` makes of what is stored under an ID, if it makes anything. No other write happens in between.
pub(crate) fn update<T>(
    database: &Database,
    id: SessionId,
    now: Timestamp,
    change: impl FnOnce(Option<Stored>) -> (Option<Stored>, T),
) -> Result<T, Error> {
    let transaction = database.begin_write()?;
    let old = read(&transaction.open_table(SESSIONS)?, id.as_bytes())?;
    let (new, answer) = change(old.clone());
    if let Some(new) = new {
        if old.is_none() {
            sweep(&transaction, now)?;
        }
        replace(&transaction, id.as_bytes(), old.as_ref(), &new)?;
    }
    transaction.commit()?;
    Ok(answer)
}

fn replace(transaction: &WriteTransaction, id: &Id, old: Option<&Stored>, new: &Stored) -> Result<(), Error> {
    let mut subjects = transaction.open_table(SUBJECTS)?;
    let mut removals = transaction.open_table(REMOVALS)?;
    if let Some(old) = old {
        removals.remove((old.removable_at().as_millis(), *id))?;
    }
    if let Some(subject) = old.and_then(Stored::subject) {
        subjects.remove((subject, *id))?;
    }
    if let Some(subject) = new.subject() {
        subjects.insert((subject, *id), ())?;
    }
    removals.insert((new.removable_at().as_millis(), *id), new.subject())?;
    transaction.open_table(SESSIONS)?.insert(id, &*new.encode())?;
    Ok(())
}

/// Removes a few rows that count as nothing any more. It decodes none, so one that is damaged is no obstacle.
fn sweep(transaction: &WriteTransaction, now: Timestamp) -> Result<(), Error> {
    let mut sessions = transaction.open_table(SESSIONS)?;
    let mut subjects = transaction.open_table(SUBJECTS)?;
    let mut removals = transaction.open_table(REMOVALS)?;
    let due = ..=(now.as_millis(), [u8::MAX; SessionId::LEN]);
    for entry in removals.extract_from_if(due, |_, _| true)?.take(SWEPT_AT_ONCE) {
        let (key, subject) = entry?;
        let (_, id) = key.value();
        sessions.remove(id)?;
        if let Some(subject) = subject.value() {
            subjects.remove((subject, id))?;
        }
    }
    Ok(())
}

/// The live sessions of a subject, the newest first.
pub(crate) fn list(database: &Database, subject: &str, now: Timestamp) -> Result<Vec<SessionInfo>, Error> {
    let transaction = database.begin_read()?;
    let (sessions, subjects) = (transaction.open_table(SESSIONS)?, transaction.open_table(SUBJECTS)?);
    let mut live = Vec::new();
    for entry in subjects.range((subject, [0; SessionId::LEN])..=(subject, [u8::MAX; SessionId::LEN]))? {
        let (_, id) = entry?.0.value();
        let record = read(&sessions, &id)?.and_then(|stored| stored.live(now).ok());
        live.extend(record.as_ref().map(SessionInfo::of));
    }
    live.sort_by_key(|session| std::cmp::Reverse(session.created_at()));
    Ok(live)
}
