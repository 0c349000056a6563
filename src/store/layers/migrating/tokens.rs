//! Clients of both stores carry their sessions: nothing is kept, so nothing moves but the form of the next token.
//!
//! Every write issues a token of the store where sessions begin in this phase. Which of two tokens arrives last decides, as
//! it does in each of the two stores alone.

use super::pair::{Pair, Side, telling};
use crate::{
    error::StoreError,
    record::{Record, Version},
    store::{Absence, Loaded, PresentedToken, Replaced, SessionStore, StoreContext, Touched},
    time::Timestamp,
};

/// A pair whose stores both keep nothing.
pub(super) struct Tokens<'a>(pub(super) &'a Pair);

impl Tokens<'_> {
    pub(super) async fn load(
        &self,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let mut known = Absence::Malformed;
        for side in self.0.recognising(presented) {
            match self.answered(side, self.0.at(side).load(presented, cx).await?) {
                Loaded::Absent(absence) => known = telling(known, absence),
                live => return Ok(live),
            }
        }
        Ok(Loaded::Absent(known))
    }

    pub(super) fn load_now(
        &self,
        presented: PresentedToken<'_>,
        now: Timestamp,
    ) -> Option<Result<Loaded, StoreError>> {
        let mut known = Absence::Malformed;
        for side in self.0.recognising(presented) {
            match self.0.at(side).load_now(presented, now)?.map(|answer| self.answered(side, answer)) {
                Ok(Loaded::Absent(absence)) => known = telling(known, absence),
                answer => return Some(answer),
            }
        }
        Some(Ok(Loaded::Absent(known)))
    }

    fn answered(&self, side: Side, answer: Loaded) -> Loaded {
        let Loaded::Live { record, reissue } = answer else { return answer };
        self.0.found(side);
        let moves = side != self.0.home() && self.0.moves_when_read();
        Loaded::Live { record, reissue: reissue || moves }
    }

    pub(super) async fn replace(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.home().replace(next, expected, cx).await
    }

    pub(super) async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.home().touch(record, expected, cx).await
    }

    fn home(&self) -> &dyn SessionStore {
        self.0.at(self.0.home())
    }
}
