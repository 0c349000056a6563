//! From a request's headers to what its session begins with.

use tracing::{debug, warn};

use super::Core;
use crate::{
    error::{SessionError, StoreError, StoreErrorKind},
    policy::OnOutage,
    record::{Record, SecretMatch},
    session::{Arrival, Backend as _, Base, Ending, Opening, RequestFacts},
    store::{Absence, Loaded, PresentedToken, ReferenceToken, StoreContext},
    time::{Deadline, Timestamp},
    transport::{Candidates, RequestHead, ResponseEdits, Transport, is_cross_site, is_safe},
};

/// What the session of a request begins with, if the store answers without waiting: no future, no timer, no allocation.
pub(super) fn load_now(core: &Core, arrival: &Arrival<'_>) -> Option<Opening> {
    let Arrival { candidates, request } = arrival;
    let now = request.loaded_at;
    let mut finding = Finding::default();
    for token in candidates.tokens() {
        match core.store.load_now(token, now)? {
            Ok(loaded) => finding.add(core.checked(loaded, now), token, now),
            Err(error) => return Some(on_outage(core, error, *request)),
        }
    }
    Some(finding.into_opening(*request, candidates.any))
}

/// What the session of a request begins with.
pub(super) async fn load(core: &Core, arrival: &Arrival<'_>) -> Opening {
    let Arrival { candidates, request } = arrival;
    let now = request.loaded_at;
    let cx = StoreContext::new(now, Deadline::after(core.policy.store_timeout));
    let mut finding = Finding::default();
    for token in candidates.tokens() {
        match core.in_time(cx.deadline, core.store.load(token, cx)).await {
            Ok(loaded) => finding.add(core.checked(loaded, now), token, now),
            Err(error) => return on_outage(core, error, *request),
        }
    }
    finding.into_opening(*request, candidates.any)
}

/// What the request presents in the first place where a token stands.
pub(super) fn arrival<'a>(core: &Core, head: &RequestHead<'a>, allows_cross_site: bool) -> Arrival<'a> {
    let mut facts = RequestFacts::at(core.now());
    let mut chosen = Candidates::default();
    for (at, transport) in core.transports.iter().enumerate() {
        let candidates = transport.candidates(head, &*core.store);
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
    let by_bearer = !chosen.is_empty() && matches!(core.transports[facts.transport], Transport::Bearer(_));
    facts.cross_site = !by_bearer && !allows_cross_site && is_forgeable(head);
    Arrival { candidates: chosen, request: facts }
}

/// Whether another site began the request with a method that may change something.
fn is_forgeable(head: &RequestHead<'_>) -> bool {
    !is_safe(head.method) && is_cross_site(head)
}

/// An outage is a refusal, or by the policy's choice a session that refuses changes.
fn on_outage(core: &Core, error: StoreError, request: RequestFacts) -> Opening {
    warn!(%error, kind = ?error.kind(), "a session could not be loaded");
    // A record that cannot be read is no outage: carrying on would end in overwriting it.
    let is_outage = error.kind() != StoreErrorKind::Corrupt;
    let carries_on = is_outage && core.policy.on_outage == OnOutage::ServeAnonymous;
    let error = SessionError::from(error);
    Opening { refusal: (!carries_on).then(|| error.clone()), base: Base::Outage(error), request }
}

/// Two live sessions were presented. For a name that a sibling subdomain can plant, its variants are removed.
pub(super) fn refuse_both(core: &Core, head: &RequestHead<'_>) -> ResponseEdits {
    warn!("a request presented tokens of two live sessions; neither is believed");
    let mut edits = ResponseEdits::default();
    for transport in &core.transports {
        if let Transport::Cookie(cookie) = transport
            && cookie.can_be_planted()
        {
            cookie.remove_planted(head.host().unwrap_or_default(), &mut edits);
        }
    }
    edits
}

impl Core {
    /// The store's answer, after the engine has checked the times once more.
    fn checked(&self, loaded: Loaded, now: Timestamp) -> Loaded {
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
struct Finding {
    live: Option<Found>,
    /// Other live sessions.
    others: Vec<Ending>,
    absent: Option<Absence>,
}

/// A live session, and the token that opened it.
struct Found {
    record: Record,
    reissue: bool,
    token_len: usize,
    is_outdated: bool,
}

impl Finding {
    fn add(&mut self, loaded: Loaded, token: PresentedToken<'_>, now: Timestamp) {
        match loaded {
            Loaded::Absent(absence) => self.add_absence(absence),
            Loaded::Live { record, reissue } => self.add_live(Found {
                is_outdated: is_outdated(&record, token, now),
                token_len: token.bytes().len(),
                record,
                reissue,
            }),
        }
    }

    fn add_live(&mut self, found: Found) {
        match &self.live {
            Some(known) if known.record.id() != found.record.id() => {
                self.others.push(Ending::of(&found.record));
            }
            Some(known) if !found.is_newer(known) => {}
            _ => self.live = Some(found),
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

    fn into_opening(mut self, mut request: RequestFacts, any_cookie: bool) -> Opening {
        let base = match self.live {
            Some(found) if self.others.is_empty() => {
                request.token_len = Some(found.token_len);
                request.is_outdated = found.is_outdated;
                Base::Live { record: found.record, reissue: found.reissue }
            }
            Some(found) => {
                self.others.push(Ending::of(&found.record));
                Base::Ambiguous(self.others)
            }
            None => Base::Absent(self.absent.or(any_cookie.then_some(Absence::Malformed))),
        };
        Opening { base, request, refusal: None }
    }
}

impl Found {
    /// Of two tokens of one session: a later state, or the same state under its newer secret.
    fn is_newer(&self, known: &Self) -> bool {
        let age = |found: &Self| (found.record.version().counter, !found.is_outdated);
        age(self) > age(known)
    }
}

/// Whether a token has the secret before the present one.
fn is_outdated(record: &Record, token: PresentedToken<'_>, now: Timestamp) -> bool {
    // Seldom: the secret is judged a second time only within the grace after a renewal.
    record.in_grace(now)
        && ReferenceToken::parse(token.bytes())
            .is_some_and(|token| record.compare_secret(token.secret(), now) == SecretMatch::Previous)
}
