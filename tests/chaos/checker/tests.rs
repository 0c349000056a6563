//! Histories that must be found wrong, and how little makes them right.

use std::{collections::BTreeMap, time::Duration};

use super::check;
use crate::{
    history::{Event, Life, Outcome, Remains, Token, Told, Way},
    order::{Deed, Page},
};

const DEVICE: &str = "alice's laptop";
const PHONE: &str = "alice's phone";

/// The token of this number of a session; sessions have one letter.
fn token(session: char, number: u32) -> Token {
    Token(format!("{}{number:032}", session.to_string().repeat(32)))
}

fn id(session: char) -> String {
    session.to_string().repeat(32)
}

/// A request that is answered in the session of its token, one second after the one before.
fn event(request: u64, deed: Deed, token: Option<Token>) -> Event {
    let page = Page {
        id: token.as_ref().map(|token| token.session().to_owned()),
        marker: token.as_ref().map_or_else(String::new, |_| DEVICE.to_owned()),
        ..Page::default()
    };
    let began = Duration::from_secs(request);
    Event {
        request,
        device: DEVICE.into(),
        server: 0,
        deed,
        way: Way::Ordinary,
        token,
        began,
        ended: began + Duration::from_millis(10),
        outcome: Outcome::Answered { status: 200, page: Some(page), cookie: Told::Nothing },
        held: None,
    }
}

impl Event {
    fn late(self, held: Token) -> Self {
        Self { way: Way::Late, held: Some(held), ..self }
    }

    fn keeps(mut self, token: Token) -> Self {
        let Outcome::Answered { cookie, .. } = &mut self.outcome else { unreachable!() };
        *cookie = Told::Keep(token);
        self
    }

    fn removes(mut self) -> Self {
        let Outcome::Answered { cookie, .. } = &mut self.outcome else { unreachable!() };
        *cookie = Told::Remove;
        self
    }

    fn answers(mut self, code: u16) -> Self {
        let Outcome::Answered { status, page, .. } = &mut self.outcome else { unreachable!() };
        (*status, *page) = (code, None);
        self
    }

    fn lost(self) -> Self {
        Self { outcome: Outcome::Lost, ..self }
    }

    fn shows(mut self, change: impl FnOnce(&mut Page)) -> Self {
        let Outcome::Answered { page: Some(page), .. } = &mut self.outcome else { unreachable!() };
        change(page);
        self
    }

    fn shows_nobody(self) -> Self {
        self.shows(|page| *page = Page::default())
    }

    fn shows_alice(self) -> Self {
        self.shows(|page| page.subject = Some("alice".into()))
    }

    fn shows_counted(self, counted: &[(u64, u32)]) -> Self {
        self.shows(|page| page.counts = counted.iter().copied().collect())
    }
}

fn life(events: Vec<Event>) -> Life {
    Life { subject: "alice".into(), events, remains: BTreeMap::new() }
}

fn left(mut life: Life, session: char, counted: &[(u64, u32)], keys: &[u64]) -> Life {
    let (counts, keys) = (counted.iter().copied().collect(), keys.to_vec());
    let remains = Remains::Live { subject: None, marker: DEVICE.into(), counts, keys };
    life.remains.insert(id(session), remains);
    life
}

#[track_caller]
fn is_right(life: &Life) {
    assert_eq!(check(life).violations, []);
}

#[track_caller]
fn is_wrong(life: &Life, what: &str) {
    let violations = check(life).violations;
    assert!(violations.iter().any(|violation| violation.what == what), "{violations:?}");
}

/// The first page of a visit: it begins session `a`.
fn first() -> Event {
    event(1, Deed::Count, None).keeps(token('a', 1))
}

/// A login in that session.
fn login(request: u64, number: u32) -> Event {
    event(request, Deed::LogIn, Some(token('a', number)))
        .shows_counted(&[(1, 1)])
        .keeps(token('a', number + 1))
}

fn look(request: u64, number: u32) -> Event {
    event(request, Deed::Look, Some(token('a', number))).shows_counted(&[(1, 1)])
}

#[test]
fn a_visit_with_a_login_is_right() {
    let seen = look(3, 2).shows_alice().shows_counted(&[(1, 1), (2, 1)]);
    is_right(&left(life(vec![first(), login(2, 1), seen]), 'a', &[(1, 1), (2, 1)], &[]));
}

#[test]
fn a_count_that_was_acknowledged_and_is_not_shown_is_wrong() {
    let forgets = look(2, 1).shows_counted(&[]);
    is_wrong(&life(vec![first(), forgets]), "a page shows what was counted before");
    is_wrong(&left(life(vec![first()]), 'a', &[], &[]), "what was counted is there at the end");
}

#[test]
fn a_count_that_was_not_acknowledged_may_be_there_or_not_but_not_twice() {
    let count = event(2, Deed::Count, Some(token('a', 1))).lost();
    let visit = life(vec![first(), count]);
    is_right(&left(visit.clone(), 'a', &[(1, 1)], &[]));
    is_right(&left(visit.clone(), 'a', &[(1, 1), (2, 1)], &[]));
    is_wrong(&left(visit, 'a', &[(1, 1), (2, 2)], &[]), "nothing is counted twice");
    is_wrong(&life(vec![first(), look(2, 1).shows_counted(&[(1, 2)])]), "nothing is counted twice");
}

#[test]
fn a_key_that_was_acknowledged_and_is_missing_is_wrong() {
    let put = event(2, Deed::Put, Some(token('a', 1))).shows_counted(&[(1, 1)]);
    let visit = life(vec![first(), put]);
    is_right(&left(visit.clone(), 'a', &[(1, 1)], &[2]));
    is_wrong(&left(visit, 'a', &[(1, 1)], &[]), "a key that was written is there at the end");
}

#[test]
fn a_session_that_is_gone_is_wrong_unless_somebody_ended_it() {
    let mut visit = life(vec![first()]);
    visit.remains.insert(id('a'), Remains::Gone);
    is_wrong(&visit, "a session that nobody ended is there");
    visit.events.push(event(2, Deed::LogOut, Some(token('a', 1))).lost());
    is_right(&visit);
}

#[test]
fn whatever_is_accepted_after_a_log_out_is_wrong() {
    let out = event(2, Deed::LogOut, Some(token('a', 1))).shows_counted(&[(1, 1)]).removes();
    is_right(&life(vec![first(), out.clone(), look(3, 1).shows_nobody()]));
    is_wrong(&life(vec![first(), out.clone(), look(3, 1)]), "nothing is accepted after an end");
    is_wrong(&left(life(vec![first(), out.clone()]), 'a', &[(1, 1)], &[]), "no session comes back");
    let unconfirmed = out.clone().answers(503);
    is_right(&life(vec![first(), unconfirmed, look(3, 1)]));
    let begins = event(3, Deed::Count, Some(token('a', 1))).shows_nobody().keeps(token('b', 1));
    is_wrong(&life(vec![first(), out, begins]), "no cookie for a request from before a log-out");
}

#[test]
fn a_log_out_that_leaves_the_cookie_is_wrong() {
    let out = event(2, Deed::LogOut, Some(token('a', 1))).shows_counted(&[(1, 1)]);
    is_wrong(&life(vec![first(), out]), "a log-out removes the cookie");
}

#[test]
fn another_device_that_goes_on_after_it_was_ended_is_wrong() {
    let mut phone = event(3, Deed::LogIn, None).keeps(token('p', 1));
    phone.device = PHONE.into();
    let end = event(4, Deed::EndOthers, Some(token('a', 2))).shows_alice().shows_counted(&[(1, 1), (2, 1)]);
    let mut goes_on = event(5, Deed::Look, Some(token('p', 1)))
        .shows_alice()
        .shows_counted(&[(3, 1)])
        .shows(|page| page.marker = PHONE.into());
    goes_on.device = PHONE.into();
    let events = vec![first(), login(2, 1), phone, end, goes_on.clone()];
    is_wrong(&life(events.clone()), "nothing is accepted after an end");
    let mut ended = events;
    ended[4] = goes_on.shows_nobody();
    is_right(&life(ended));
}

#[test]
fn what_belongs_to_others_is_wrong_wherever_it_is_shown() {
    let others: [fn(&mut Page); 3] = [
        |page| page.marker = PHONE.into(),
        |page| page.subject = Some("bob".into()),
        |page| page.id = Some(id('b')),
    ];
    for other in others {
        let seen = look(2, 1).shows(other);
        is_wrong(&life(vec![first(), seen]), "nothing of another session is shown");
    }
    let seen = look(2, 1).shows(|page| page.id = None);
    is_wrong(&life(vec![first(), seen]), "no session shows nothing");
    let mut visit = left(life(vec![first()]), 'a', &[(1, 1)], &[]);
    let Some(Remains::Live { subject, .. }) = visit.remains.get_mut(&id('a')) else { unreachable!() };
    *subject = Some("bob".into());
    is_wrong(&visit, "a session holds nothing of another");
}

#[test]
fn a_login_that_is_forgotten_is_wrong() {
    let seen = look(3, 2).shows_counted(&[(1, 1), (2, 1)]);
    is_wrong(&life(vec![first(), login(2, 1), seen]), "who is logged in stays so");
}

#[test]
fn an_anonymous_answer_to_a_live_cookie_is_wrong() {
    let anonymous = look(3, 2).shows_nobody();
    let what = "an outage is never anonymous";
    is_wrong(&life(vec![first(), login(2, 1), anonymous.clone()]), what);
    is_right(&life(vec![first(), login(2, 1), look(3, 2).answers(503)]));
    // A change whose outcome is unknown may have replaced the token.
    let renew = event(3, Deed::Renew, Some(token('a', 2))).lost();
    let later = Event { request: 4, ..anonymous };
    is_right(&life(vec![first(), login(2, 1), renew, later]));
}

#[test]
fn a_refusal_or_a_cookie_without_a_reason_is_wrong() {
    is_wrong(&life(vec![first(), look(2, 1).answers(409)]), "nobody conflicts alone");
    is_wrong(&life(vec![first(), look(2, 1).removes()]), "ordinary requests set no cookie");
    let given = look(2, 1).shows_nobody().keeps(token('b', 1));
    is_wrong(&life(vec![first(), given]), "ordinary requests set no cookie");
}

#[test]
fn a_late_request_that_begins_another_session_is_wrong() {
    let renew = event(3, Deed::Renew, Some(token('a', 2)))
        .shows_alice()
        .shows_counted(&[(1, 1), (2, 1)])
        .keeps(token('a', 3));
    let late = event(4, Deed::Count, Some(token('a', 1))).shows_nobody().late(token('a', 3));
    let events = |late| life(vec![first(), login(2, 1), renew.clone(), late]);
    is_right(&events(late.clone().answers(409)));
    is_wrong(&events(late.keeps(token('b', 1))), "no cookie takes the place of a live session's");
}

#[test]
fn a_late_request_that_displaces_a_later_login_is_wrong() {
    let end = Event { device: PHONE.into(), ..event(2, Deed::EndOthers, Some(token('p', 1))).shows_nobody() };
    let login = event(3, Deed::LogIn, Some(token('a', 1))).shows_nobody().keeps(token('b', 1));
    let late = event(4, Deed::Count, Some(token('a', 1))).shows_nobody().late(token('b', 1));
    let events = |late| life(vec![first(), end.clone(), login.clone(), late]);
    is_right(&events(late.clone().answers(409)));
    let displacing = late.keeps(token('c', 1));
    is_wrong(&events(displacing.clone()), "no late request displaces a login");
    let elsewhere = Event { token: None, ..login };
    is_right(&life(vec![first(), end, elsewhere, displacing]));
}

#[test]
fn a_token_from_before_a_login_that_opens_it_is_wrong() {
    let planted = |number| Event { way: Way::Replayed, ..look(4, number).shows_alice() };
    let what = "no token from before a login opens it";
    let refused = planted(1).shows_nobody();
    is_right(&life(vec![first(), login(2, 1), refused]));
    is_wrong(&life(vec![first(), login(2, 1), planted(1)]), what);
    let again = login(3, 2).shows_alice().shows_counted(&[(1, 1), (2, 1)]);
    for number in [1, 2] {
        is_wrong(&life(vec![first(), login(2, 1), again.clone(), planted(number)]), what);
    }
}
