//! What must not have happened.

use cloakroom::SessionId;

use crate::{
    network::{MILLISECOND, Moment},
    shared::{Shared, State},
    tab::{Purpose, Saw, Visit},
};

/// Judges a history in which answers may be older by `bound`.
///
/// # Errors
/// What must not have happened.
pub(crate) fn judge(shared: &Shared, visits: &[Visit], bound: Moment) -> Result<(), String> {
    for visit in visits {
        let complain = |problem: &str| {
            let id = match (visit.saw, visit.presented, visit.wrote) {
                (Saw::Session { id, .. }, ..) | (_, Some((id, _)), _) | (.., Some((id, _))) => Some(id),
                _ => None,
            };
            let states = id.map(|id| shared.between(&id, Moment::ZERO, Moment::MAX));
            Err(format!("{problem}: {visit:?}\nbound {bound:?}; the session over time: {states:?}"))
        };
        if !saw_what_was(shared, visit, bound) {
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
    shared.sessions().iter().try_for_each(|id| counted(shared, visits, id))
}

/// Whether the state that a handler saw was stored at a time within the bound.
fn saw_what_was(shared: &Shared, visit: &Visit, bound: Moment) -> bool {
    let Saw::Session { id, number, logged_in } = visit.saw else { return true };
    // Clocks show whole milliseconds.
    let from = visit.began.saturating_sub(bound + 2 * MILLISECOND);
    shared.between(&id, from, visit.loaded).iter().any(
        |state| matches!(state, State::Live { number: n, logged_in: l, .. } if (*n, *l) == (number, logged_in)),
    )
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

/// Whether each acknowledged change was counted once, and no other more than once.
fn counted(shared: &Shared, visits: &[Visit], id: &SessionId) -> Result<(), String> {
    let Some(State::Live { number, .. }) = shared.latest(id) else { return Ok(()) };
    let adds = || visits.iter().filter(|visit| visit.purpose == Purpose::Add);
    let of_this = adds().filter_map(|visit| visit.wrote.filter(|(of, _)| of == id));
    let (mut acknowledged, mut uncertain) = (0, 0);
    for (_, outcome) in of_this {
        *if outcome.is_ok() { &mut acknowledged } else { &mut uncertain } += 1;
    }
    if (acknowledged..=acknowledged + uncertain).contains(&number) {
        return Ok(());
    }
    Err(format!(
        "{number} was counted of {acknowledged} acknowledged and {uncertain} uncertain changes of {id}"
    ))
}

/// Whether a handler saw another state than was stored when it was loaded.
pub(crate) fn is_stale(shared: &Shared, visit: &Visit) -> bool {
    let Saw::Session { id, number, .. } = visit.saw else { return false };
    let stored = shared.between(&id, visit.loaded, visit.loaded);
    !stored.iter().any(|state| matches!(state, State::Live { number: n, .. } if *n == number))
}
