//! What an error of SQLite means for a session store.

use rusqlite::{Error, ErrorCode};

use crate::error::{StoreError, StoreErrorKind};

/// The error of a statement that changed nothing.
pub(super) fn failed(error: Error) -> StoreError {
    let (kind, message) = classify(&error);
    StoreError::new(kind, message).with_source(error)
}

/// The error of a transaction that failed while it was committed.
///
/// A full disk has not taken the last page of a transaction, without which it does not count. After any other failure it may be on
/// the disk, and count when the file is opened again.
pub(super) fn failed_to_commit(error: Error) -> StoreError {
    if is_full(&error) {
        return failed(error);
    }
    let message = "the session database failed while it wrote; the write may have taken place or not";
    StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
}

/// What SQLite says, of a statement or of its text.
fn code(error: &Error) -> Option<ErrorCode> {
    let source = || std::error::Error::source(error)?.downcast_ref::<rusqlite::ffi::Error>();
    error.sqlite_error_code().or_else(|| source().map(|error| error.code))
}

pub(super) fn is_full(error: &Error) -> bool {
    code(error) == Some(ErrorCode::DiskFull)
}

/// Whether the connection is of no use any more. Another one sees the file as it then is.
pub(super) fn ends_connection(error: &Error) -> bool {
    !matches!(code(error), Some(ErrorCode::DatabaseBusy | ErrorCode::DiskFull | ErrorCode::TooBig))
}

fn classify(error: &Error) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Full, ReadOnly, Timeout, Unavailable};

    match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (Timeout, "another process kept the session database locked until the deadline")
        }
        Some(ErrorCode::DiskFull) => (Full, "there is no room left for the session database"),
        Some(ErrorCode::ReadOnly) => (ReadOnly, "the file of the session database cannot be written"),
        Some(ErrorCode::DatabaseCorrupt) => (
            Corrupt,
            "the file of the session database is damaged; restore it, or remove it to end all sessions",
        ),
        Some(ErrorCode::NotADatabase) => (Corrupt, "the file of the session database is no SQLite database"),
        // Text or a number where this crate writes bytes or an integer, a row that breaks a rule of the table, or another table
        // under its name.
        Some(ErrorCode::ConstraintViolation | ErrorCode::Unknown) => {
            (Corrupt, "the table of sessions is not as this version defines it; choose another name for it")
        }
        None if matches!(error, Error::InvalidColumnType(..)) => {
            (Corrupt, "the table of sessions holds something else; choose another name for it")
        }
        Some(ErrorCode::CannotOpen) => (
            Unavailable,
            "the file of the session database cannot be opened or made; its folder has to be there",
        ),
        _ => (Unavailable, "the session database failed"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn sqlite(code: std::ffi::c_int) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn each_failure_has_a_kind_to_decide_by() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, StoreErrorKind::Timeout),
            (ffi::SQLITE_FULL, StoreErrorKind::Full),
            (ffi::SQLITE_READONLY, StoreErrorKind::ReadOnly),
            (ffi::SQLITE_CORRUPT, StoreErrorKind::Corrupt),
            (ffi::SQLITE_NOTADB, StoreErrorKind::Corrupt),
            (ffi::SQLITE_CANTOPEN, StoreErrorKind::Unavailable),
            (ffi::SQLITE_IOERR, StoreErrorKind::Unavailable),
        ] {
            assert_eq!(failed(sqlite(code)).kind(), kind, "{code}");
        }
    }

    #[test]
    fn only_a_full_disk_has_certainly_not_committed() {
        assert_eq!(failed_to_commit(sqlite(ffi::SQLITE_FULL)).kind(), StoreErrorKind::Full);
        for code in [ffi::SQLITE_IOERR, ffi::SQLITE_CORRUPT, ffi::SQLITE_READONLY] {
            assert!(failed_to_commit(sqlite(code)).is_transient(), "{code}");
        }
    }
}
