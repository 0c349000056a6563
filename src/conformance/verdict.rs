//! How a check ends.

use crate::error::{SessionError, StoreError};

/// The end of one check.
pub type Verdict = Result<(), Failure>;

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The store does not do what it guarantees; this is what was seen.
    #[error("{0}")]
    Broken(String),
    /// The harness lacks this method, which the check needs.
    #[error("cannot be seen without the harness's {0}()")]
    Unverifiable(&'static str),
}

/// A guarantee that was seen to be broken.
pub(super) fn broken(seen: impl Into<String>) -> Failure {
    Failure::Broken(seen.into())
}

/// Fails with what was seen unless `holds`.
pub(super) fn ensure(holds: bool, seen: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(broken(seen())) }
}

/// What the harness offers, or why the check ends here.
pub(super) fn offered<T>(offer: Option<T>, method: &'static str) -> Result<T, Failure> {
    offer.ok_or(Failure::Unverifiable(method))
}

/// An error of the store where none was due.
pub(super) fn failed(call: &str, error: &StoreError) -> Failure {
    broken(format!("{call} failed: {error} ({:?})", error.kind()))
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        broken(format!("a request failed: {error} ({:?})", error.kind()))
    }
}

impl From<crate::random::NoRandomness> for Failure {
    fn from(error: crate::random::NoRandomness) -> Self {
        broken(error.to_string())
    }
}
