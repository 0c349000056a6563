//! What the threads of a store have in common: the connection that each of them keeps, loses and makes again.

use std::time::Duration;

use rusqlite::{Connection, Error};

use super::{
    file::{Access, File, Opened},
    job::Job,
    queue::Queue,
};
use crate::time::Deadline;

/// How long another process is waited for by a call without a deadline.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The calls of a thread for as long as its connection is of use.
pub(super) struct Turn<'a> {
    file: &'a File,
    opened: &'a Opened,
    pub(super) queue: &'a mut Queue,
}

impl<'a> Turn<'a> {
    pub(super) const fn connection(&self) -> &'a Connection {
        &self.opened.connection
    }

    /// Waits for a call; `None` if the connection is not on the file at the path any more, and once no handle of the store is left.
    pub(super) fn next(&mut self) -> Option<Job> {
        let job = self.queue.next()?;
        if self.file.is_still(self.opened) {
            return Some(job);
        }
        self.queue.put_back([job]);
        None
    }
}

/// Lets `serve` answer calls until no handle of the store is left.
///
/// It returns when its connection is of no use any more, which is then made again for the next call. If that fails, the call is
/// answered with the error.
pub(super) fn run(
    first: Opened,
    file: &File,
    access: Access,
    queue: &mut Queue,
    mut serve: impl FnMut(Turn<'_>),
) {
    let mut ready = Some(first);
    while let Some(job) = queue.next() {
        match ready.take().map_or_else(|| file.open(access), Ok) {
            Err(error) => job.answer(Err(error)),
            Ok(opened) => {
                queue.put_back([job]);
                serve(Turn { file, opened: &opened, queue });
            }
        }
    }
}

/// Lets SQLite wait for other processes until the deadline.
pub(super) fn wait_at_most_until(deadline: Deadline, connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(deadline.remaining().map_or(LONGEST_WAIT, |left| left.min(LONGEST_WAIT)))
}
