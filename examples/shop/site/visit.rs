//! What the shop keeps in a session, and what every page shows of it.

use std::time::Duration;

use cloakroom::{Key, Session, SessionError, store::Guarantees};
use time::OffsetDateTime;

use super::cart::Cart;

/// The cart. A key knows its type, so no two places can disagree about what is stored under it.
pub(crate) const CART: Key<Cart> = Key::new("cart");

/// What the next page says. It does not matter much: of two messages the last one wins, and two tabs may both show it.
const MESSAGE: Key<String> = Key::new("message").last_writer_wins();

/// Leaves a message for the next page.
pub(crate) fn tell(session: &Session, message: impl Into<String>) -> Result<(), SessionError> {
    session.insert(MESSAGE, message.into())
}

/// What every page needs to know of who is looking at it.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The name under which the customer logged in.
    pub(crate) name: Option<String>,
    pub(crate) cart: Cart,
    /// The message that an earlier request left. Reading it takes it away.
    pub(crate) message: Option<String>,
    pub(crate) ticket: Ticket,
}

/// Where the session is stored and for how long. Nothing here is secret: an ID names a session but opens none.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) id: Option<String>,
    /// How many bytes the browser sends back with each request.
    pub(crate) token_len: Option<usize>,
    pub(crate) idle_timeout: Duration,
    pub(crate) absolute_timeout: Duration,
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) guarantees: Guarantees,
}

impl Visit {
    /// What `session` tells about this visit.
    pub(crate) fn of(session: &Session) -> Result<Self, SessionError> {
        Ok(Self {
            name: session.subject(),
            cart: session.get(CART)?.unwrap_or_default(),
            message: session.take(MESSAGE)?,
            ticket: Ticket::of(session),
        })
    }
}

impl Ticket {
    fn of(session: &Session) -> Self {
        Self {
            id: session.id().map(|id| id.to_string()),
            token_len: session.token_len(),
            idle_timeout: session.idle_timeout(),
            absolute_timeout: session.absolute_timeout(),
            expires_at: session.expires_at(),
            guarantees: session.guarantees(),
        }
    }
}
