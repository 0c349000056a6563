//! From the tokens that a request presents to what its session is based on.

use tracing::debug;

use super::{core::Core, store_calls::StoreCalls};
use crate::{
    error::{SessionError, StoreError},
    id::SessionId,
    record::Record,
    session::Base,
    store::{Absence, End, EndedBy, Found, Freshness, Loaded, PresentedToken, StoreContext, Token, Upkeep},
    time::{Deadline, Timestamp},
    transport::{Places, RequestFacts, RequestHead},
};

/// What came of a load.
pub(super) struct Arrival {
    pub(super) base: Base,
    pub(super) request: RequestFacts,
    /// The token that opened the session, if its cookie has to be sent again.
    pub(super) token: Option<Token>,
}

/// What the session of a request is based on, and the facts of the request.
///
/// A place whose tokens open nothing hides no other: an app's bearer token counts beside a dead cookie, and the other way round.
pub(super) async fn load(core: &Core, head: &RequestHead<'_>, freshness: Freshness) -> Arrival {
    let now = core.clock.now();
    let (mut request, places) = RequestFacts::read(head, &core.transports, &*core.store, &core.sites, now);
    let mut absent = None;
    // A store that answers at once needs no deadline, and so no other clock is read.
    let mut deadline = None;
    for place in places.iter() {
        request.came_by(place, &core.transports, head);
        if place.candidates.too_many {
            request.too_many = true;
            return Arrival { base: Base::Ambiguous(Vec::new()), request, token: None };
        }
        let mut opened = Opened { absent, ..Opened::default() };
        for token in place.candidates.tokens() {
            match core.load_token(token, now, freshness, &mut deadline).await {
                Ok(loaded) => opened.add(core, core.checked(loaded, now), token, now),
                Err(error) => {
                    let error = SessionError::from(error).at_load();
                    error.log();
                    return Arrival { base: Base::Outage(error), request, token: None };
                }
            }
        }
        absent = opened.absent;
        if let Some((base, token)) = opened.into_base(&mut request) {
            let due = base.record().is_some_and(|record| core.cookie_is_due(record, request, now));
            let token = if due { text(token) } else { None };
            return Arrival { base, request, token };
        }
    }
    let base = nothing_opened(core, head, &places, &mut request, absent);
    Arrival { base, request, token: None }
}

/// A token that has opened a session, as it is sent back.
fn text(token: PresentedToken<'_>) -> Option<Token> {
    Token::new(std::str::from_utf8(token.bytes()).ok()?.to_owned())
}

/// What a request is based on whose tokens open nothing.
fn nothing_opened(
    core: &Core,
    head: &RequestHead<'_>,
    places: &Places<'_>,
    request: &mut RequestFacts,
    absent: Option<Absence>,
) -> Base {
    if let Some(first) = places.iter().next() {
        request.came_by(first, &core.transports, head);
    }
    if request.incomplete {
        return Base::Ambiguous(Vec::new());
    }
    Base::Absent(absent.or(places.any.then_some(Absence::Malformed)))
}

impl Core {
    /// What a token opens that the store takes for replaced: its session, if another server has replaced the secret and still
    /// honours it by its own clock.
    ///
    /// # Errors
    /// Those of the store, because an outage is never "no session".
    async fn within_grace(
        &self,
        replaced: Loaded,
        id: SessionId,
        token: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let Some(token) = self.store.reference_token(token) else { return Ok(replaced) };
        Ok(match StoreCalls::with(self, cx).find(&id).await? {
            Some(Found::Live(record))
                if record.may_be_honoured(token.secret(), self.clock_id, self.policy.leeway, cx.now) =>
            {
                Loaded::Live { record, upkeep: Upkeep::None }
            }
            _ => replaced,
        })
    }

    async fn load_token(
        &self,
        token: PresentedToken<'_>,
        now: Timestamp,
        freshness: Freshness,
        deadline: &mut Option<Deadline>,
    ) -> Result<Loaded, StoreError> {
        let mut cx = || {
            let deadline = deadline.get_or_insert_with(|| Deadline::after(self.policy.store_timeout));
            let cx = StoreContext::new(now, *deadline);
            if freshness == Freshness::Now { cx.fresh() } else { cx }
        };
        let at_once = match freshness {
            Freshness::Guaranteed => self.store.load_now(token, now),
            Freshness::Now => None,
        };
        let loaded = match at_once {
            Some(answer) => answer?,
            None => self.store.load(token, cx()).await?,
        };
        match loaded {
            Loaded::Absent(Absence::Rotated { id, at }) if self.policy.is_recent(at, now) => {
                self.within_grace(loaded, id, token, cx()).await
            }
            loaded => Ok(loaded),
        }
    }

    /// The store's answer, after the engine has checked the times once more.
    fn checked(&self, loaded: Loaded, now: Timestamp) -> Loaded {
        if let Loaded::Live { record, .. } = &loaded
            && self.policy.is_ahead(record, now)
        {
            self.notices.clocks_differ(record.latest_time().since(now), self.policy.leeway);
        }
        match loaded {
            Loaded::Live { record, .. } if self.policy.has_expired(&record, now) => {
                Loaded::Absent(Absence::Expired)
            }
            Loaded::Live { record, .. } if self.policy.is_from_the_future(&record, now) => {
                Loaded::Absent(Absence::NotYetValid)
            }
            loaded => loaded,
        }
    }
}

/// What the presented tokens open, taken together. Their order carries no meaning.
#[derive(Default)]
struct Opened<'a> {
    live: Option<OpenedSession<'a>>,
    /// Other live sessions.
    others: Vec<End>,
    absent: Option<Absence>,
}

/// A live session, and the token that opened it.
struct OpenedSession<'a> {
    record: Record,
    upkeep: Upkeep,
    token: PresentedToken<'a>,
    by_previous_secret: bool,
}

impl<'a> Opened<'a> {
    fn add(&mut self, core: &Core, loaded: Loaded, token: PresentedToken<'a>, now: Timestamp) {
        match loaded {
            Loaded::Absent(absence) => self.add_absence(absence),
            Loaded::Live { record, upkeep } => self.add_live(OpenedSession {
                by_previous_secret: core.has_previous_secret(&record, token, now),
                token,
                record,
                upkeep,
            }),
        }
    }

    fn add_live(&mut self, session: OpenedSession<'a>) {
        match &self.live {
            Some(known) if known.record.id() != session.record.id() => {
                self.others.push(End::of(&session.record, EndedBy::Client));
            }
            Some(known) if !session.is_newer(known) => {}
            _ => self.live = Some(session),
        }
    }

    /// Keeps the reason that says most: an end or a rotation restrains what a write may do.
    fn add_absence(&mut self, absence: Absence) {
        debug!(?absence, "a presented session token opens nothing");
        let says_more = matches!(absence, Absence::Rotated { .. } | Absence::Ended { .. });
        if self.absent.is_none() || says_more {
            self.absent = Some(absence);
        }
    }

    /// The base that the tokens open, if they open any, and the one that counts.
    fn into_base(mut self, request: &mut RequestFacts) -> Option<(Base, PresentedToken<'a>)> {
        let session = self.live?;
        if !self.others.is_empty() {
            self.others.push(End::of(&session.record, EndedBy::Client));
            return Some((Base::Ambiguous(self.others), session.token));
        }
        // Its browser has sent the cookie after all.
        request.cookie_kept_back = false;
        request.token_len = Some(session.token.bytes().len());
        request.has_previous_secret = session.by_previous_secret;
        Some((Base::Live { record: session.record, upkeep: session.upkeep }, session.token))
    }
}

impl OpenedSession<'_> {
    /// Of two tokens of one session: a later state, or the same state under its newer secret.
    fn is_newer(&self, known: &Self) -> bool {
        let age = |session: &Self| (session.record.version().counter, !session.by_previous_secret);
        age(self) > age(known)
    }
}

impl Core {
    /// Whether a token has the previous secret of the record that it opened.
    ///
    /// The store's answer does not tell, so the secret is compared a second time, but only within a grace period, which may
    /// have lasted longer by the clock of the server that began it: hardly ever.
    fn has_previous_secret(&self, record: &Record, token: PresentedToken<'_>, now: Timestamp) -> bool {
        record.in_grace(now - self.policy.leeway)
            && self
                .store
                .reference_token(token)
                .is_some_and(|token| !record.is_current_secret(token.secret()))
    }
}
