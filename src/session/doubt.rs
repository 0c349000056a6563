//! A write that was sent and whose reply never came.
//!
//! It may have taken effect. If its log were simply written again, an update might be applied twice. So the record is kept
//! as it was sent, its write ID included: sent once more, the store recognises it and answers as it did the first time.
//! Only then is applied what was logged since.

use super::Log;
use crate::record::{Record, Version};

/// A record on its way to the store.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) record: Record,
    /// The state that it replaces; `None` where it begins a session.
    pub(crate) expected: Option<Version>,
}

/// A record that may have arrived, and the changes that it holds.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) sent: Sent,
    pub(super) log: Log,
}
