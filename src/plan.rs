//! What a commit does at the store and at the client: every decision about that, as pure functions.
//!
//! Nothing here does I/O, reads a clock or draws randomness, so each decision is tested once, for all stores and
//! frameworks. [`plan`] decides what to begin with, [`on_conflict`] what to do when another request was faster, [`next_record`]
//! and [`first_record`] what the record then contains.

use crate::{
    error::SessionError,
    id::{SessionId, WriteId},
    policy::Policy,
    record::{ClockId, Record},
    secret::Secret,
    session::{Base, Changes, Delivery, Logout, View, conflict},
    store::{Absence, End, EndedBy, Upkeep},
    time::Timestamp,
    transport::RequestFacts,
};

/// Everything that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) changes: &'a Changes,
    /// Whether the response's status lets the handler's changes be kept.
    pub(crate) keeps: bool,
    /// Whether the store takes changes at all.
    pub(crate) writable: bool,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
}

impl Situation<'_> {
    fn upkeep(&self) -> Write {
        if !self.writable {
            return Write::Nothing;
        }
        upkeep(&self.changes.base, self.changes.request, self.policy, self.now)
    }
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The sessions to end first.
    pub(crate) ends: Vec<End>,
    pub(crate) write: Write,
    /// Whether the client's cookie goes, unless the write brings another.
    pub(crate) removes_cookie: bool,
    /// Why a logout is answered with an error all the same: not every session that the client holds is known.
    pub(crate) unconfirmed: Option<SessionError>,
}

/// What becomes of the record that was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Nothing,
    /// Nothing, although something was logged: the session that it would begin could take the place of one whose cookie the
    /// browser holds but kept back.
    Withheld,
    /// Write down that the session was used. Its failure fails no response.
    Touch,
    /// Write it although nothing changed. Its failure fails no response.
    Reissue,
    /// Put the changed record in its place.
    Replace,
    /// Begin a session, whether there was one or not.
    Create,
}

/// A plan that cannot be made.
#[derive(Debug)]
pub(crate) struct PlanError {
    pub(crate) error: SessionError,
    /// Whether the client's cookie goes all the same: an explicit logout always removes it.
    pub(crate) removes_cookie: bool,
}

impl From<SessionError> for PlanError {
    fn from(error: SessionError) -> Self {
        Self { error, removes_cookie: false }
    }
}

/// Decides what a commit begins with.
pub(crate) fn plan(situation: &Situation<'_>) -> Result<Plan, PlanError> {
    let Situation { changes, keeps, .. } = *situation;
    let has_log = keeps && !changes.log.is_empty();
    if changes.logout.is_none() && !has_log {
        return Ok(Plan {
            ends: Vec::new(),
            write: situation.upkeep(),
            removes_cookie: false,
            unconfirmed: None,
        });
    }
    // A logout is refused by any method: a link to it on another site would be one that logs visitors out.
    let ends = changes.logout.is_some() && !changes.view.logged_in;
    if changes.request.cross_site || (ends && changes.request.from_elsewhere) {
        return Err(SessionError::cross_site().into());
    }
    match changes.logout {
        Some(logout) => after_logout(situation, logout, has_log),
        None => ordinary(situation),
    }
}

/// The session is logged out; what was logged since belongs to a new one.
fn after_logout(situation: &Situation<'_>, logout: Logout, has_log: bool) -> Result<Plan, PlanError> {
    let Situation { changes, policy, now, .. } = *situation;
    let removes_cookie = changes.request.removes_cookie();
    if let Base::Outage(error) = &changes.base {
        return Err(PlanError { error: error.clone(), removes_cookie });
    }
    Ok(Plan {
        ends: ended_by_logout(&changes.base, policy, now).into_iter().chain(logout.also).collect(),
        write: if has_log { begin(changes) } else { Write::Nothing },
        removes_cookie,
        // A login is never refused.
        unconfirmed: if changes.view.logged_in { None } else { unknown_session(changes) },
    })
}

/// The sessions that a logout ends. A token from before a login that was just made belongs to a client that is logged in by now,
/// for instance in another tab, and the logout is meant for that login, too.
fn ended_by_logout(base: &Base, policy: &Policy, now: Timestamp) -> Vec<End> {
    match base {
        Base::Absent(Some(Absence::Rotated { id, at })) if policy.is_recent(*at, now) => {
            vec![End { id: *id, until: now, by: EndedBy::Client }]
        }
        // It was ended from elsewhere. From now on requests that its client sent before count as overtaken.
        Base::Absent(Some(Absence::Ended { id, by: EndedBy::Other, .. })) => {
            vec![End { id: *id, until: now, by: EndedBy::Client }]
        }
        base => base.presented(),
    }
}

/// Why a session of this client may be unknown.
fn unknown_session(changes: &Changes) -> Option<SessionError> {
    if changes.request.too_many {
        Some(ambiguous())
    } else if is_outside_path(changes) {
        Some(SessionError::outside_cookie_path())
    } else {
        None
    }
}

/// Whether a cookie would be set by a request that cannot have brought the one that it displaces.
fn is_outside_path(changes: &Changes) -> bool {
    changes.request.outside_path && changes.delivery == Delivery::AsPresented
}

fn ambiguous() -> SessionError {
    conflict("the cookies of this request do not tell which session it belongs to, so none is believed")
}

fn ordinary(situation: &Situation<'_>) -> Result<Plan, PlanError> {
    let Situation { changes, policy, now, .. } = *situation;
    let write = match &changes.base {
        Base::Outage(error) => return Err(error.clone().into()),
        // No handler has it, so nothing was logged.
        Base::Unloaded => Write::Nothing,
        Base::Live { record, .. } if is_unchanged(record, &changes.view) => situation.upkeep(),
        Base::Live { .. } => Write::Replace,
        _ if begin(changes) != Write::Create => begin(changes),
        _ if changes.view.logged_in => Write::Create,
        Base::Ambiguous(_) => return Err(ambiguous().into()),
        _ if is_outside_path(changes) => return Err(SessionError::outside_cookie_path().into()),
        Base::Absent(reason) if was_overtaken(*reason, policy, now) => return Err(overtaken().into()),
        Base::Absent(_) => Write::Create,
    };
    Ok(Plan { ends: Vec::new(), write, removes_cookie: false, unconfirmed: None })
}

/// Whether the client's own login or logout came so shortly before that this request may have been sent before it. Its
/// client holds, or will hold, a newer cookie, which a new session's would displace.
///
/// A session that somebody else has ended is no such case: its client holds no other cookie. A token that was issued in this
/// server's future is one, because its session is live on another server.
pub(crate) fn was_overtaken(reason: Option<Absence>, policy: &Policy, now: Timestamp) -> bool {
    match reason {
        Some(Absence::Rotated { at, .. } | Absence::Ended { at, by: EndedBy::Client, .. }) => {
            policy.is_recent(at, now)
        }
        Some(Absence::NotYetValid) => true,
        _ => false,
    }
}

pub(crate) fn overtaken() -> SessionError {
    conflict(
        "this request presents a token from before a login or logout of the same client, or from the future",
    )
}

/// What becomes of a session that does not exist yet.
fn begin(changes: &Changes) -> Write {
    if !changes.view.is_worth_a_session() {
        Write::Nothing
    } else if withholds(changes) {
        Write::Withheld
    } else {
        Write::Create
    }
}

/// Whether what was logged may begin no session, because its cookie could take the place of one that the browser holds but kept
/// back from this request. A login may: it is meant to take that place.
pub(crate) fn withholds(changes: &Changes) -> bool {
    let begins = matches!(changes.base, Base::Absent(_)) && changes.view.is_worth_a_session();
    begins
        && changes.request.cookie_kept_back
        && !changes.view.logged_in
        && changes.delivery == Delivery::AsPresented
}

/// Whether the log, taken together, changes nothing.
fn is_unchanged(record: &Record, view: &View) -> bool {
    !view.rotates() && !view.lifetime_changed && view.data == *record.data()
}

/// Whether the client of this request has been given a newer secret already: then nothing but a login gives it another.
///
/// The two responses may overtake each other. If both brought a secret, the browser could end up with the earlier one, which
/// is refused when its grace period ends. And a thief of an old secret would get a new one for it.
///
/// If the response with the new secret was lost, the client is served until the grace period ends, and begins anew then. That
/// is the price of the bound: no old secret may buy more time. A bearer token goes another way, and only its asker gets it.
pub(crate) fn was_renewed(request: RequestFacts, delivery: Delivery) -> bool {
    request.has_previous_secret && delivery == Delivery::AsPresented
}

/// Whether the client needs its cookie again, though nothing changed: the session came in a cookie that another one has
/// replaced, or it is remembered and goes on.
///
/// It is sent after a write that no other one may have preceded, and so by no request that was sent before a login.
pub(crate) fn cookie_is_due(record: &Record, request: RequestFacts, policy: &Policy, now: Timestamp) -> bool {
    !request.has_previous_secret && (request.by_old_cookie || policy.prolongs(record, now).is_some())
}

/// What a session needs that no handler changed.
pub(crate) fn upkeep(base: &Base, request: RequestFacts, policy: &Policy, now: Timestamp) -> Write {
    match base {
        // A self-contained token would need a cookie.
        _ if request.cross_site => Write::Nothing,
        Base::Live { upkeep: Upkeep::Reissue, .. } => Write::Reissue,
        Base::Live { record, .. } if cookie_is_due(record, request, policy, now) => Write::Reissue,
        Base::Live { upkeep: Upkeep::Touch, .. } => Write::Touch,
        Base::Live { record, .. } if policy.touch_is_due(record, now) => Write::Touch,
        _ => Write::Nothing,
    }
}

/// What to do when another request has written the record first.
#[derive(Debug)]
pub(crate) enum OnConflict {
    /// Apply the log to what they left.
    Replay,
    /// Begin a fresh session for the login in the log.
    StartAnew,
    /// Go on in this session, in which the same subject has just logged in.
    Join(Record),
    /// Give up; the client has to try again.
    Refuse,
}

/// Whether a session is still the same: same subject, same login. A renewal counts as equal.
pub(crate) fn is_continued_by(loaded: &Record, stored: &Record) -> bool {
    loaded.subject() == stored.subject() && loaded.epoch() == stored.epoch()
}

/// Replay only continues a session that is still the same.
pub(crate) fn on_conflict(
    loaded: &Record,
    stored: &Record,
    changes: &Changes,
    policy: &Policy,
    now: Timestamp,
) -> OnConflict {
    if is_continued_by(loaded, stored) {
        OnConflict::Replay
    } else if changes.log.logs_in() {
        if is_same_login(stored, &changes.view, policy, now) {
            return OnConflict::Join(stored.clone());
        }
        OnConflict::StartAnew
    } else {
        OnConflict::Refuse
    }
}

/// Whether this login and one that was just stored are the same person's, like the two requests of a double click. Then one
/// session is enough for both.
pub(crate) fn is_same_login(stored: &Record, view: &View, policy: &Policy, now: Timestamp) -> bool {
    let same = view.subject.as_ref().is_some_and(|subject| stored.subject() == Some(subject.as_str()));
    same && stored.acting_as().is_none()
        && stored.authenticated_at().is_some_and(|at| policy.is_recent(at, now))
}

/// The random parts of a write, drawn by the caller.
#[derive(Debug)]
pub(crate) struct Draws {
    pub(crate) write: WriteId,
    /// Drawn if the view [rotates](View::rotates), or the client holds no reference token yet.
    pub(crate) secret: Option<Secret>,
    /// Whose clock tells the time of the write.
    pub(crate) clock: ClockId,
    /// Which revocations a login comes after.
    pub(crate) sequence: u64,
}

/// The state of a session after `changes`, on top of `base`; `confirms` ends the grace of the previous secret.
pub(crate) fn next_record(
    base: &Record,
    view: &View,
    draws: Draws,
    confirms: bool,
    policy: &Policy,
    now: Timestamp,
) -> Record {
    let mut draft = base.successor(draws.write).data(view.data.clone()).active(now);
    if confirms {
        draft = draft.confirmed();
    }
    if let Some(secret) = draws.secret {
        draft = draft.rotated(secret, policy.rotation(view.logged_in || view.switched, draws.clock, now));
    }
    if view.logged_in {
        draft = draft.after_revocations(draws.sequence);
    }
    with_identity(draft, view, policy, now).finish()
}

/// The first state of a new session, which comes after these revocations.
pub(crate) fn first_record(
    (id, secret): (SessionId, Secret),
    write: WriteId,
    sequence: u64,
    view: &View,
    policy: &Policy,
    now: Timestamp,
) -> Record {
    let draft =
        Record::new(id, secret, write, policy.anonymous_lifetime(), now).into_draft().data(view.data.clone());
    with_identity(draft.after_revocations(sequence), view, policy, now).finish()
}

fn with_identity(
    mut draft: crate::record::Draft,
    view: &View,
    policy: &Policy,
    now: Timestamp,
) -> crate::record::Draft {
    if let (true, Some(subject)) = (view.logged_in, &view.subject) {
        draft = draft.logged_in(subject.clone(), view.authenticated_at.unwrap_or(now));
    }
    if view.switched {
        draft = draft.acting(view.acting_as.clone());
    }
    if !view.logged_in && !view.lifetime_changed && !view.prolonged {
        return draft;
    }
    let ordinary = if view.subject.is_some() { policy.lifetime } else { policy.anonymous_lifetime() };
    match view.remembered {
        Some(asked) => draft.lifetime(policy.remembered(asked), now).remembered(true),
        None if view.logged_in => draft.lifetime(ordinary, now).remembered(false),
        // Taken back: both timeouts count from now on.
        None => draft.begun(now).lifetime(ordinary, now).remembered(false),
    }
}
