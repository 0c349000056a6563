//! What an error of the client means for a session store.

use redis::{ErrorKind, RedisError};

use crate::error::{StoreError, StoreErrorKind};

/// What an error says about the call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The server did not carry it out and may take it a moment later.
    Refused,
    /// The connection was lost; the call may have been carried out.
    Lost,
    /// The server did not carry it out, and there is no point in asking again at once.
    Final,
}

/// A failed call.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) fate: Fate,
    /// Whether another connection might do better: this one is broken, or leads to the wrong server.
    pub(super) ends_connection: bool,
    pub(super) error: StoreError,
}

impl Fault {
    /// The reply on a connection was not one to the call that waited for it.
    pub(super) fn out_of_step() -> Self {
        let message = "Redis answered with what belongs to another call; the connection was given up";
        Self {
            fate: Fate::Lost,
            ends_connection: true,
            error: StoreError::new(StoreErrorKind::Unavailable, message),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self { fate: Fate::Final, ends_connection: false, error }
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        let (fate, ends_connection, kind, message) = meaning(&error);
        Self { fate, ends_connection, error: StoreError::new(kind, message).with_source(error) }
    }
}

type Meaning = (Fate, bool, StoreErrorKind, &'static str);

fn meaning(error: &RedisError) -> Meaning {
    use Fate::{Final, Lost, Refused};
    use StoreErrorKind::{ReadOnly, Timeout, Unavailable};

    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => refusal(code(error)),
        ErrorKind::Io if error.is_timeout() => (Lost, true, Timeout, "Redis did not answer in time"),
        ErrorKind::MasterNameNotFoundBySentinel => {
            (Refused, true, Unavailable, "no Sentinel knows a primary that can be reached")
        }
        // The client also says so of calls that were under way when it could not learn who has which slot.
        ErrorKind::ClusterConnectionNotFound => {
            (Lost, true, Unavailable, "no node of the Redis cluster can be reached")
        }
        ErrorKind::AuthenticationFailed => {
            (Final, true, Unavailable, "Redis refused the user name or the password")
        }
        ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList | ErrorKind::RESP3NotSupported => {
            (Final, true, StoreErrorKind::Unsupported, "Redis cannot be reached the way it is configured")
        }
        ErrorKind::NoValidReplicasFoundBySentinel => (Final, false, ReadOnly, "no replica is in service"),
        _ => (Lost, true, Unavailable, "the connection to Redis was lost or could not be made"),
    }
}

/// The first word of a refusal. Older servers wrap what a script ran into: `ERR Error running script …: -OOM …`.
fn code(error: &RedisError) -> &str {
    let wrapped = || error.detail()?.split(' ').find_map(|word| word.strip_prefix('-'));
    match error.code() {
        Some("ERR") => wrapped().unwrap_or("ERR"),
        code => code.unwrap_or_default(),
    }
}

fn refusal(code: &str) -> Meaning {
    use Fate::{Final, Refused};
    use StoreErrorKind::{Corrupt, Full, ReadOnly, Unavailable};

    match code {
        "READONLY" => (Refused, true, ReadOnly, "this Redis server is a replica and takes no writes"),
        "LOADING" => (Refused, false, Unavailable, "Redis is still loading its data"),
        "BUSY" => (Refused, false, Unavailable, "Redis is busy running somebody's script"),
        "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => {
            (Refused, false, Unavailable, "Redis is moving data or replacing a primary")
        }
        "OOM" => (Final, false, Full, "Redis is out of memory; raise maxmemory, or shorten the timeouts"),
        "NOREPLICAS" => (Final, false, ReadOnly, "Redis has too few replicas in reach to take writes"),
        "MISCONF" => (Final, false, ReadOnly, "Redis cannot write its data to disk and takes no writes"),
        "WRONGTYPE" => {
            (Final, false, Corrupt, "a key of the sessions holds something else; choose another prefix")
        }
        "NOAUTH" | "WRONGPASS" => (Final, true, Unavailable, "Redis refused the user name or the password"),
        "NOPERM" => (
            Final,
            false,
            Unavailable,
            "the Redis user may not run a command that sessions need; see RedisStore",
        ),
        _ => (Final, false, Unavailable, "Redis refused a command"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: &'static str) -> Fault {
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
            assert_eq!(fault(line).error.kind(), kind, "{line}");
        }
    }

    #[test]
    fn a_lost_connection_leaves_the_outcome_open() {
        let io = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        let fault = Fault::from(io);
        assert_eq!((fault.fate, fault.ends_connection), (Fate::Lost, true));
        assert!(fault.error.is_transient());
    }
}
