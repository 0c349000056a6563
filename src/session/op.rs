//! A single change that a handler asks for.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use crate::{
    error::{SessionError, SessionErrorKind},
    record::Subject,
    time::Timestamp,
};

/// A function of a stored value: given the JSON text or its absence, it gives the new JSON text.
pub(crate) type Change = Box<dyn Fn(Option<&[u8]>) -> Result<Vec<u8>, SessionError> + Send>;

/// Whether a blind write minds that its key changed since this request began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The value was chosen without a look at the old one, or the last writer may win.
    Blind,
    /// The old value was read, so the new one may be derived from it.
    Read,
}

pub(crate) enum Op {
    Set {
        key: Box<str>,
        value: Box<[u8]>,
        guard: Guard,
    },
    Remove {
        key: Box<str>,
        guard: Guard,
    },
    Update {
        key: Box<str>,
        change: Change,
    },
    Clear,
    LogIn {
        subject: Subject,
        at: Timestamp,
    },
    /// The subject acts as this one, or as itself again.
    Act(Option<Subject>),
    Renew,
    Remember(Duration),
    Forget,
}

impl Op {
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Set { key, .. } | Self::Remove { key, .. } | Self::Update { key, .. } => Some(key),
            Self::Clear
            | Self::LogIn { .. }
            | Self::Act(_)
            | Self::Renew
            | Self::Remember(_)
            | Self::Forget => None,
        }
    }

    pub(super) fn guard(&self) -> Guard {
        match self {
            Self::Set { guard, .. } | Self::Remove { guard, .. } => *guard,
            _ => Guard::Blind,
        }
    }

    /// Whether it is about who the session belongs to and for how long, not about what it holds.
    pub(super) fn is_about_identity(&self) -> bool {
        matches!(self, Self::LogIn { .. } | Self::Act(_) | Self::Renew | Self::Remember(_) | Self::Forget)
    }

    /// Whether it leaves its key the same whatever stood there before.
    pub(super) fn overwrites(&self) -> bool {
        matches!(self, Self::Set { .. } | Self::Remove { .. })
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set { .. } => "Set",
            Self::Remove { .. } => "Remove",
            Self::Update { .. } => "Update",
            Self::Clear => "Clear",
            Self::LogIn { .. } => "LogIn",
            Self::Act(_) => "Act",
            Self::Renew => "Renew",
            Self::Remember(_) => "Remember",
            Self::Forget => "Forget",
        })
    }
}

/// Runs an application's closure; its panic becomes an error, so that no request path unwinds.
pub(crate) fn run(change: &Change, current: Option<&[u8]>) -> Result<Vec<u8>, SessionError> {
    catch_unwind(AssertUnwindSafe(|| change(current))).unwrap_or_else(|_| Err(panicked()))
}

pub(crate) fn panicked() -> SessionError {
    SessionError::new(
        SessionErrorKind::UpdatePanicked,
        "a closure given to a session update panicked; its change was not made",
    )
}

pub(crate) fn conflict(message: &'static str) -> SessionError {
    SessionError::new(SessionErrorKind::Conflict, message)
}
