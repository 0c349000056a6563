//! What a request presents: the candidates for its session's token, and the facts on which its response depends.

use tracing::warn;

use super::{
    Candidates, RequestHead, SiteRules, Transport,
    origin::is_plain_and_remote,
    site::{Initiator, is_safe, keeps_back},
};
use crate::{store::SessionStore, time::Timestamp};

/// What has to be known of a request when its session is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFacts {
    /// When the session was loaded.
    pub(crate) loaded_at: Timestamp,
    /// Whether another site began it with a method that may change something.
    pub(crate) cross_site: bool,
    /// Whether another site began it, with whatever method: then it ends no session.
    pub(crate) from_elsewhere: bool,
    /// Whether the browser may hold a session cookie that it kept back from this request.
    pub(crate) cookie_kept_back: bool,
    /// Whether a browser sent it from a page that came over plain HTTP from another machine.
    pub(crate) over_plain_http: bool,
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
            from_elsewhere: false,
            cookie_kept_back: false,
            over_plain_http: false,
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
        rules: &SiteRules,
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
        if !by_bearer {
            facts.judge_initiator(head, &transports[facts.transport], rules);
        }
        (facts, chosen)
    }

    /// Finds out what the request may not do because of who began it. `transport` brings the client its new token.
    fn judge_initiator(&mut self, head: &RequestHead<'_>, transport: &Transport, rules: &SiteRules) {
        let Initiator { cross_site, trusted } = Initiator::of(head, rules);
        self.over_plain_http = !cross_site && head.header("origin").is_some_and(is_plain_and_remote);
        self.from_elsewhere = cross_site && !trusted;
        self.cross_site = self.from_elsewhere && !is_safe(head.method);
        self.cookie_kept_back =
            cross_site && matches!(transport, Transport::Cookie(cookie) if keeps_back(cookie, head));
    }

    /// Another site may begin requests to its path, whatever they do.
    pub(crate) fn allow_cross_site(&mut self) {
        self.cross_site = false;
        self.from_elsewhere = false;
    }
}
