//! What was acknowledged is there, and nothing is there twice.

use std::collections::BTreeMap;

use super::Findings;
use crate::{
    clocks::Moment,
    history::{Event, Life, Remains},
    order::Deed,
};

pub(super) fn check(life: &Life, findings: &mut Findings) {
    for event in &life.events {
        pages_show_what_was_acknowledged(life, event, findings);
    }
    for (session, remains) in &life.remains {
        the_end_has_all(life, session, remains, findings);
    }
}

fn pages_show_what_was_acknowledged(life: &Life, event: &Event, findings: &mut Findings) {
    let Some(page) = event.page() else { return };
    let Some(session) = &page.id else { return };
    let request = Some(event.request);
    findings.judge("nothing is counted twice", is_once(&page.counts), session, request);
    for counted in acknowledged(life, session, event.began).filter(|event| event.deed.counts()) {
        let shown = page.counts.contains_key(&counted.request);
        findings.judge("a page shows what was counted before", shown, session, request);
    }
}

fn the_end_has_all(life: &Life, session: &str, remains: &Remains, findings: &mut Findings) {
    let Remains::Live { counts, keys, .. } = remains else {
        let had_something = acknowledged(life, session, Moment::MAX).next().is_some();
        if had_something {
            let ended = life.may_have_ended(session, Moment::MAX);
            findings.judge("a session that nobody ended is there", ended, session, None);
        }
        return;
    };
    findings.judge("nothing is counted twice", is_once(counts), session, None);
    for written in acknowledged(life, session, Moment::MAX) {
        if written.deed.counts() {
            let is_there = counts.contains_key(&written.request);
            findings.judge("what was counted is there at the end", is_there, session, None);
        } else if written.deed == Deed::Put {
            let is_there = keys.contains(&written.request);
            findings.judge("a key that was written is there at the end", is_there, session, None);
        }
    }
}

fn is_once(counts: &BTreeMap<u64, u32>) -> bool {
    counts.values().all(|times| *times == 1)
}

/// What was acknowledged by then as written in this session.
fn acknowledged<'a>(life: &'a Life, session: &'a str, by: Moment) -> impl Iterator<Item = &'a Event> {
    let writes = life.events.iter().filter(|event| event.deed.counts() || event.deed == Deed::Put);
    writes.filter(move |event| event.wrote_in() == Some(session) && event.ended < by)
}
