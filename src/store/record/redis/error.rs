//! What an error of the `redis` crate means for a session store.

use redis::{ErrorKind, RedisError};

use super::reply::ReplyError;
use crate::error::{StoreError, StoreErrorKind};

/// Whether a failed call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// The server did not execute it and may accept it a moment later.
    AfterPause,
    /// The connection was lost, and the call may have been executed.
    OverNewConnection,
    /// The server refused it and would do so again. But a refusal names no call: it may have been the reply to another one, while
    /// this one was executed.
    Once,
    /// Nothing would change.
    Never,
}

/// A failed call.
#[derive(Debug)]
pub(super) struct CallError {
    pub(super) retry: Retry,
    /// Whether another connection might do better: this one is broken, or leads to the wrong server.
    pub(super) ends_connection: bool,
    pub(super) error: StoreError,
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self { retry: Retry::Never, ends_connection: false, error }
    }
}

impl From<ReplyError> for CallError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::Mismatched => Self {
                retry: Retry::OverNewConnection,
                ends_connection: true,
                error: StoreError::new(
                    StoreErrorKind::Unavailable,
                    "Redis sent the reply to another call; the connection was closed",
                ),
            },
            ReplyError::InDoubt => StoreError::new(
                StoreErrorKind::Unavailable,
                "the connection to Redis was lost during a write, which others have followed",
            )
            .into(),
            ReplyError::Corrupt(invalid) => StoreError::new(
                StoreErrorKind::Corrupt,
                "what Redis stores for this session is not a record that this version reads",
            )
            .with_source(invalid)
            .into(),
        }
    }
}

impl From<RedisError> for CallError {
    fn from(error: RedisError) -> Self {
        let (retry, ends_connection, kind, message) = classify(&error);
        Self { retry, ends_connection, error: StoreError::new(kind, message).with_source(error) }
    }
}

/// The error of a connection that could not be made.
pub(super) fn failed(error: RedisError) -> StoreError {
    CallError::from(error).error
}

type Class = (Retry, bool, StoreErrorKind, &'static str);

fn classify(error: &RedisError) -> Class {
    use Retry::{AfterPause, Never, OverNewConnection};
    use StoreErrorKind::{ReadOnly, Timeout, Unavailable, Unsupported};

    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => classify_refusal(code(error)),
        ErrorKind::Io if error.is_timeout() => {
            (OverNewConnection, true, Timeout, "Redis did not answer in time")
        }
        ErrorKind::MasterNameNotFoundBySentinel => {
            (AfterPause, true, Unavailable, "no Sentinel knows a primary that is available")
        }
        // Calls that were under way when the client could not refresh its map of slots get this error, too.
        ErrorKind::ClusterConnectionNotFound => {
            (OverNewConnection, true, Unavailable, "no node of the Redis cluster is available")
        }
        ErrorKind::AuthenticationFailed => {
            (Never, true, Unavailable, "Redis refused the user name or the password")
        }
        ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList | ErrorKind::RESP3NotSupported => {
            (Never, true, Unsupported, "the connection to Redis is configured in a way that does not work")
        }
        ErrorKind::NoValidReplicasFoundBySentinel => (Never, false, ReadOnly, "no replica is in service"),
        _ => (OverNewConnection, true, Unavailable, "the connection to Redis was lost or could not be made"),
    }
}

/// The error code of a refusal. Older servers wrap the error of a script: `ERR Error running script …: -OOM …`.
fn code(error: &RedisError) -> &str {
    let wrapped = || error.detail()?.split(' ').find_map(|word| word.strip_prefix('-'));
    match error.code() {
        Some("ERR") => wrapped().unwrap_or("ERR"),
        code => code.unwrap_or_default(),
    }
}

fn classify_refusal(code: &str) -> Class {
    use Retry::{AfterPause, Once};
    use StoreErrorKind::{Corrupt, Full, ReadOnly, Unavailable};

    match code {
        "READONLY" => (AfterPause, true, ReadOnly, "this Redis server is a replica and takes no writes"),
        "LOADING" => (AfterPause, false, Unavailable, "Redis is still loading its data"),
        "BUSY" => (AfterPause, false, Unavailable, "Redis is busy running a script"),
        "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => {
            (AfterPause, false, Unavailable, "Redis is moving data or replacing a primary")
        }
        "OOM" => (Once, false, Full, "Redis is out of memory; raise maxmemory, or shorten the timeouts"),
        "CROWDED" => (
            Once,
            false,
            Full,
            "as much of Redis's memory is used as anonymous sessions may take; raise maxmemory or the share",
        ),
        "NOREPLICAS" => (Once, false, ReadOnly, "Redis has too few replicas to take writes"),
        "MISCONF" => (Once, false, ReadOnly, "Redis cannot write its data to disk and takes no writes"),
        "WRONGTYPE" => {
            (Once, false, Corrupt, "a key of the sessions holds something else; choose another prefix")
        }
        "NOAUTH" | "WRONGPASS" => (Once, true, Unavailable, "Redis refused the user name or the password"),
        "NOPERM" => (
            Once,
            false,
            Unavailable,
            "the Redis user may not run a command that sessions need; see RedisStore",
        ),
        _ => (Once, false, Unavailable, "Redis refused a command"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &'static str) -> CallError {
        let (code, detail) = line.split_once(' ').unwrap();
        redis::make_extension_error(code.to_owned(), Some(detail.to_owned())).into()
    }

    #[test]
    fn each_refusal_has_a_kind_to_decide_by() {
        for (line, kind) in [
            ("OOM command not allowed", StoreErrorKind::Full),
            ("NOREPLICAS Not enough good replicas", StoreErrorKind::ReadOnly),
            ("MISCONF Redis is configured to save", StoreErrorKind::ReadOnly),
            ("WRONGTYPE Operation against a key", StoreErrorKind::Corrupt),
            ("NOAUTH Authentication required", StoreErrorKind::Unavailable),
            ("ERR anything", StoreErrorKind::Unavailable),
            (
                "ERR Error running script (call to f_1): @user_script: 23: -OOM command not",
                StoreErrorKind::Full,
            ),
        ] {
            assert_eq!(refusal(line).error.kind(), kind, "{line}");
        }
    }

    #[test]
    fn a_lost_connection_leaves_the_outcome_open() {
        let io = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        let lost = CallError::from(io);
        assert_eq!((lost.retry, lost.ends_connection), (Retry::OverNewConnection, true));
        assert!(lost.error.is_transient());
    }
}
