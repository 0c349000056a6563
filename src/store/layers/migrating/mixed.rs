//! One store keeps records, the clients of the other carry their sessions.
//!
//! The store with the records has the last word, because it alone can compare: a token that carries its session counts
//! unless the store knows the session better. The proof stands in the [module's documentation](super).

use std::time::Duration;

use super::{
    Phase,
    pair::{Pair, Side, is_no_room, telling},
    progress::Event,
};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, Created, Found, Loaded, PresentedToken, ReferenceToken, Replaced, SessionStore,
        StoreContext, Touched, authenticate,
    },
    time::Timestamp,
};

/// How long a response that brings a client its reference token may be on its way. A client that still presents what it
/// carried after that has not got it, and is told another.
const ON_ITS_WAY: Duration = Duration::from_secs(60);

/// A pair of one store of each kind.
pub(super) struct Mixed<'a> {
    pub(super) pair: &'a Pair,
    /// Which of them keeps records.
    pub(super) records: Side,
}

/// Who knows a session best, when a token that carries it is presented.
enum Word {
    /// The token.
    Token,
    /// The store.
    Record(Record),
    /// Nobody: it has ended.
    Ended(Absence),
}

impl Mixed<'_> {
    fn records(&self) -> &dyn SessionStore {
        self.pair.at(self.records)
    }

    fn tokens(&self) -> &dyn SessionStore {
        self.pair.at(self.records.other())
    }

    /// Where sessions move.
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
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let mut known = Absence::Malformed;
        for side in self.pair.recognising(presented) {
            match self.load_from(side, presented, cx).await? {
                Loaded::Absent(absence) => known = telling(known, absence),
                live => {
                    self.pair.found(side);
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
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        match self.pair.at(side).load(presented, cx).await? {
            Loaded::Live { record, reissue } if side != self.records => {
                let word = self.word(&record, cx).await?;
                Ok(self.carried(record, reissue, word, cx.now))
            }
            Loaded::Absent(Absence::Migrated) => self.load_left_behind(presented, cx).await,
            answer => Ok(self.kept(answer)),
        }
    }

    /// Who knows the session best. Whoever has moved it to the store with the records, or ended it, has left a trace there.
    async fn word(&self, carried: &Record, cx: StoreContext) -> Result<Word, StoreError> {
        let kept = match self.records().find(&carried.id(), cx).await? {
            Found::Live(record) => record,
            Found::Absent(ended @ Absence::Ended { .. }) => return Ok(Word::Ended(ended)),
            Found::Absent(_) => return Ok(Word::Token),
        };
        // The client has not received what it was to take along, and presents something older.
        if kept.has_departed() && !is_behind(carried, &kept) {
            return Ok(Word::Token);
        }
        Ok(Word::Record(self.handed_out(kept)))
    }

    /// What a token that carries its session opens.
    fn carried(&self, carried: Record, reissue: bool, word: Word, now: Timestamp) -> Loaded {
        let kept = match word {
            Word::Ended(absence) => return Loaded::Absent(absence),
            Word::Record(kept) => kept,
            Word::Token if self.moves_to_records() => {
                return live(carried.with_token_due(), reissue || self.pair.moves_when_read());
            }
            Word::Token => return live(carried, reissue),
        };
        // Somebody logged in with the token while another request moved the session: a login is never dropped.
        if carried.epoch() > kept.epoch() {
            return live(carried.on_top_of(&kept).with_token_due(), true);
        }
        if (carried.epoch(), carried.subject()) != (kept.epoch(), kept.subject()) {
            let at = kept.authenticated_at().unwrap_or(kept.created_at());
            return Loaded::Absent(Absence::Rotated { id: kept.id(), at });
        }
        if now.since(kept.secret_since()) < ON_ITS_WAY {
            return live(kept, false);
        }
        live(kept.with_token_due(), true)
    }

    /// What a reference token opens.
    fn kept(&self, answer: Loaded) -> Loaded {
        let Loaded::Live { record, reissue } = answer else { return answer };
        live(record, reissue || (self.moves_to_tokens() && self.pair.moves_when_read()))
    }

    /// A reference token whose session its client has taken along, as far as the store can know.
    async fn load_left_behind(
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
        Ok(match authenticate(&record.clone().here(), &token, cx.now) {
            Loaded::Live { reissue, .. } => self.kept(live(self.handed_out(record), reissue)),
            absent => absent,
        })
    }

    /// A record for the engine: what is written on it stays left behind, unless sessions move here.
    fn handed_out(&self, record: Record) -> Record {
        if record.has_departed() && !self.moves_to_records() { record } else { record.here() }
    }

    pub(super) async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        if self.begins_with_tokens() {
            return Err(StoreError::unsupported("look a session up by its ID while clients carry theirs"));
        }
        Ok(match self.records().find(id, cx).await? {
            Found::Live(record) if record.has_departed() => Found::Absent(Absence::Unknown),
            Found::Live(record) => Found::Live(record.here()),
            absent => absent,
        })
    }
}

/// Whether what a client carries is older than what the session was when it left the store.
fn is_behind(carried: &Record, left: &Record) -> bool {
    carried.version().counter < left.version().counter
}

fn live(record: Record, reissue: bool) -> Loaded {
    Loaded::Live { record, reissue }
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
            true if self.moves_to_records() => self.take_in(next, expected, cx).await,
            true => self.issue(next, expected, cx).await,
            false if self.moves_to_tokens() => self.give_out(next, expected, cx).await,
            false => self.keep(next, expected, cx).await,
        }
    }

    /// A carried session stays with its client.
    async fn issue(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match self.word(next, cx).await? {
            Word::Token => self.tokens().replace(next, expected, cx).await,
            Word::Record(kept) => Ok(Replaced::Conflict(kept)),
            Word::Ended(absence) => Ok(Replaced::Gone(absence)),
        }
    }

    /// A kept session stays with the store.
    async fn keep(&self, next: &Record, expected: Version, cx: StoreContext) -> Result<Replaced, StoreError> {
        match self.records().replace(next, expected, cx).await? {
            Replaced::Conflict(stored) => Ok(Replaced::Conflict(self.handed_out(stored))),
            // It has begun in this request, and its client is about to carry it.
            Replaced::Gone(Absence::Unknown) if self.begins_with_tokens() => {
                self.tokens().replace(next, expected, cx).await
            }
            answer => Ok(answer),
        }
    }

    /// A carried session moves into the store. Of many who try, one creates it; the others write on what that one left.
    async fn take_in(
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
            Ok(Created::Ended) => return Ok(Replaced::Gone(Absence::Ended { at: cx.now })),
            Ok(Created::Taken(stored)) => stored,
            Err(error) if is_no_room(&error) => return self.stay_with_client(next, expected, cx).await,
            Err(error) => return Err(error),
        };
        if taken.is_expired(cx.now) {
            return self.stay_with_client(next, expected, cx).await;
        }
        if taken.has_departed() && is_behind(&taken, next) {
            return self.take_back(next, &taken, expected, cx).await;
        }
        Ok(Replaced::Conflict(taken.here()))
    }

    /// A carried session comes back to where it was left behind.
    async fn take_back(
        &self,
        next: &Record,
        left: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        match self.records().replace(next, left.version(), cx).await? {
            done @ Replaced::Done(_) => Ok(self.moved(done)),
            Replaced::Conflict(stored) => Ok(Replaced::Conflict(stored.here())),
            Replaced::Gone(ended @ Absence::Ended { .. }) => Ok(Replaced::Gone(ended)),
            Replaced::Gone(_) => self.stay_with_client(next, expected, cx).await,
        }
    }

    async fn stay_with_client(
        &self,
        next: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.pair.tally.count(Event::Stayed);
        self.tokens().replace(next, expected, cx).await
    }

    /// A kept session is given to its client. What the store has stays open for the client's requests that are still on
    /// their way, and for a client that never gets its token.
    async fn give_out(
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
        match self.records().replace(&next.clone().left_behind(), expected, cx).await? {
            // A token that the store tells opens no more than what was left behind.
            Replaced::Done(_) if next.is_resident() => Ok(self.moved(Replaced::Done(token))),
            Replaced::Done(_) => Ok(Replaced::Done(token)),
            // It has begun in this request, and its client is about to carry it.
            Replaced::Gone(Absence::Unknown) => Ok(Replaced::Done(token)),
            Replaced::Conflict(stored) => Ok(Replaced::Conflict(self.handed_out(stored))),
            gone @ Replaced::Gone(_) => Ok(gone),
        }
    }

    fn moved(&self, answer: Replaced) -> Replaced {
        self.pair.tally.count(Event::Moved);
        answer
    }

    /// Where the client has to get a token for it, a touch is a write like any.
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
