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
    let bound = if visit.purpose == Purpose::LookNow { Moment::ZERO } else { bounds.stale };
    let from = visit.began.saturating_sub(bound + 2 * MILLISECOND);
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
        Purpose::Look | Purpose::LookNow | Purpose::Add => true,
    }
}

/// Whether each acknowledged change was counted once, unless it may be lost, and no other more than once.
fn counted(site: &Site, visits: &[Visit], bounds: Bounds, id: &SessionId) -> Result<(), String> {
    let Some(State::Live { number, .. }) = site.shared.latest(id) else { return Ok(()) };
    let of_this: Vec<_> =
        visits.iter().filter(|visit| visit.wrote.is_some_and(|(of, _)| of == *id)).collect();
    let added = |visit: &&&Visit| visit.purpose == Purpose::Add;
    let is_done = |visit: &&Visit| matches!(visit.wrote, Some((_, Ok(()))));
    let (done, uncertain): (Vec<_>, Vec<_>) = of_this.iter().filter(added).partition(|visit| is_done(visit));
    let done: Vec<&Visit> = done.into_iter().copied().collect();
    let least = done.len() - bounds.unsaved.map_or(0, |unsaved| most_lost(site, &of_this, &done, unsaved));
    if (least..=done.len() + uncertain.len()).contains(&usize::try_from(number).unwrap_or(usize::MAX)) {
        return Ok(());
    }
    Err(format!(
        "{number} changes of {id} were counted: {least} had to be, {} were acknowledged, {} uncertain\n\
         {bounds:?}\n{of_this:#?}",
        done.len(),
        uncertain.len(),
    ))
}

/// How many acknowledged changes of a session may be lost where they wait in the memory of a node: with each crash of the node, and each
/// time that another one writes the session, those that the node has acknowledged within the declared time.
fn most_lost(site: &Site, of_this: &[&Visit], done: &[&Visit], unsaved: Moment) -> usize {
    let of_node = |node: usize| {
        let times: Vec<_> = done.iter().filter(|visit| visit.node == node).map(|visit| visit.done).collect();
        let within =
            |from: &Moment| times.iter().filter(|at| (*from..=*from + unsaved).contains(&**at)).count();
        let at_a_time = times.iter().map(within).max().unwrap_or(0);
        let others = of_this.iter().filter(|visit| visit.node != node).count();
        times.len().min(at_a_time * (site.crashes(node) + others))
    };
    (0..site.len()).map(of_node).sum()
}

/// Whether a handler saw another state than was stored when it was loaded.
pub(crate) fn is_stale(shared: &Shared, visit: &Visit) -> bool {
    let Saw::Session { id, number, .. } = visit.saw else { return false };
    let stored = shared.between(&id, visit.loaded, visit.loaded);
    !stored.iter().any(|state| matches!(state, State::Live { number: n, .. } if *n == number))
}
