//! One store keeps records, and the clients of the other carry their sessions.
//!
//! The store with the records decides, because it alone can compare: a self-contained token counts unless that store knows a later
//! state of the session. The proof is in the documentation of the [module](super).

use std::time::Duration;

use super::{
    Phase,
    pair::{Pair, Side, is_no_room, more_specific},
    progress::Event,
    waiting::Waiting,
};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, Created, EndedBy, Found, Loaded, PresentedToken, ReferenceToken, Replaced, SessionStore,
        StoreContext, Touched, Upkeep, authenticate,
    },
    time::Timestamp,
};

/// How long a response that brings a client its reference token may take. A client that still presents its self-contained token
/// after that has not received the response, and is given another reference token.
const DELIVERY: Duration = Duration::from_secs(60);

/// A pair of one store of each kind.
pub(super) struct Mixed<'a> {
    pub(super) pair: &'a Pair,
    /// Which of them keeps records.
    pub(super) records: Side,
}

/// What holds the state of a session whose self-contained token is presented.
enum Authority {
    /// The token.
    Token,
    /// This record in the store.
    Record(Record),
    /// Nothing: the session has ended.
    Ended(Absence),
}

impl Mixed<'_> {
    fn records(&self) -> &dyn SessionStore {
        self.pair.at(self.records)
    }

    fn tokens(&self) -> &dyn SessionStore {
        self.pair.at(self.records.other())
    }

    /// The side that sessions move to.
    fn target(&self) -> Option<Side> {
        (self.pair.phase == Phase::Move).then_some(Side::New)
    }

    fn begins_with_tokens(&self) -> bool {
        self.pair.home() != self.records
    }

    fn moves_to_records(&self) -> bool {
        self.target() == Some(self.records)
    }

    fn moves_to_tokens(&self) -> bool {
        self.target() == Some(self.records.other())
    }
}

/// Reading.
impl Mixed<'_> {
    pub(super) async fn load(
        &self,
        presented: PresentedToken<'_>,
        waiting: Waiting,
    ) -> Result<Loaded, StoreError> {
        let mut known = Absence::Malformed;
        for side in self.pair.recognising(presented) {
            match self.load_from(side, presented, waiting).await? {
                Loaded::Absent(absence) => known = more_specific(known, absence),
                live => {
                    self.pair.count_read(side);
                    return Ok(live);
                }
            }
        }
        Ok(Loaded::Absent(known))
    }

    async fn load_from(
        &self,
        side: Side,
        presented: PresentedToken<'_>,
        waiting: Waiting,
    ) -> Result<Loaded, StoreError> {
        match self.pair.load(side, presented, waiting).await? {
            Loaded::Live { record, upkeep } if side != self.records => {
                let authority = self.authority(&record, waiting.context().await).await?;
                Ok(self.open_carried(record, upkeep, authority, waiting.now()))
            }
            Loaded::Absent(Absence::Migrated) => self.load_departed(presented, waiting.context().await).await,
            answer => Ok(self.open_stored(answer)),
        }
    }

    /// What holds the state of a session that its client carries. A move to the store with the records, and an end, have left
    /// something under its ID there.
    async fn authority(&self, carried: &Record, cx: StoreContext) -> Result<Authority, StoreError> {
        let stored = match self.records().find(&carried.id(), cx).await? {
            Found::Live(record) => record,
            Found::Absent(ended @ Absence::Ended { .. }) => return Ok(Authority::Ended(ended)),
            Found::Absent(_) => return Ok(Authority::Token),
        };
        // A token that is older than what departed belongs to a client that has not received the newer one.
        if stored.has_departed() && !is_older(carried, &stored) {
            return Ok(Authority::Token);
        }
        Ok(Authority::Record(self.for_engine(stored)))
    }

    /// What a self-contained token opens.
    fn open_carried(&self, carried: Record, upkeep: Upkeep, authority: Authority, now: Timestamp) -> Loaded {
        let stored = match authority {
            Authority::Ended(absence) => return Loaded::Absent(absence),
            Authority::Record(stored) => stored,
            Authority::Token if self.moves_to_records() => {
                let moves = Upkeep::reissue_if(self.pair.moves_when_read());
                return live(carried.with_token_due(), upkeep.max(moves));
            }
            Authority::Token => return live(carried, upkeep),
        };
        // A request has logged in with the token while another one moved the session. A login is never lost.
        if carried.epoch() > stored.epoch() {
            return live(carried.succeeding(&stored).with_token_due(), Upkeep::Reissue);
        }
        if (carried.epoch(), carried.subject()) != (stored.epoch(), stored.subject()) {
            let at = stored.authenticated_at().unwrap_or(stored.created_at());
            return Loaded::Absent(Absence::Rotated { id: stored.id(), at });
        }
        if now.since(stored.secret_since()) < DELIVERY {
            return live(stored, Upkeep::None);
        }
        live(stored.with_token_due(), Upkeep::Reissue)
    }

    /// What a reference token opens.
    fn open_stored(&self, answer: Loaded) -> Loaded {
        let Loaded::Live { record, upkeep } = answer else { return answer };
        let moves = self.moves_to_tokens() && self.pair.moves_when_read();
        live(record, upkeep.max(Upkeep::reissue_if(moves)))
    }

    /// Loads by a reference token whose session its client carries now, as far as the store can know.
    async fn load_departed(
        &self,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let Some(token) = ReferenceToken::parse(presented.bytes()) else {
            return Ok(Loaded::Absent(Absence::Malformed));
        };
        let record = match self.records().find(&token.id(), cx).await? {
            Found::Live(record) => record,
            Found::Absent(absence) => return Ok(Loaded::Absent(absence)),
        };
        Ok(match authenticate(&record.clone().into_resident(), &token, cx.now) {
            Loaded::Live { upkeep, .. } => self.open_stored(live(self.for_engine(record), upkeep)),
            absent => absent,
        })
    }

    /// The record as the engine gets it: one that has departed stays so when it is written, unless sessions move here.
    fn for_engine(&self, record: Record) -> Record {
        if record.has_departed() && !self.moves_to_records() { record } else { record.into_resident() }
    }

    pub(super) async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        if self.begins_with_tokens() {
            return Err(StoreError::unsupported("look a session up by its ID while clients carry theirs"));
        }
        Ok(match self.records().find(id, cx).await? {
            Found::Live(record) if record.has_departed() => Found::Absent(Absence::Unknown),
            Found::Live(record) => Found::Live(record.into_resident()),
            absent => absent,
        })
    }
}

/// Whether what a client carries is older than the session was when it departed from the store.
fn is_older(carried: &Record, departed: &Record) -> bool {
    carried.version().counter < departed.version().counter
}

fn live(record: Record, upkeep: Upkeep) -> Loaded {
    Loaded::Live { record, upkeep }
}

/// Writing.
impl Mixed<'_> {
    pub(super) async fn replace(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match next.was_carried() {
            true if self.moves_to_records() => self.move_in(next, expected, cx).await,
            true => self.issue(next, expected, cx).await,
            false if self.moves_to_tokens() => self.move_out(next, expected, cx).await,
            false => self.keep(next, expected, cx).await,
        }
    }

    /// Writes a session that stays with its client.
    async fn issue(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match self.authority(next, cx).await? {
            Authority::Token => self.tokens().replace(next, expected, cx).await,
            Authority::Record(stored) => Ok(Replaced::Conflict(stored)),
            Authority::Ended(absence) => Ok(Replaced::Gone(absence)),
        }
    }

    /// Writes a session that stays in the store.
    async fn keep(&self, next: &Record, expected: Version, cx: StoreContext) -> Result<Replaced, StoreError> {
        match self.records().replace(next, expected, cx).await? {
            Replaced::Conflict(stored) => Ok(Replaced::Conflict(self.for_engine(stored))),
            // It has begun in this request, and its client is about to carry it.
            Replaced::Gone(Absence::Unknown) if self.begins_with_tokens() => {
                self.tokens().replace(next, expected, cx).await
            }
            answer => Ok(answer),
        }
    }

    /// Moves a session from its client into the store. Of several requests that try, one creates it, and the others write on top
    /// of that.
    async fn move_in(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        if next.fresh_secret().is_none() {
            return self.stay_with_client(next, expected, cx).await;
        }
        let taken = match self.records().create(next, cx).await {
            Ok(Created::Done(token)) => return Ok(self.moved(Replaced::Done(Some(token)))),
            Ok(Created::Ended) => {
                let absence = Absence::Ended { id: next.id(), at: cx.now, by: EndedBy::Client };
                return Ok(Replaced::Gone(absence));
            }
            Ok(Created::Taken(stored)) => stored,
            Err(error) if is_no_room(&error) => return self.stay_with_client(next, expected, cx).await,
            Err(error) => return Err(error),
        };
        if taken.is_expired(cx.now) {
            return self.stay_with_client(next, expected, cx).await;
        }
        if taken.has_departed() && is_older(&taken, next) {
            return self.move_back_in(next, &taken, expected, cx).await;
        }
        Ok(Replaced::Conflict(taken.into_resident()))
    }

    /// Moves a session from its client back into the store, in place of the record that departed.
    async fn move_back_in(
        &self,
        next: &Record,
        departed: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match self.records().replace(next, departed.version(), cx).await? {
            done @ Replaced::Done(_) => Ok(self.moved(done)),
            Replaced::Conflict(stored) => Ok(Replaced::Conflict(stored.into_resident())),
            Replaced::Gone(ended @ Absence::Ended { .. }) => Ok(Replaced::Gone(ended)),
            Replaced::Gone(_) => self.stay_with_client(next, expected, cx).await,
        }
    }

    /// Leaves a session that should have moved with its client.
    async fn stay_with_client(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.pair.tally.count(Event::Stayed);
        self.tokens().replace(next, expected, cx).await
    }

    /// Moves a session from the store to its client. The record stays open for requests with the old token that are still under
    /// way, and for a client that never receives the new one.
    async fn move_out(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let token = match self.tokens().replace(next, expected, cx).await {
            Ok(Replaced::Done(token)) => token,
            Ok(other) => return Ok(other),
            Err(error) if is_no_room(&error) => {
                self.pair.tally.count(Event::Stayed);
                return self.keep(next, expected, cx).await;
            }
            Err(error) => return Err(error),
        };
        match self.records().replace(&next.clone().departed(), expected, cx).await? {
            // A reference token in the answer would open only what has departed.
            Replaced::Done(_) if next.is_resident() => Ok(self.moved(Replaced::Done(token))),
            Replaced::Done(_) => Ok(Replaced::Done(token)),
            // It has begun in this request, and its client is about to carry it.
            Replaced::Gone(Absence::Unknown) => Ok(Replaced::Done(token)),
            Replaced::Conflict(stored) => Ok(Replaced::Conflict(self.for_engine(stored))),
            gone @ Replaced::Gone(_) => Ok(gone),
        }
    }

    fn moved(&self, answer: Replaced) -> Replaced {
        self.pair.tally.count(Event::Moved);
        answer
    }

    /// A touch that has to bring the client a token is a write like any other.
    pub(super) async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        if !record.was_carried() && record.fresh_secret().is_none() {
            let touched = self.records().touch(record, expected, cx).await?;
            if !matches!(touched, Touched::Gone(Absence::Unknown)) || !self.begins_with_tokens() {
                return Ok(touched);
            }
        }
        Ok(match self.replace(record, expected, cx).await? {
            Replaced::Done(token) => Touched::Done(token),
            Replaced::Conflict(_) => Touched::Done(None),
            Replaced::Gone(absence) => Touched::Gone(absence),
        })
    }
}
