//! What a request presents: the candidates for its session's token, and the facts on which its response depends.

use tracing::warn;

use super::{Candidates, RequestHead, Transport, is_cross_site, is_safe};
use crate::{store::SessionStore, time::Timestamp};

/// What has to be known of a request when its session is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFacts {
    /// When the session was loaded.
    pub(crate) loaded_at: Timestamp,
    /// Whether another site began it with a method that may change something.
    pub(crate) cross_site: bool,
    /// Whether its client holds a cookie of the session's name, or is about to get one.
    pub(crate) holds_cookie: bool,
    /// The highest number of a cookie with a part of a token.
    pub(crate) highest_part: usize,
    /// By which of the manager's transports the token came; the first if none came.
    pub(crate) transport: usize,
    /// The size of the token that opened the session.
    pub(crate) token_len: Option<usize>,
    /// Whether that token has the previous secret, within its grace period.
    pub(crate) has_previous_secret: bool,
}

impl RequestFacts {
    /// Those of a request that presented nothing at this time.
    pub(crate) const fn at(now: Timestamp) -> Self {
        Self {
            loaded_at: now,
            cross_site: false,
            holds_cookie: false,
            highest_part: 0,
            transport: 0,
            token_len: None,
            has_previous_secret: false,
        }
    }

    /// Reads a request: the first transport by which a token came provides the candidates.
    pub(crate) fn read<'a>(
        head: &RequestHead<'a>,
        transports: &[Transport],
        store: &dyn SessionStore,
        now: Timestamp,
    ) -> (Self, Candidates<'a>) {
        let mut facts = Self::at(now);
        let mut chosen = Candidates::default();
        for (at, transport) in transports.iter().enumerate() {
            let candidates = transport.candidates(head, store);
            if let Transport::Cookie(_) = transport {
                facts.holds_cookie |= candidates.any;
                facts.highest_part = facts.highest_part.max(candidates.highest_part);
            }
            if candidates.too_many {
                warn!("a request presented more session tokens than are tried");
            }
            if chosen.is_empty() && !candidates.is_empty() {
                facts.transport = at;
                chosen = candidates;
            } else {
                chosen.any |= candidates.any;
            }
        }
        // A browser does not add a bearer token to a request of its own accord.
        let by_bearer = !chosen.is_empty() && matches!(transports[facts.transport], Transport::Bearer(_));
        facts.cross_site = !by_bearer && !is_safe(head.method) && is_cross_site(head);
        (facts, chosen)
    }
}
