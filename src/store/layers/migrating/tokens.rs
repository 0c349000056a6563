//! The clients of both stores carry their sessions: nothing is stored, and only the form of the next token changes.
//!
//! Every write issues a token of the store where sessions begin in this phase. Of two tokens the one that arrives last decides,
//! as it does in each of the two stores alone.

use super::{
    pair::{Pair, more_specific},
    waiting::Waiting,
};
use crate::{
    error::StoreError,
    record::{Record, Version},
    store::{Absence, Loaded, PresentedToken, Replaced, SessionStore, StoreContext, Touched, Upkeep},
};

/// A pair whose stores both keep nothing.
pub(super) struct Tokens<'a>(pub(super) &'a Pair);

impl Tokens<'_> {
    pub(super) async fn load(
        &self,
        presented: PresentedToken<'_>,
        waiting: Waiting,
    ) -> Result<Loaded, StoreError> {
        let mut known = Absence::Malformed;
        for side in self.0.recognising(presented) {
            match self.0.load(side, presented, waiting).await? {
                Loaded::Absent(absence) => known = more_specific(known, absence),
                Loaded::Live { record, upkeep } => {
                    self.0.count_read(side);
                    let moves = side != self.0.home() && self.0.moves_when_read();
                    return Ok(Loaded::Live { record, upkeep: upkeep.max(Upkeep::reissue_if(moves)) });
                }
            }
        }
        Ok(Loaded::Absent(known))
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
