//! From a request's headers to a session.

use std::sync::Arc;

use tracing::{debug, warn};

use super::Core;
use crate::{
    error::{SessionError, StoreError, StoreErrorKind},
    policy::OnOutage,
    record::{Record, Verdict},
    session::{Backend as _, Base, Ending, RequestFacts, Session},
    store::{Absence, Cx, Loaded, Presented, ReferenceToken, within},
    time::{Deadline, Timestamp},
    transport::{Candidates, RequestHead, ResponseEdits, Transport, is_cross_site, is_safe},
};

/// The session of a request. An outage is an error, or by the policy's choice a session that refuses changes.
pub(super) async fn load(core: &Arc<Core>, head: &RequestHead<'_>) -> Result<Session, SessionError> {
    let now = core.now();
    let (candidates, mut facts) = search(core, head, now);
    let mut finding = Finding::default();
    for token in candidates.tokens() {
        match look_up(core, token, now).await {
            Ok(loaded) => finding.add(core.checked(loaded, now), token, now),
            Err(error) => return on_outage(core, error, facts),
        }
    }
    if let Some(found) = &finding.live {
        facts.token_len = Some(found.token_len);
        facts.is_outdated = found.is_outdated;
    }
    let session = Session::new(Arc::clone(core) as _, finding.into_base(candidates.any), facts);
    if let Base::Ambiguous(_) = session.loaded() {
        session.deposit(refuse_both(core, head), None);
    }
    Ok(session)
}

/// What the request presents in the first place where a token stands.
fn search<'a>(core: &Core, head: &RequestHead<'a>, now: Timestamp) -> (Candidates<'a>, RequestFacts) {
    let mut facts = RequestFacts::at(now);
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
    facts.cross_site = !by_bearer && is_forbidden(core, head);
    (chosen, facts)
}

/// Whether another site began the request with a method that may change something, and nobody has allowed that.
fn is_forbidden(core: &Core, head: &RequestHead<'_>) -> bool {
    let allowed = || core.cross_site_paths.iter().any(|path| path == head.path);
    !is_safe(head.method) && is_cross_site(head) && !allowed()
}

/// Asks the store; without a wait, a timer or an allocation where it can answer at once.
async fn look_up(core: &Core, token: Presented<'_>, now: Timestamp) -> Result<Loaded, StoreError> {
    if let Some(answer) = core.store.load_now(token, now) {
        return answer;
    }
    let cx = Cx::new(now, Deadline::after(core.policy.store_timeout));
    within(cx.deadline, core.store.load(token, cx)).await
}

fn on_outage(core: &Arc<Core>, error: StoreError, facts: RequestFacts) -> Result<Session, SessionError> {
    warn!(%error, kind = ?error.kind(), "a session could not be loaded");
    // A record that cannot be read is no outage: carrying on would end in overwriting it.
    let is_outage = error.kind() != StoreErrorKind::Corrupt;
    let error = SessionError::from(error);
    match core.policy.on_outage {
        OnOutage::CarryOnAnonymous if is_outage => {
            Ok(Session::new(Arc::clone(core) as _, Base::Outage(error), facts))
        }
        _ => Err(error),
    }
}

/// Two live sessions were presented. For a name that a sibling subdomain can plant, its variants are removed.
fn refuse_both(core: &Core, head: &RequestHead<'_>) -> ResponseEdits {
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
                Loaded::Absent(Absence::NotYet)
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
    fn add(&mut self, loaded: Loaded, token: Presented<'_>, now: Timestamp) {
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

    fn into_base(mut self, any_cookie: bool) -> Base {
        match self.live {
            Some(Found { record, reissue, .. }) if self.others.is_empty() => Base::Live { record, reissue },
            Some(Found { record, .. }) => {
                self.others.push(Ending::of(&record));
                Base::Ambiguous(self.others)
            }
            None => Base::Absent(self.absent.or(any_cookie.then_some(Absence::Malformed))),
        }
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
fn is_outdated(record: &Record, token: Presented<'_>, now: Timestamp) -> bool {
    // Seldom: the secret is judged a second time only within the grace after a renewal.
    record.in_grace(now)
        && ReferenceToken::parse(token.bytes())
            .is_some_and(|token| record.judge(token.secret(), now) == Verdict::Previous)
}
