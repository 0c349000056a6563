//! What a request presents: the candidates for its session's token, and the facts on which its response depends.

use super::{
    Candidates, Cookie, Place, Places, RequestHead, SiteRules, Transport,
    site::{Initiator, is_safe, keeps_back},
};
use crate::{store::SessionStore, time::Timestamp};

/// What has to be known of a request when its session is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFacts {
    /// When the session was loaded.
    pub(crate) loaded_at: Timestamp,
    initiator: Initiator,
    /// Whether another site began it with a method that may change something.
    pub(crate) cross_site: bool,
    /// Whether another site began it, with whatever method: then it ends no session.
    pub(crate) from_elsewhere: bool,
    /// Whether the browser may hold a session cookie that it kept back from this request.
    pub(crate) cookie_kept_back: bool,
    /// Whether its client holds a cookie of the session's name, or is about to get one.
    pub(crate) holds_cookie: bool,
    /// Whether it went to where its client sends no cookie.
    pub(crate) outside_path: bool,
    /// Whether its client may hold a replaced cookie that it does not send there.
    pub(crate) may_hold_old_cookie: bool,
    /// The highest number of a cookie with a part of a token.
    pub(crate) highest_part: usize,
    /// Whether a token in parts lacks one of them, which a sibling subdomain may have brought about.
    pub(crate) incomplete: bool,
    /// Whether a part of a token has several values.
    pub(crate) contested: bool,
    /// Whether it presented more tokens than are tried.
    pub(crate) too_many: bool,
    /// By which of the manager's transports the token came; the first if none came.
    pub(crate) transport: usize,
    /// Whether the token came in a cookie that another one has replaced.
    pub(crate) by_old_cookie: bool,
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
            initiator: Initiator::UNKNOWN,
            cross_site: false,
            from_elsewhere: false,
            cookie_kept_back: false,
            holds_cookie: false,
            outside_path: false,
            may_hold_old_cookie: false,
            highest_part: 0,
            incomplete: false,
            contested: false,
            too_many: false,
            transport: 0,
            by_old_cookie: false,
            token_len: None,
            has_previous_secret: false,
        }
    }

    /// Reads a request. By which place its session came is [told later](Self::came_by).
    pub(crate) fn read<'a>(
        head: &RequestHead<'a>,
        transports: &[Transport],
        store: &dyn SessionStore,
        rules: &SiteRules,
        now: Timestamp,
    ) -> (Self, Places<'a>) {
        let mut facts = Self::at(now);
        let mut places = Places::default();
        for (at, transport) in transports.iter().enumerate() {
            transport.presented(head, store, &mut |is_old, candidates| {
                facts.note(transport, &candidates);
                places.add(at, is_old, candidates);
            });
        }
        facts.initiator = Initiator::of(head, rules);
        // Without a token it may be a browser's, whatever other clients the manager serves.
        facts.judge_initiator(transports.iter().find_map(Transport::as_cookie), head);
        (facts, places)
    }

    fn note(&mut self, transport: &Transport, candidates: &Candidates<'_>) {
        if let Transport::Cookie(cookie) = transport {
            self.holds_cookie |= candidates.any;
            self.highest_part = self.highest_part.max(candidates.highest_part);
            self.incomplete |= candidates.incomplete && cookie.has_variants();
            self.contested |= candidates.contested;
        }
    }

    /// Whether a browser sent it from a page that came over plain HTTP from another machine.
    pub(crate) fn over_plain_http(&self) -> bool {
        self.initiator.over_plain_http
    }

    /// Whether a logout removes cookies.
    pub(crate) fn removes_cookie(&self) -> bool {
        self.holds_cookie || self.outside_path || self.may_hold_old_cookie
    }

    /// Notes the place that opened the session; where none did, the first with tokens in it.
    pub(crate) fn came_by(&mut self, place: &Place<'_>, transports: &[Transport], head: &RequestHead<'_>) {
        self.transport = place.transport;
        self.by_old_cookie = place.is_old;
        self.judge_initiator(transports[place.transport].as_cookie(), head);
    }

    /// Finds out what the request may not do because of who began it. `cookie` brought its token, or would bring it a new one; a
    /// browser does not add a bearer token to a request of its own accord.
    fn judge_initiator(&mut self, cookie: Option<&Cookie>, head: &RequestHead<'_>) {
        let Initiator { cross_site, trusted, .. } = self.initiator;
        self.from_elsewhere = cookie.is_some() && cross_site && !trusted;
        self.cross_site = self.from_elsewhere && !is_safe(head.method);
        self.cookie_kept_back = cross_site && cookie.is_some_and(|cookie| keeps_back(cookie, head));
    }

    /// Another site may begin requests to its path, whatever they do.
    pub(crate) fn allow_cross_site(&mut self) {
        self.cross_site = false;
        self.from_elsewhere = false;
    }
}
