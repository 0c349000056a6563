//! What an error of the client means for a session store.

use std::error::Error as _;

use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

use crate::error::{StoreError, StoreErrorKind};

/// Whether a failed call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// The server did not execute it and may accept it a moment later.
    AfterPause,
    /// The connection was lost, and the call may have been executed.
    OverNewConnection,
    /// The table is missing, so nothing was executed.
    WithTable,
    /// The server did not execute it, and would refuse it again.
    Never,
}

/// A failed call.
#[derive(Debug, Clone)]
pub(super) struct CallError {
    pub(super) retry: Retry,
    /// Whether another connection might do better: this one is broken, or leads to the wrong server.
    pub(super) ends_connection: bool,
    pub(super) error: StoreError,
}

impl CallError {
    /// A table of this name has columns of other types.
    pub(super) fn other_table() -> Self {
        let message = "the table of sessions has columns of other types than create_table() gives it";
        StoreError::new(StoreErrorKind::Corrupt, message).into()
    }

    /// A certificate or key that is read for each connection cannot be used.
    #[cfg(feature = "postgres-tls")]
    pub(super) fn unusable_certificate(error: std::io::Error) -> Self {
        let message = "a certificate or key for a connection to PostgreSQL cannot be used";
        StoreError::new(StoreErrorKind::Unavailable, message).with_source(error).into()
    }

    /// The application's own function made no connection. Nothing was sent.
    pub(super) fn not_connected(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let message = "the application made no connection to PostgreSQL";
        let error = match error.downcast::<Error>() {
            Ok(error) => return Self::from(*error).of_connecting(),
            Err(error) => StoreError::new(StoreErrorKind::Unavailable, message).with_source(error),
        };
        Self { retry: Retry::AfterPause, ends_connection: true, error }
    }

    /// The same error of a connection that could not be made: nothing was sent.
    pub(super) fn of_connecting(mut self) -> Self {
        if self.retry == Retry::OverNewConnection {
            self.retry = Retry::AfterPause;
        }
        self
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self { retry: Retry::Never, ends_connection: false, error }
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => refused(refusal),
            None => broken(error),
        }
    }
}

/// An error that the server did not report.
fn broken(error: Error) -> CallError {
    let message = "the connection to PostgreSQL was lost or could not be made";
    let text = error.to_string();
    let retry = if text.starts_with("error performing TLS handshake") {
        Retry::Never
    } else {
        Retry::OverNewConnection
    };
    // The client's text of an error of the configuration quotes it.
    let is_quoting = text.starts_with("invalid con");
    let mut lost = StoreError::new(StoreErrorKind::Unavailable, message);
    if !is_quoting && (error.source().is_some() || !error.is_closed()) {
        lost = lost.with_source(error);
    }
    CallError { retry, ends_connection: true, error: lost }
}

/// An error that the server reported. Only its code and its first sentence are repeated: what follows may quote a row.
fn refused(refusal: &DbError) -> CallError {
    let code = refusal.code();
    let (mut retry, mut ends_connection, kind, message) = classify(code);
    let ends = matches!(refusal.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    if ends {
        ends_connection = true;
        if kind == StoreErrorKind::Unavailable && retry == Retry::Never && !is_about_entering(code) {
            retry = Retry::OverNewConnection;
        }
    }
    // A user's name is none of the log's business.
    let words = if is_about_entering(code) { "" } else { refusal.message() };
    let source = format!("SQLSTATE {} {words}", code.code());
    let error = StoreError::new(kind, message).with_source(source.trim_end().to_owned());
    CallError { retry, ends_connection, error }
}

/// Whether a code is of class 28, invalid authorization, or names a database that is not there.
fn is_about_entering(code: &SqlState) -> bool {
    code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME
}

type Class = (Retry, bool, StoreErrorKind, &'static str);

fn classify(code: &SqlState) -> Class {
    use Retry::{AfterPause, Never, OverNewConnection, WithTable};
    use StoreErrorKind::{Corrupt, Full, ReadOnly, Timeout, Unavailable, Unsupported};

    match code.code() {
        "25006" => (AfterPause, true, ReadOnly, "this PostgreSQL server is a standby or takes no writes"),
        "40001" | "40P01" => {
            (AfterPause, false, Unavailable, "PostgreSQL could not order this write among others")
        }
        "53100" => (Never, false, Full, "the disk of PostgreSQL is full"),
        "53300" => {
            (AfterPause, true, Unavailable, "PostgreSQL has no connection left; raise max_connections")
        }
        "57P03" => (AfterPause, true, Unavailable, "PostgreSQL is starting up or shutting down"),
        "57P01" | "57P02" | "57P05" => {
            (OverNewConnection, true, Unavailable, "PostgreSQL ended the connection")
        }
        "57014" => (
            Never,
            false,
            Timeout,
            "PostgreSQL cancelled the statement, by its statement_timeout or otherwise",
        ),
        "55P03" => (Never, false, Timeout, "PostgreSQL did not get a lock within its lock_timeout"),
        "42P01" | "3F000" => (
            WithTable,
            false,
            Unsupported,
            "the table of sessions does not exist; create it with create_table()",
        ),
        "42703" | "42804" | "42P10" => {
            (Never, false, Unsupported, "the table of sessions has another form than create_table() gives it")
        }
        "42501" => (
            Never,
            false,
            Unavailable,
            "the PostgreSQL user may not do what sessions need; see PostgresStore",
        ),
        "XX001" | "XX002" => (Never, false, Corrupt, "PostgreSQL found damaged data"),
        // A pooler has changed the connection behind this one, or the table was altered.
        "26000" | "42P05" | "0A000" => (
            OverNewConnection,
            true,
            Unavailable,
            "PostgreSQL lost a prepared statement; behind PgBouncer in transaction mode set named_statements(false)",
        ),
        code if code.starts_with("28") => (
            Never,
            true,
            Unavailable,
            "PostgreSQL refused the user name, the password or the way of connecting",
        ),
        "3D000" => (Never, true, Unavailable, "there is no such database"),
        // The outcome of the statement is unknown.
        "40003" => (OverNewConnection, true, Unavailable, "the outcome of a statement is unknown"),
        code if code.starts_with("08") => (
            OverNewConnection,
            true,
            Unavailable,
            "the connection to PostgreSQL was lost or could not be made",
        ),
        _ => (Never, false, Unavailable, "PostgreSQL refused a statement"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_certainly_not_executed_is_told_from_what_is_in_doubt() {
        for (code, retry, kind) in [
            ("25006", Retry::AfterPause, StoreErrorKind::ReadOnly),
            ("40P01", Retry::AfterPause, StoreErrorKind::Unavailable),
            ("53100", Retry::Never, StoreErrorKind::Full),
            ("53300", Retry::AfterPause, StoreErrorKind::Unavailable),
            ("57014", Retry::Never, StoreErrorKind::Timeout),
            ("57P01", Retry::OverNewConnection, StoreErrorKind::Unavailable),
            ("08006", Retry::OverNewConnection, StoreErrorKind::Unavailable),
            ("42P01", Retry::WithTable, StoreErrorKind::Unsupported),
            ("28P01", Retry::Never, StoreErrorKind::Unavailable),
            ("XX001", Retry::Never, StoreErrorKind::Corrupt),
            ("XX000", Retry::Never, StoreErrorKind::Unavailable),
        ] {
            let (found, _, found_kind, _) = classify(&SqlState::from_code(code));
            assert_eq!((found, found_kind), (retry, kind), "{code}");
        }
    }
}
