//! The thread that writes: [`run`].
//!
//! The writes that wait when it begins a transaction share it, and the time that the disk takes for it. Each is one statement, which
//! SQLite executes entirely or not at all, so one that fails undoes no other. Callers are answered once the transaction is committed.

use rusqlite::{Connection, Error};

use super::{
    super::sql::Statements,
    error::{ends_connection, failed, failed_to_commit, is_full},
    file::{Access, File},
    job::{Answer, Job},
    prepared::Prepared,
    queue::Queue,
    worker::{self, Turn, wait_at_most_until},
};

/// How many writes share a transaction at most, so that the first of them does not wait long for the last.
const MOST_TOGETHER: usize = 256;

/// Writes until no handle of the store is left.
pub(super) fn run(connection: Connection, file: &File, texts: &Statements, mut queue: Queue) {
    worker::run(connection, file, Access::Write, &mut queue, |turn| serve(turn, texts));
}

fn serve(mut turn: Turn<'_>, texts: &Statements) {
    let connection = turn.connection;
    let mut writer = Writer { connection, prepared: Prepared::new(connection, texts), alone: 0 };
    while let Some(first) = turn.next() {
        if writer.write(first, turn.queue).is_err() {
            return;
        }
    }
}

/// The connection is of no use any more.
struct Broken;

struct Writer<'c> {
    connection: &'c Connection,
    prepared: Prepared<'c>,
    /// How many of the next writes get a transaction of their own, because the one that they shared was undone.
    alone: usize,
}

impl Writer<'_> {
    /// Executes a write, and with it those that wait.
    fn write(&mut self, first: Job, queue: &mut Queue) -> Result<(), Broken> {
        if let Err(error) = self.begin(&first) {
            let ends = ends_connection(&error);
            first.answer(Err(failed(error)));
            return if ends { Err(Broken) } else { Ok(()) };
        }
        let others = if self.alone == 0 { MOST_TOGETHER - 1 } else { 0 };
        self.alone = self.alone.saturating_sub(1);
        // Another process may have been waited for, so the first may have been given up, too.
        queue.put_back([first]);
        let jobs = queue.waiting(1 + others).collect();
        self.execute(jobs, queue)
    }

    /// Begins a transaction that no other process comes in between. One that read first would fail if another process wrote
    /// before it did, however long it may wait.
    fn begin(&self, job: &Job) -> Result<(), Error> {
        wait_at_most_until(job.deadline, self.connection)?;
        self.connection.execute_batch("BEGIN IMMEDIATE")
    }

    /// Executes writes in the transaction that was begun, and commits it.
    fn execute(&mut self, jobs: Vec<Job>, queue: &mut Queue) -> Result<(), Broken> {
        let mut done = Vec::with_capacity(jobs.len());
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            match self.prepared.run(&job) {
                Ok(rows) => done.push((job, Ok(rows))),
                // SQLite has undone the whole transaction, as it does if the disk is full, or it is better undone.
                Err(error) if ends_connection(&error) || self.connection.is_autocommit() => {
                    let result = self.roll_back();
                    let result = if ends_connection(&error) { Err(Broken) } else { result };
                    job.answer(Err(failed(error)));
                    self.again(done.into_iter().map(|(job, _)| job).chain(jobs).collect(), queue);
                    return result;
                }
                Err(error) => done.push((job, Err(failed(error)))),
            }
        }
        self.commit(done, queue)
    }

    fn commit(&mut self, done: Vec<(Job, Answer)>, queue: &mut Queue) -> Result<(), Broken> {
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                done.into_iter().for_each(|(job, answer)| job.answer(answer));
                Ok(())
            }
            // Smaller transactions may still fit.
            Err(error) if is_full(&error) && done.len() > 1 => {
                self.roll_back()?;
                self.again(done.into_iter().map(|(job, _)| job).collect(), queue);
                Ok(())
            }
            Err(error) => {
                let (rolled_back, error) = (self.roll_back(), failed_to_commit(error));
                done.into_iter().for_each(|(job, _)| job.answer(Err(error.clone())));
                rolled_back.and(if error.is_transient() { Err(Broken) } else { Ok(()) })
            }
        }
    }

    /// Undoes the transaction, unless SQLite has.
    fn roll_back(&self) -> Result<(), Broken> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection.execute_batch("ROLLBACK").map_err(|_| Broken)
    }

    /// Leaves writes for transactions of their own: SQLite has undone them all, for the failure of one.
    fn again(&mut self, jobs: Vec<Job>, queue: &mut Queue) {
        self.alone = self.alone.max(jobs.len());
        queue.put_back(jobs);
    }
}
