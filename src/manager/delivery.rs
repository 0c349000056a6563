//! What a client is told of a save: its new token, or that the one it holds is gone.

use super::core::Core;
use crate::{
    error::{SessionError, SessionErrorKind, StoreError},
    session::{Base, Delivery},
    store::Token,
    time::Timestamp,
    transport::{Handout, RequestFacts, ResponseEdits, Transport},
};

/// What a save has achieved.
#[derive(Debug)]
pub(super) struct Saved {
    /// What the session is based on now.
    pub(super) base: Base,
    /// What the client has to be told.
    pub(super) edits: ResponseEdits,
    /// Its new token, if it gets one.
    pub(super) token: Option<Token>,
}

/// Why a save has failed, and what the client has to be told all the same.
#[derive(Debug)]
pub(super) struct SaveError {
    pub(super) error: SessionError,
    pub(super) edits: ResponseEdits,
}

impl From<StoreError> for SaveError {
    fn from(error: StoreError) -> Self {
        Self { error: error.into(), edits: ResponseEdits::default() }
    }
}

/// The client whose session is saved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client<'a> {
    core: &'a Core,
    pub(super) request: RequestFacts,
    delivery: Delivery,
}

impl<'a> Client<'a> {
    pub(super) fn new(core: &'a Core, request: RequestFacts, delivery: Delivery) -> Self {
        Self { core, request, delivery }
    }

    /// What was saved, and what the client has to be told of it.
    pub(super) fn tell(
        &self,
        base: Base,
        token: Option<Token>,
        removes_cookie: bool,
        now: Timestamp,
    ) -> Result<Saved, SaveError> {
        let mut edits = ResponseEdits::default();
        let mut used = None;
        if let (Some(token), Some(record)) = (&token, base.record()) {
            let transport = self.transport();
            check_length(token, transport).map_err(|error| self.failed(error, removes_cookie))?;
            let handout = Handout {
                token,
                lasts: record.deadline().since(now),
                now,
                remembered: record.is_remembered(),
                highest_part: self.request.highest_part,
            };
            transport.hand_out(&handout, &mut edits);
            if transport.is_secure_cookie() {
                self.core.notices.secure_cookie_handed_out(self.request.over_plain_http());
            }
            used = Some(transport);
        }
        if removes_cookie {
            self.take_back(used, &mut edits);
        }
        Ok(Saved { base, edits, token })
    }

    /// A save that failed.
    pub(super) fn failed(&self, error: SessionError, removes_cookie: bool) -> SaveError {
        let mut edits = ResponseEdits::default();
        if removes_cookie {
            self.take_back(None, &mut edits);
        }
        SaveError { error, edits }
    }

    /// How the client gets its new token.
    fn transport(&self) -> &'a Transport {
        let bearer = if self.delivery == Delivery::Bearer { self.core.bearer() } else { None };
        bearer.unwrap_or(&self.core.transports[self.request.transport])
    }

    /// Takes the token back from every place where the client may hold it, apart from the one that gets a new one.
    fn take_back(&self, used: Option<&Transport>, edits: &mut ResponseEdits) {
        let others = self.core.transports.iter().filter(|transport| Some(*transport) != used);
        others.for_each(|transport| transport.take_back(self.request.highest_part, edits));
    }
}

/// A token that is too long for its transport is an error, not a cookie that browsers discard.
fn check_length(token: &Token, transport: &Transport) -> Result<(), SessionError> {
    let size = token.expose().len();
    match transport.longest_token() {
        Some(limit) if size > limit => Err(SessionError::new(
            SessionErrorKind::TooLarge { size, limit },
            format!("the session's token has {size} bytes, but its cookies hold at most {limit}"),
        )),
        _ => Ok(()),
    }
}
