//! Which server the rig runs, and why it may refuse to run.

use std::{env, ffi::OsString, fmt};

use super::skipped::skipped;

/// Names another server than the installed one: Redis of another version, or Valkey.
const VARIABLE: &str = "CLOAKROOM_REDIS_SERVER";

/// The program of a server, which is a sentinel too when it is told so.
pub(super) fn redis_server() -> OsString {
    env::var_os(VARIABLE).unwrap_or_else(|| "redis-server".into())
}

/// Why a server ended at once, as far as no test is to blame.
pub(super) enum Failure {
    PortTaken,
    WithoutTls,
}

impl Failure {
    /// Reads it from what the server wrote.
    pub(super) fn in_log(log: &str) -> Option<Self> {
        // Without TLS, Redis does not know the option; Valkey does, and then finds that it cannot obey it.
        let unknown_option = log.contains("Bad directive") && log.contains(">>> 'tls-port");
        if log.contains("Address already in use") {
            Some(Self::PortTaken)
        } else if unknown_option || log.contains("Failed finding TLS support") {
            Some(Self::WithoutTls)
        } else {
            None
        }
    }
}

/// The server was built without TLS.
pub(super) struct WithoutTls;

impl WithoutTls {
    /// Says that something is skipped.
    pub(super) fn skips(&self, what: &str) {
        skipped(what, &self.to_string());
    }
}

impl fmt::Display for WithoutTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was built without TLS", redis_server().display())
    }
}
