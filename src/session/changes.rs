//! What is to be written of a session, and what its response can still say.

use super::{base::Base, in_doubt::Sent, log::Log, view::View};
use crate::{
    id::SessionId,
    store::{End, Token},
    transport::RequestFacts,
};

/// Whether a session may still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The handler runs; the response will carry what the client has to know.
    Open,
    /// The same, and the handler said that it outlives its response.
    KeptOpen,
    /// The response has left, and the handler saves for itself.
    Detached,
    /// The request has ended.
    Closed,
}

/// A logout that is not written yet. It ends the base; what was logged since belongs to a new session.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Logout {
    /// The session that ends beside the base: one whose creation or rotation was in doubt.
    pub(crate) also: Option<End>,
}

/// How the client gets a new token.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The way in which it presented the last one.
    #[default]
    AsPresented,
    /// As a bearer token, because the handler asked for that.
    Bearer,
}

/// What of a session is not written yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsaved {
    Nothing,
    /// Changes that are lost if the client disconnects.
    Changes,
    /// A login or logout, which is carried through.
    Identity,
}

/// What is to be written: everything since the base.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) request: RequestFacts,
    pub(crate) phase: Phase,
    pub(crate) base: Base,
    /// With a logout, the log and the view belong to a session yet to be created.
    pub(crate) logout: Option<Logout>,
    /// What the changes were last written as, unless the store has answered that it does not have it.
    pub(crate) sent: Option<Sent>,
    pub(crate) log: Log,
    pub(crate) view: View,
    pub(crate) delivery: Delivery,
    /// The ID of the session that they begin, if the handler was told it.
    pub(crate) reserved_id: Option<SessionId>,
    /// Whether the session that they were made to is known to be no more.
    pub(crate) is_lost: bool,
    /// The token that the client came with, if it needs its cookie again.
    pub(crate) token: Option<Token>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.logout.is_none() && self.log.is_empty()
    }
}
