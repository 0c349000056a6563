//! Nothing is accepted after an acknowledged end.

use super::Findings;
use crate::{
    history::{Event, Life, Remains, Told},
    order::Deed,
};

pub(super) fn check(life: &Life, findings: &mut Findings) {
    for end in life.events.iter().filter(|event| event.is_acknowledged()) {
        if end.deed.logs_out() {
            after_log_out(life, end, findings);
        } else if end.deed == Deed::EndOthers {
            after_end_of_others(life, end, findings);
        }
    }
}

fn after_log_out(life: &Life, end: &Event, findings: &mut Findings) {
    let Some(session) = end.session() else { return };
    let removed = *end.told() != Told::Nothing;
    findings.judge("a log-out removes the cookie", removed, session, Some(end.request));
    is_gone(life, session, end, findings);
    let tells = |event: &&Event| event.is_plain() && event.session() == Some(session);
    for event in life.events.iter().filter(|event| end.is_before(event)).filter(tells) {
        let told = event.issued().is_some();
        findings.judge("no cookie for a request from before a log-out", !told, session, Some(event.request));
    }
}

/// Whoever was logged in as the same person, when the others were ended, no longer is.
fn after_end_of_others(life: &Life, end: &Event, findings: &mut Findings) {
    let Some(own) = end.served_in() else { return };
    if end.page().is_none_or(|page| page.subject.is_none()) {
        return;
    }
    let logins = life.events.iter().filter(|event| event.deed == Deed::LogIn && event.is_before(end));
    for session in logins.filter_map(Event::wrote_in).filter(|session| *session != own) {
        is_gone(life, session, end, findings);
    }
}

fn is_gone(life: &Life, session: &str, end: &Event, findings: &mut Findings) {
    for event in life.events.iter().filter(|event| end.is_before(event) && event.session() == Some(session)) {
        let accepted = event.served_in() == Some(session);
        findings.judge("nothing is accepted after an end", !accepted, session, Some(event.request));
    }
    if let Some(remains) = life.remains.get(session) {
        findings.judge("no session comes back", *remains == Remains::Gone, session, None);
    }
}
