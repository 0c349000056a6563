//! The statements of one connection, prepared once: [`Prepared`].

use rusqlite::{
    Connection, Error,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    super::sql::{Row, Statement, Statements, Value},
    job::Job,
};

/// A connection with the statements that it has executed.
pub(super) struct Prepared<'c> {
    connection: &'c Connection,
    texts: &'c Statements,
    statements: [Option<rusqlite::Statement<'c>>; Statement::COUNT],
}

impl<'c> Prepared<'c> {
    pub(super) fn new(connection: &'c Connection, texts: &'c Statements) -> Self {
        Self { connection, texts, statements: Default::default() }
    }

    /// Executes a statement, and returns its rows.
    pub(super) fn run(&mut self, job: &Job) -> Result<Vec<Row>, Error> {
        let place = &mut self.statements[job.statement as usize];
        let statement = match place {
            Some(statement) => statement,
            None => place.insert(self.connection.prepare(self.texts.text(job.statement))?),
        };
        for (index, argument) in job.arguments.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, bound(argument))?;
        }
        let columns = statement.column_count();
        let mut found = statement.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push((0..columns).map(|column| value(row, column)).collect::<Result<_, _>>()?);
        }
        Ok(rows)
    }
}

fn bound(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Integer(integer) => ValueRef::Integer(*integer),
        Value::Bytes(bytes) => ValueRef::Blob(bytes),
    })
}

fn value(row: &rusqlite::Row<'_>, column: usize) -> Result<Value, Error> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        other => Err(Error::InvalidColumnType(column, String::new(), other.data_type())),
    }
}
