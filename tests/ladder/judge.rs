//! What must not have happened.

use cloakroom::SessionId;

use crate::{
    history::Bounds,
    network::{MILLISECOND, Moment},
    shared::{Shared, State},
    site::Site,
    tab::{Purpose, Saw, Visit},
};

/// Judges a history by what its rung declares.
///
/// # Errors
/// What must not have happened.
pub(crate) fn judge(site: &Site, visits: &[Visit], bounds: Bounds) -> Result<(), String> {
    let (shared, bound) = (&*site.shared, bounds.stale);
    for visit in visits {
        let complain = |problem: &str| {
            let id = match (visit.saw, visit.presented, visit.wrote) {
                (Saw::Session { id, .. }, ..) | (_, Some((id, _)), _) | (.., Some((id, _))) => Some(id),
                _ => None,
            };
            let states = id.map(|id| shared.between(&id, Moment::ZERO, Moment::MAX));
            Err(format!("{problem}: {visit:?}\n{bounds:?}; the session over time: {states:?}"))
        };
        if !saw_what_was(shared, visit, bounds) {
            return complain("the handler saw what was not stored, or no more");
        }
        if !found_what_was(shared, visit, bound) {
            return complain("the session was stored all the time, and its token opened nothing");
        }
        if matches!(visit.saw, Saw::Refused(status) if status != 503) {
            return complain("a request was refused at its beginning");
        }
        if !has_taken_effect(shared, visit) {
            return complain("what was acknowledged did not happen");
        }
    }
    shared.sessions().iter().try_for_each(|id| counted(site, visits, bounds, id))
}

/// Whether the state that a handler saw was stored at a time within the bound. Where changes wait in memory, that concerns logins and
/// ends.
fn saw_what_was(shared: &Shared, visit: &Visit, bounds: Bounds) -> bool {
    let Saw::Session { id, number, logged_in } = visit.saw else { return true };
    // Clocks show whole milliseconds.
    let from = visit.began.saturating_sub(bounds.stale + 2 * MILLISECOND);
    shared.between(&id, from, visit.loaded).iter().any(|state| match state {
        State::Live { number: n, logged_in: l, .. } => {
            *l == logged_in && (bounds.unsaved.is_some() || *n == number)
        }
        State::Ended => false,
    })
}

/// Whether a token opened its session, if that was stored and had the same login all the time.
fn found_what_was(shared: &Shared, visit: &Visit, bound: Moment) -> bool {
    let (Saw::NoSession, Some((id, login))) = (visit.saw, visit.presented) else { return true };
    let from = visit.began.saturating_sub(bound);
    let was_there = shared.began(&id).is_some_and(|began| began <= from);
    let states = shared.between(&id, from, visit.loaded);
    let is_same = |state: &State| matches!(state, State::Live { epoch, .. } if *epoch == login);
    !(was_there && states.iter().all(is_same))
}

/// Whether an acknowledged login or logout is in the shared store.
fn has_taken_effect(shared: &Shared, visit: &Visit) -> bool {
    let Some((id, Ok(()))) = visit.wrote else { return true };
    let is_login = |state: &State| matches!(state, State::Live { logged_in: true, .. });
    match visit.purpose {
        // It may have begun another session, or have joined that of a twin, which no handler is told.
        Purpose::LogIn => shared
            .sessions()
            .iter()
            .any(|id| shared.between(id, visit.began, Moment::MAX).iter().any(is_login)),
        Purpose::LogOut => matches!(shared.latest(&id), None | Some(State::Ended)),
        Purpose::Look | Purpose::Add => true,
    }
}

/// Whether each acknowledged change was counted once, unless it may be lost, and no other more than once.
fn counted(site: &Site, visits: &[Visit], bounds: Bounds, id: &SessionId) -> Result<(), String> {
    let Some(State::Live { number, .. }) = site.shared.latest(id) else { return Ok(()) };
    let (mut kept, mut at_risk, mut uncertain) = (0, 0, 0);
    for visit in visits.iter().filter(|visit| visit.purpose == Purpose::Add) {
        let count = match visit.wrote {
            Some((of, Ok(()))) if of == *id && may_be_lost(site, visits, visit, bounds) => &mut at_risk,
            Some((of, Ok(()))) if of == *id => &mut kept,
            Some((of, Err(_))) if of == *id => &mut uncertain,
            _ => continue,
        };
        *count += 1;
    }
    if (kept..=kept + at_risk + uncertain).contains(&number) {
        return Ok(());
    }
    Err(format!(
        "{number} changes of {id} were counted: {kept} had to be, {at_risk} more were acknowledged, {uncertain} uncertain\n\
         {bounds:?}: {visits:#?}"
    ))
}

/// Whether a change that was acknowledged may be lost: its node has crashed soon after it, or another node has changed the session.
fn may_be_lost(site: &Site, visits: &[Visit], change: &Visit, bounds: Bounds) -> bool {
    let Some(unsaved) = bounds.unsaved else { return false };
    let until = change.done + unsaved;
    let of = change.wrote.map(|(id, _)| id);
    let moved = visits.iter().any(|other| {
        other.node != change.node
            && other.wrote.is_some_and(|(id, _)| Some(id) == of)
            && (other.began..=other.done + unsaved).contains(&change.done)
            || other.node != change.node
                && other.wrote.is_some_and(|(id, _)| Some(id) == of)
                && (change.began..=until).contains(&other.done)
    });
    moved || site.has_crashed(change.node, change.done, until)
}

/// Whether a handler saw another state than was stored when it was loaded.
pub(crate) fn is_stale(shared: &Shared, visit: &Visit) -> bool {
    let Saw::Session { id, number, .. } = visit.saw else { return false };
    let stored = shared.between(&id, visit.loaded, visit.loaded);
    !stored.iter().any(|state| matches!(state, State::Live { number: n, .. } if *n == number))
}
