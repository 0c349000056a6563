//! The places of a request in which tokens were presented.

use super::{Candidates, RequestHead, Transport, presented};
use crate::store::SessionStore;

/// A place of a request with tokens in it.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// By which of the manager's transports they came.
    pub(crate) transport: usize,
    /// Whether they came in a cookie that another one has replaced.
    pub(crate) is_old: bool,
    pub(crate) candidates: Candidates<'a>,
}

/// The places with tokens in them, in the order in which they count: the next one is asked if nothing in this one opens a
/// session.
#[derive(Debug, Default)]
pub(crate) struct Places<'a> {
    /// Most requests have no other.
    first: Option<Place<'a>>,
    others: Vec<Place<'a>>,
    /// Whether there was anything in any of them, of whatever form.
    pub(crate) any: bool,
}

impl<'a> Places<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Place<'a>> {
        self.first.iter().chain(&self.others)
    }

    /// Adds a place, unless nothing of it matters.
    pub(super) fn add(&mut self, transport: usize, is_old: bool, candidates: Candidates<'a>) {
        self.any |= candidates.any;
        if candidates.is_empty() && !candidates.too_many && !candidates.incomplete {
            return;
        }
        let place = Place { transport, is_old, candidates };
        match self.first {
            None => self.first = Some(place),
            Some(_) => self.others.push(place),
        }
    }
}

impl Transport {
    /// What a request presents in this way, and in the ways that it has replaced.
    pub(super) fn presented<'a>(
        &self,
        head: &RequestHead<'a>,
        store: &dyn SessionStore,
        found: &mut dyn FnMut(bool, Candidates<'a>),
    ) {
        match self {
            Self::Cookie(cookie) => {
                found(false, presented::in_cookies(head, cookie.name(), store));
                cookie.old_names().for_each(|name| found(true, presented::in_cookies(head, name, store)));
            }
            Self::Bearer(bearer) => found(false, bearer.candidates(head, store)),
        }
    }
}
