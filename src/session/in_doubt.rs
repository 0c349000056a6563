//! A write that was sent and whose reply never came.
//!
//! It may have taken effect. If its log were simply written again, an update might be applied twice. So the record is kept
//! as it was sent, with its write ID. If it is sent again, the store recognises it and answers as it did the first time. Only
//! then are the changes applied that were logged since.

use super::{Data, Log};
use crate::record::{Record, Version};

/// A record on its way to the store.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) record: Record,
    /// The state that it replaces; `None` where it begins a session.
    pub(crate) expected: Option<Version>,
}

/// A record that may be stored, and the changes that it contains.
#[derive(Debug)]
pub(super) struct InDoubt {
    pub(super) sent: Sent,
    pub(super) log: Log,
    /// The data that the handler saw when the record was made.
    pub(super) shown: Data,
}
