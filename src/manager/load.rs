//! From the tokens that a request presents to what its session is based on.

use std::sync::atomic::Ordering;

use tracing::{debug, warn};

use super::core::Core;
use crate::{
    error::SessionError,
    record::Record,
    session::Base,
    store::{Absence, End, EndedBy, Found, Loaded, PresentedToken, ReferenceToken, StoreContext},
    time::{Deadline, Timestamp},
    transport::{RequestFacts, RequestHead},
};

/// What the session of a request is based on, and the facts of the request.
pub(super) async fn load(core: &Core, head: &RequestHead<'_>) -> (Base, RequestFacts) {
    let now = core.clock.now();
    let (mut request, candidates) =
        RequestFacts::read(head, &core.transports, &*core.store, &core.sites, now);
    let mut opened = Opened::default();
    // A store that answers at once needs no deadline, and so no other clock is read.
    let mut deadline = None;
    for token in candidates.tokens() {
        let answer = match core.store.load_now(token, now) {
            Some(answer) => answer,
            None => {
                let deadline = *deadline.get_or_insert_with(|| Deadline::after(core.policy.store_timeout));
                core.store.load(token, StoreContext::new(now, deadline)).await
            }
        };
        match answer {
            Ok(loaded) => {
                let loaded = core.within_grace(loaded, token, now).await;
                opened.add(core.checked(loaded, now), token, now - core.policy.leeway);
            }
            Err(error) => {
                let error = SessionError::from(error).at_load();
                error.log();
                return (Base::Outage(error), request);
            }
        }
    }
    let base = opened.into_base(&mut request, candidates.any);
    (base, request)
}

impl Core {
    /// The store's answer, unless another server has replaced the token's secret and still honours it by its own clock.
    async fn within_grace(&self, loaded: Loaded, token: PresentedToken<'_>, now: Timestamp) -> Loaded {
        let Loaded::Absent(Absence::Rotated { id, at }) = loaded else { return loaded };
        let Some(token) = ReferenceToken::parse(token.bytes()) else { return loaded };
        if !self.policy.is_recent(at, now) {
            return loaded;
        }
        match self.store.find(&id, self.cx()).await {
            Ok(Found::Live(record))
                if record.may_be_honoured(token.secret(), self.clock_id, self.policy.leeway, now) =>
            {
                Loaded::Live { record, reissue: false }
            }
            // It was replaced, whatever a second question is answered.
            _ => loaded,
        }
    }

    /// The store's answer, after the engine has checked the times once more.
    fn checked(&self, loaded: Loaded, now: Timestamp) -> Loaded {
        if let Loaded::Live { record, .. } = &loaded
            && self.policy.is_ahead(record, now)
        {
            self.warn_of_clocks(record, now);
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

impl Core {
    /// Says once that another server's clock is ahead of this one by more than the leeway, or this one behind.
    fn warn_of_clocks(&self, record: &Record, now: Timestamp) {
        if !self.has_warned_of_clocks.swap(true, Ordering::Relaxed) {
            let ahead = record.latest_time().since(now);
            warn!(?ahead, leeway = ?self.policy.leeway, "the clocks of the servers differ by more than the leeway");
        }
    }
}

/// What the presented tokens open, taken together. Their order carries no meaning.
#[derive(Default)]
struct Opened {
    live: Option<OpenedSession>,
    /// Other live sessions.
    others: Vec<End>,
    absent: Option<Absence>,
}

/// A live session, and the token that opened it.
struct OpenedSession {
    record: Record,
    reissue: bool,
    token_len: usize,
    by_previous_secret: bool,
}

impl Opened {
    fn add(&mut self, loaded: Loaded, token: PresentedToken<'_>, earliest: Timestamp) {
        match loaded {
            Loaded::Absent(absence) => self.add_absence(absence),
            Loaded::Live { record, reissue } => self.add_live(OpenedSession {
                by_previous_secret: has_previous_secret(&record, token, earliest),
                token_len: token.bytes().len(),
                record,
                reissue,
            }),
        }
    }

    fn add_live(&mut self, session: OpenedSession) {
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

    fn into_base(mut self, request: &mut RequestFacts, any_cookie: bool) -> Base {
        match self.live {
            Some(session) if self.others.is_empty() => {
                request.token_len = Some(session.token_len);
                // Its browser has sent the cookie after all.
                request.cookie_kept_back = false;
                request.has_previous_secret = session.by_previous_secret;
                Base::Live { record: session.record, reissue: session.reissue }
            }
            Some(session) => {
                self.others.push(End::of(&session.record, EndedBy::Client));
                Base::Ambiguous(self.others)
            }
            None => Base::Absent(self.absent.or(any_cookie.then_some(Absence::Malformed))),
        }
    }
}

impl OpenedSession {
    /// Of two tokens of one session: a later state, or the same state under its newer secret.
    fn is_newer(&self, known: &Self) -> bool {
        let age = |session: &Self| (session.record.version().counter, !session.by_previous_secret);
        age(self) > age(known)
    }
}

/// Whether a token has the previous secret of the record that it opened.
///
/// The store's answer does not tell, so the secret is compared a second time, but only within a grace period, which may
/// have lasted until `earliest` by the clock of the server that began it: hardly ever.
fn has_previous_secret(record: &Record, token: PresentedToken<'_>, earliest: Timestamp) -> bool {
    record.in_grace(earliest)
        && ReferenceToken::parse(token.bytes()).is_some_and(|token| !record.is_current_secret(token.secret()))
}
