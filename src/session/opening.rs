//! What a session begins with: the outcome of its load, and the facts of its request.

use super::{Base, RequestFacts};
use crate::{error::SessionError, time::Timestamp, transport::Candidates};

/// What a request presents.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) candidates: Candidates<'a>,
    pub(crate) request: RequestFacts,
}

/// What a session begins with. Reads look here, without a lock, until something changes.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) base: Base,
    pub(crate) request: RequestFacts,
    /// Why no handler gets the session.
    pub(crate) refusal: Option<SessionError>,
}

impl Opening {
    /// Of a session that was never loaded, which no handler has.
    pub(super) const NONE: Self =
        Self { base: Base::Absent(None), request: RequestFacts::at(Timestamp::MIN), refusal: None };
}
