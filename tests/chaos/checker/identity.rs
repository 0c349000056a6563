//! Whose session a request is served in.

use super::Findings;
use crate::{
    history::{Event, Life, Remains, Told, Way},
    order::Deed,
};

pub(super) fn check(life: &Life, findings: &mut Findings) {
    for event in &life.events {
        nothing_of_others(life, event, findings);
        an_outage_is_not_anonymous(life, event, findings);
        ordinary_requests_set_no_cookie(life, event, findings);
        late_requests_displace_nothing(life, event, findings);
        nothing_from_before_a_login(life, event, findings);
    }
    nothing_of_others_is_left(life, findings);
}

fn nothing_of_others(life: &Life, event: &Event, findings: &mut Findings) {
    let Some(page) = event.page() else { return };
    let Some(session) = &page.id else {
        let is_empty = page.subject.is_none() && page.marker.is_empty() && page.counts.is_empty();
        findings.judge("no session shows nothing", is_empty, "", Some(event.request));
        return;
    };
    let own = event.session() == Some(session)
        && page.marker == event.device
        && page.subject.as_ref().is_none_or(|subject| *subject == life.subject);
    findings.judge("nothing of another session is shown", own, session, Some(event.request));
    if life.logins(session).any(|login| login.is_before(event)) {
        let known = page.subject.is_some();
        findings.judge("who is logged in stays so", known, session, Some(event.request));
    }
}

fn nothing_of_others_is_left(life: &Life, findings: &mut Findings) {
    for (session, remains) in &life.remains {
        let Remains::Live { subject, marker, .. } = remains else { continue };
        let known = life.events.iter().any(|event| event.concerns(session) && event.device == *marker);
        let own = subject.as_ref().is_none_or(|subject| *subject == life.subject);
        findings.judge("a session holds nothing of another", known && own, session, None);
    }
}

/// Whoever holds the current token of a live session is served in that, or told that it is not possible now.
fn an_outage_is_not_anonymous(life: &Life, event: &Event, findings: &mut Findings) {
    let Some(session) = life.surely_current(event) else { return };
    if event.is_acknowledged() {
        let served = event.served_in() == Some(session);
        findings.judge("an outage is never anonymous", served, session, Some(event.request));
    }
    if event.is_plain() {
        let refused = event.status() == Some(409);
        findings.judge("nobody conflicts alone", !refused, session, Some(event.request));
    }
}

fn ordinary_requests_set_no_cookie(life: &Life, event: &Event, findings: &mut Findings) {
    if !event.is_plain() {
        return;
    }
    if let Some(session) = life.surely_current(event) {
        let told = *event.told() != Told::Nothing;
        findings.judge("ordinary requests set no cookie", !told, session, Some(event.request));
    }
}

/// A request with an old token of a live session begins no other one, whose cookie would displace the one that the browser holds by
/// now, and neither does one that is older than a login.
fn late_requests_displace_nothing(life: &Life, event: &Event, findings: &mut Findings) {
    let Some(session) = event.session() else { return };
    if !event.is_plain() || life.issuer(event.token.as_ref().expect("it is for a session")).is_none() {
        return;
    }
    let request = Some(event.request);
    if !life.may_have_ended(session, event.ended) {
        let displaces = *event.told() != Told::Nothing;
        findings.judge("no cookie takes the place of a live session's", !displaces, session, request);
    }
    let Some(held) = &event.held else { return };
    if event.way == Way::Replayed
        || event.token.as_ref() == Some(held)
        || !is_known_to_be_left(life, session, event)
    {
        return;
    }
    let Some(issuer) = life.issuer(held).filter(|issuer| issuer.is_before(event)) else { return };
    let as_sent_now = Event { token: Some(held.clone()), ..event.clone() };
    if issuer.deed == Deed::LogIn && life.surely_current(&as_sent_now).is_some() {
        let displaces = *event.told() != Told::Nothing;
        findings.judge("no late request displaces a login", !displaces, held.session(), request);
    }
}

/// Whether a server was told, and confirmed, that the browser has left the session: by a login or a log-out with its token.
///
/// There is no other way to know. A log-out that no server could carry out has left the session, too, and so has the first of two
/// logins at once; if another session of the user ends it then, it looks like one on another device.
fn is_known_to_be_left(life: &Life, session: &str, event: &Event) -> bool {
    let leaves = |other: &Event| matches!(other.deed, Deed::LogIn | Deed::LogOut | Deed::Farewell);
    let mut left = life.events.iter().filter(|other| other.session() == Some(session) && leaves(other));
    left.any(|other| other.is_acknowledged() && other.is_before(event))
}

/// A token from before a login opens nothing after it, on whichever server.
fn nothing_from_before_a_login(life: &Life, event: &Event, findings: &mut Findings) {
    let Some(session) = event.session() else { return };
    let logins = life.events.iter().filter(|login| login.deed == Deed::LogIn && login.is_acknowledged());
    let before = |login: &&Event| {
        login.is_before(event)
            && (login.token == event.token
                || (login.wrote_in() == Some(session) && is_older_than(life, event, login)))
    };
    if logins.filter(before).count() > 0 {
        let opened = event.served_in() == Some(session);
        let what = "no token from before a login opens it";
        findings.judge(what, !opened, session, Some(event.request));
    }
}

/// Whether the browser was given the token of this request before it sent the login.
fn is_older_than(life: &Life, event: &Event, login: &Event) -> bool {
    let issuer = event.token.as_ref().and_then(|token| life.issuer(token));
    issuer.is_some_and(|issuer| issuer.is_before(login))
}
