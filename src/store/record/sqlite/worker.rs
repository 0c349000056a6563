//! What the threads of a store have in common: the connection that each of them keeps, loses and makes again.

use std::time::Duration;

use rusqlite::{Connection, Error};

use super::{
    file::{Access, File},
    job::Job,
    queue::Queue,
};
use crate::time::Deadline;

/// How long another process is waited for by a call without a deadline.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The calls of a thread for as long as its connection is of use.
pub(super) struct Turn<'a> {
    file: &'a File,
    pub(super) connection: &'a Connection,
    pub(super) queue: &'a mut Queue,
}

impl Turn<'_> {
    /// Waits for a call while the file is there; `None` once no handle of the store is left.
    pub(super) fn next(&mut self) -> Option<Job> {
        loop {
            let job = self.queue.next()?;
            match self.file.check() {
                Ok(()) => return Some(job),
                Err(gone) => job.answer(Err(gone)),
            }
        }
    }
}

/// Lets `serve` answer calls until no handle of the store is left.
///
/// It returns when its connection is of no use any more, which is then made again for the next call. If that fails, the call is
/// answered with the error.
pub(super) fn run(
    first: Connection,
    file: &File,
    access: Access,
    queue: &mut Queue,
    mut serve: impl FnMut(Turn<'_>),
) {
    serve(Turn { file, connection: &first, queue });
    file.close(first);
    while let Some(job) = queue.next() {
        match file.open(access) {
            Err(error) => job.answer(Err(error)),
            Ok(connection) => {
                queue.put_back([job]);
                serve(Turn { file, connection: &connection, queue });
                file.close(connection);
            }
        }
    }
}

/// Lets SQLite wait for other processes until the deadline.
pub(super) fn wait_at_most_until(deadline: Deadline, connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(deadline.remaining().map_or(LONGEST_WAIT, |left| left.min(LONGEST_WAIT)))
}
