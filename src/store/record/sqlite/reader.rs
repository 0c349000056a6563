//! The thread that reads: [`run`].

use rusqlite::Connection;

use super::{
    super::sql::Statements,
    error::{ends_connection, failed},
    file::{Access, File},
    prepared::Prepared,
    queue::Queue,
    worker::{self, Turn, wait_at_most_until},
};

/// Reads until no handle of the store is left. Each read sees what was committed before it.
pub(super) fn run(connection: Connection, file: &File, texts: &Statements, mut queue: Queue) {
    worker::run(connection, file, Access::Read, &mut queue, |turn| serve(turn, texts));
}

fn serve(mut turn: Turn<'_>, texts: &Statements) {
    let connection = turn.connection;
    let mut prepared = Prepared::new(connection, texts);
    while let Some(job) = turn.next() {
        match wait_at_most_until(job.deadline, connection).and_then(|()| prepared.run(&job)) {
            Ok(rows) => job.answer(Ok(rows)),
            Err(error) => {
                let ends = ends_connection(&error);
                job.answer(Err(failed(error)));
                if ends {
                    return;
                }
            }
        }
    }
}
