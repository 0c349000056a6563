//! What the rules ask of a life.

use crate::{
    clocks::Moment,
    history::{Event, Life, Token},
    order::Deed,
};

impl Event {
    /// Whether it gives this session another token, or ends it, if it takes effect.
    fn changes(&self, session: &str) -> bool {
        (self.deed.is_change() && self.session() == Some(session)) || self.ends_from_elsewhere(session)
    }

    fn ends_from_elsewhere(&self, session: &str) -> bool {
        self.deed == Deed::EndOthers && self.session().is_some_and(|own| own != session)
    }

    /// Whether the session ends if it takes effect.
    fn ends(&self, session: &str) -> bool {
        (self.deed.logs_out() && self.session() == Some(session)) || self.ends_from_elsewhere(session)
    }

    /// Whether the response was there before the other request was sent.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.ended < other.began
    }

    /// Whether it neither gives a token nor takes one away.
    pub(super) fn is_plain(&self) -> bool {
        !self.deed.is_change()
    }
}

impl Life {
    /// The acknowledged request whose response has brought this token.
    pub(super) fn issuer(&self, token: &Token) -> Option<&Event> {
        self.events.iter().find(|event| event.is_acknowledged() && event.issued() == Some(token))
    }

    /// The session whose current token this request presents, if that was surely the current one, and the session live, as long
    /// as the request took.
    pub(super) fn surely_current<'a>(&'a self, request: &'a Event) -> Option<&'a str> {
        let token = request.token.as_ref()?;
        let issuer = self.issuer(token)?;
        let session = token.session();
        let is_apart = |other: &Event| other.settled() < issuer.began || other.began > request.ended;
        let others =
            self.events.iter().filter(|other| ![issuer.request, request.request].contains(&other.request));
        let mut changes = others.filter(|other| other.changes(session));
        changes.all(is_apart).then_some(session)
    }

    /// Whether anything could have ended the session that was sent by then.
    pub(super) fn may_have_ended(&self, session: &str, by: Moment) -> bool {
        self.events.iter().any(|event| event.began <= by && event.ends(session))
    }

    /// The acknowledged logins of a session.
    pub(super) fn logins<'a>(&'a self, session: &'a str) -> impl Iterator<Item = &'a Event> {
        let logins = self.events.iter().filter(|event| event.deed == Deed::LogIn);
        logins.filter(move |login| login.wrote_in() == Some(session))
    }
}
