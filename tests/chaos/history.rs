//! What happened in the life of one person: every request of theirs, with what came back, and what is left at the end.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    clocks::Moment,
    order::{Deed, Page},
};

/// How long after its end a request of unknown outcome may still take effect: the deadlines of its store calls, and the longest
/// time for which a fault holds a command back.
const SETTLES: Duration = Duration::from_secs(8);

/// A session token, as the cookie has it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

/// How many digits of a token are the ID of its session.
const ID: usize = 32;

impl Token {
    /// The session that it is for.
    pub(crate) fn session(&self) -> &str {
        self.0.get(..ID).unwrap_or(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |from: usize| self.0.get(from..from + 6).unwrap_or_default();
        write!(f, "{}…{}…", part(0), part(ID))
    }
}

/// Where a request gets its token from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the browser, which holds it.
    Ordinary,
    /// From the browser, which held it: the request was sent before others, and arrives after them.
    Late,
    /// From somebody who has planted or found it, and keeps no cookie.
    Replayed,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) request: u64,
    /// Whose name a session has that this device begins.
    pub(crate) device: String,
    pub(crate) server: usize,
    pub(crate) deed: Deed,
    pub(crate) way: Way,
    pub(crate) token: Option<Token>,
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
    pub(crate) outcome: Outcome,
    /// What the browser held when the response arrived.
    pub(crate) held: Option<Token>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// Nothing: the client or the server closed the connection.
    Lost,
    Answered {
        status: u16,
        page: Option<Page>,
        cookie: Told,
    },
}

/// What a response tells the browser about its cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Remove,
    Keep(Token),
}

impl Event {
    pub(crate) fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered { status, .. } => Some(status),
            Outcome::Lost => None,
        }
    }

    /// Whether it was answered as done.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.status() == Some(200)
    }

    /// What an acknowledged request was shown.
    pub(crate) fn page(&self) -> Option<&Page> {
        match &self.outcome {
            Outcome::Answered { status: 200, page, .. } => page.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn told(&self) -> &Told {
        match &self.outcome {
            Outcome::Answered { cookie, .. } => cookie,
            Outcome::Lost => &Told::Nothing,
        }
    }

    /// The token that the browser is given.
    pub(crate) fn issued(&self) -> Option<&Token> {
        match self.told() {
            Told::Keep(token) => Some(token),
            _ => None,
        }
    }

    /// The session that its token is for.
    pub(crate) fn session(&self) -> Option<&str> {
        self.token.as_ref().map(Token::session)
    }

    /// The session that it was served in.
    pub(crate) fn served_in(&self) -> Option<&str> {
        self.page()?.id.as_deref()
    }

    /// The session that has what an acknowledged request has written.
    pub(crate) fn wrote_in(&self) -> Option<&str> {
        if !self.is_acknowledged() {
            return None;
        }
        self.issued().map(Token::session).or_else(|| self.served_in())
    }

    /// From when on it has no further effect.
    pub(crate) fn settled(&self) -> Moment {
        if self.is_acknowledged() { self.ended } else { self.ended + SETTLES }
    }

    pub(crate) fn concerns(&self, session: &str) -> bool {
        [self.session(), self.served_in(), self.issued().map(Token::session)].contains(&Some(session))
    }
}

/// What the store has of a session at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remains {
    Live { subject: Option<String>, marker: String, counts: BTreeMap<u64, u32>, keys: Vec<u64> },
    Gone,
}

/// All requests of one person's devices, and what is left of their sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    pub(crate) subject: String,
    pub(crate) events: Vec<Event>,
    pub(crate) remains: BTreeMap<String, Remains>,
}

impl Life {
    /// The session whose token a request presented.
    pub(crate) fn presented(&self, request: u64) -> Option<&str> {
        self.events.iter().find(|event| event.request == request)?.session()
    }

    /// The requests that concern a session, in order, as a text.
    pub(crate) fn excerpt(&self, session: &str, most: usize) -> String {
        let mut events: Vec<_> = self.events.iter().filter(|event| event.concerns(session)).collect();
        events.sort_by_key(|event| event.began);
        let lines = events.iter().skip(events.len().saturating_sub(most)).map(|event| format!("  {event}\n"));
        lines.chain([format!("  at the end: {:?}\n", self.remains.get(session))]).collect()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, device, server, deed, way, began, ended, .. } = self;
        write!(f, "#{request} {began:?}–{ended:?} {device} at server {server}: {way:?} {deed:?}")?;
        write!(f, " with {:?} -> ", self.token)?;
        match &self.outcome {
            Outcome::Lost => write!(f, "lost"),
            Outcome::Answered { status, page, cookie } => write!(f, "{status} {cookie:?} {page:?}"),
        }?;
        write!(f, " (held {:?})", self.held)
    }
}
