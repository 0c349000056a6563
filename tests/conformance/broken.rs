//! Stores with one flaw each, around a good one.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError, StoreErrorKind, WriteId,
    record::{Record, Version},
    store::{
        Absence, Created, Cx, Ended, Guarantees, Index, Loaded, Presented, ReferenceToken, Replaced,
        SessionIndex, SessionInfo, Token, Touched, judge,
    },
    time::Timestamp,
};

use crate::plain::{Plain, Slot};

/// What a broken store does otherwise than the good one. Each method does the same unless a flaw says otherwise.
#[async_trait]
pub(crate) trait Flaw: fmt::Debug + Send + Sync + 'static {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        good.guarantees()
    }

    fn recognises(&self, good: &Plain, presented: Presented<'_>) -> bool {
        good.recognises(presented)
    }

    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        good.load(presented, cx).await
    }

    fn load_now(
        &self,
        good: &Plain,
        presented: Presented<'_>,
        now: Timestamp,
    ) -> Option<Result<Loaded, StoreError>> {
        good.load_now(presented, now)
    }

    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        good.create(record, cx).await
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        good.replace(record, expected, cx).await
    }

    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        good.end(id, until, cx).await
    }

    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Touched, StoreError> {
        Ok(match self.replace(good, record, expected, cx).await? {
            Replaced::Done(token) => Touched::Done(token),
            Replaced::Conflict(_) => Touched::Done(None),
            Replaced::Gone(absence) => Touched::Gone(absence),
        })
    }

    async fn find(&self, good: &Plain, id: &SessionId, cx: Cx) -> Result<Option<Record>, StoreError> {
        good.find(id, cx).await
    }

    async fn list(&self, good: &Plain, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        good.list(subject, cx).await
    }

    fn has_index(&self) -> bool {
        true
    }
}

/// The good store with a flaw.
#[derive(Debug)]
pub(crate) struct Broken<F>(pub(crate) Plain, pub(crate) F);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<F: Flaw> SessionStore for Broken<F> {
    fn guarantees(&self) -> Guarantees {
        self.1.guarantees(&self.0)
    }

    fn recognises(&self, presented: Presented<'_>) -> bool {
        self.1.recognises(&self.0, presented)
    }

    async fn load(&self, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        self.1.load(&self.0, presented, cx).await
    }

    fn load_now(&self, presented: Presented<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        self.1.load_now(&self.0, presented, now)
    }

    async fn create(&self, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        self.1.create(&self.0, record, cx).await
    }

    async fn replace(&self, record: &Record, expected: Version, cx: Cx) -> Result<Replaced, StoreError> {
        self.1.replace(&self.0, record, expected, cx).await
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        self.1.end(&self.0, id, until, cx).await
    }

    async fn touch(&self, record: &Record, expected: Version, cx: Cx) -> Result<Touched, StoreError> {
        self.1.touch(&self.0, record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: Cx) -> Result<Option<Record>, StoreError> {
        self.1.find(&self.0, id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.1.has_index().then_some(self)
    }
}

#[async_trait]
impl<F: Flaw> SessionIndex for Broken<F> {
    async fn list(&self, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        self.1.list(&self.0, subject, cx).await
    }
}

/// What a token names, without a look at its secret.
fn named(presented: Presented<'_>) -> Option<ReferenceToken> {
    ReferenceToken::parse(presented.bytes())
}

fn live(record: Record) -> Loaded {
    Loaded::Live { record, reissue: false }
}

/// Replaces what is not there by creating it.
#[derive(Debug, Default)]
pub(crate) struct UpsertsOnReplace;

#[async_trait]
impl Flaw for UpsertsOnReplace {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Gone(Absence::Unknown) => {
                good.put(record)?;
                Ok(Replaced::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Ends a session by removing it, without a trace.
#[derive(Debug, Default)]
pub(crate) struct LeavesNoTombstone;

#[async_trait]
impl Flaw for LeavesNoTombstone {
    async fn end(&self, good: &Plain, id: &SessionId, _: Timestamp, _: Cx) -> Result<Ended, StoreError> {
        let removed = good.slots()?.remove(id);
        Ok(if removed.is_some() { Ended::Done } else { Ended::Already })
    }
}

/// Keeps no tombstone where nothing was stored.
#[derive(Debug, Default)]
pub(crate) struct EndsOnlyWhatIsThere;

#[async_trait]
impl Flaw for EndsOnlyWhatIsThere {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        let nothing = !good.slots()?.contains_key(id);
        if nothing { Ok(Ended::Done) } else { good.end(id, until, cx).await }
    }
}

/// Says every time that it has ended the session just now.
#[derive(Debug, Default)]
pub(crate) struct EndsTwice;

#[async_trait]
impl Flaw for EndsTwice {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        good.end(id, until, cx).await.map(|_| Ended::Done)
    }
}

/// Keeps tombstones for a day at the most.
#[derive(Debug, Default)]
pub(crate) struct ForgetsTombstones;

#[async_trait]
impl Flaw for ForgetsTombstones {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        let day = std::time::Duration::from_secs(86_400);
        good.end(id, until.min(cx.now + day), cx).await
    }
}

/// Overflows where an ID is to be blocked for ever.
#[derive(Debug, Default)]
pub(crate) struct OverflowsForEver;

#[async_trait]
impl Flaw for OverflowsForEver {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        let until = Timestamp::from_millis(until.as_millis().wrapping_add(1));
        good.end(id, until, cx).await
    }
}

/// Writes whatever the expected version was.
#[derive(Debug, Default)]
pub(crate) struct LosesUpdates;

#[async_trait]
impl Flaw for LosesUpdates {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Conflict(stored) => good.replace(record, stored.version(), cx).await,
            answer => Ok(answer),
        }
    }
}

/// Compares how often a record was written, not by whom.
#[derive(Debug, Default)]
pub(crate) struct ComparesCountsOnly;

#[async_trait]
impl Flaw for ComparesCountsOnly {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Conflict(stored) if stored.version().counter == expected.counter => {
                good.replace(record, stored.version(), cx).await
            }
            answer => Ok(answer),
        }
    }
}

/// Looks and writes in two steps.
#[derive(Debug, Default)]
pub(crate) struct WritesInTwoSteps;

#[async_trait]
impl Flaw for WritesInTwoSteps {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        if let Ok(stored) = good.standing(&record.id(), cx.now)?
            && stored.version() == expected
        {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            good.put(record)?;
            return Ok(Replaced::Done(ReferenceToken::issue(record, None)));
        }
        good.replace(record, expected, cx).await
    }
}

/// Does not recognise its own writes.
#[derive(Debug, Default)]
pub(crate) struct ForgetsItsReplaces;

#[async_trait]
impl Flaw for ForgetsItsReplaces {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.standing(&record.id(), cx.now)? {
            Ok(stored) if stored.version() != expected => Ok(Replaced::Conflict(stored)),
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Recognises its last write, and none before it.
#[derive(Debug, Default)]
pub(crate) struct RemembersOneWrite;

#[async_trait]
impl Flaw for RemembersOneWrite {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.standing(&record.id(), cx.now)? {
            Ok(stored) if stored.version() != expected && stored.version() != record.version() => {
                Ok(Replaced::Conflict(stored))
            }
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Does not recognise its own creations.
#[derive(Debug, Default)]
pub(crate) struct ForgetsItsCreates;

#[async_trait]
impl Flaw for ForgetsItsCreates {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        match good.standing(&record.id(), cx.now)? {
            Ok(stored) => Ok(Created::Taken(stored)),
            Err(_) => good.create(record, cx).await,
        }
    }
}

/// Tells the token of a rotation only once.
#[derive(Debug, Default)]
pub(crate) struct TellsATokenOnce(Mutex<HashSet<WriteId>>);

#[async_trait]
impl Flaw for TellsATokenOnce {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        let first = self.0.lock().unwrap().insert(record.version().write);
        match good.replace(record, expected, cx).await? {
            Replaced::Done(Some(_)) if !first => Ok(Replaced::Done(None)),
            answer => Ok(answer),
        }
    }
}

/// Creates over whatever is there.
#[derive(Debug, Default)]
pub(crate) struct CreatesOverOthers;

#[async_trait]
impl Flaw for CreatesOverOthers {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        if good.standing(&record.id(), cx.now)?.is_ok() {
            good.put(record)?;
        }
        good.create(record, cx).await
    }
}

/// Creates over tombstones.
#[derive(Debug, Default)]
pub(crate) struct CreatesOverTombstones;

#[async_trait]
impl Flaw for CreatesOverTombstones {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        if matches!(good.standing(&record.id(), cx.now)?, Err(Absence::Ended { .. })) {
            good.slots()?.remove(&record.id());
        }
        good.create(record, cx).await
    }
}

/// A save that has begun before the end brings the session back.
#[derive(Debug, Default)]
pub(crate) struct SavesOverTombstones;

#[async_trait]
impl Flaw for SavesOverTombstones {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Gone(Absence::Ended { .. }) => {
                good.put(record)?;
                Ok(Replaced::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Lets sessions in that have expired.
#[derive(Debug, Default)]
pub(crate) struct IgnoresExpiry;

#[async_trait]
impl Flaw for IgnoresExpiry {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let expired = named(presented).filter(|_| good.slots().is_ok()).and_then(|token| {
            let record = match good.slots().unwrap().get(&token.id()) {
                Some(Slot::Live(bytes)) => Record::decode(bytes).unwrap(),
                _ => return None,
            };
            Some(judge(&record, &token, record.created_at()))
        });
        if let Some(Loaded::Live { record, .. }) = expired {
            return Ok(live(record));
        }
        good.load(presented, cx).await
    }
}

/// Looks at the deadline only.
#[derive(Debug, Default)]
pub(crate) struct IgnoresIdleTimeout;

#[async_trait]
impl Flaw for IgnoresIdleTimeout {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        match IgnoresExpiry.load(good, presented, cx).await? {
            Loaded::Live { record, .. } if cx.now >= record.deadline() => {
                Ok(Loaded::Absent(Absence::Expired))
            }
            answer => Ok(answer),
        }
    }
}

/// Saves and touches what has expired.
#[derive(Debug, Default)]
pub(crate) struct RevivesExpired;

#[async_trait]
impl Flaw for RevivesExpired {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Gone(Absence::Expired) => {
                good.put(record)?;
                Ok(Replaced::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Removes all that has expired whenever a session begins.
#[derive(Debug, Default)]
pub(crate) struct SweepsEverything;

#[async_trait]
impl Flaw for SweepsEverything {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        let expired = |slot: &Slot| match slot {
            Slot::Live(bytes) => Record::decode(bytes).unwrap().is_expired(cx.now),
            Slot::Ended { .. } => false,
        };
        good.slots()?.retain(|_, slot| !expired(slot));
        good.create(record, cx).await
    }
}

/// Lets every token in that it has ever issued, as long as the session lives.
#[derive(Debug, Default)]
pub(crate) struct AcceptsOldSecrets(Mutex<HashSet<String>>);

impl AcceptsOldSecrets {
    fn issued(&self, token: Option<&Token>) {
        self.0.lock().unwrap().extend(token.map(|token| token.expose().to_owned()));
    }
}

#[async_trait]
impl Flaw for AcceptsOldSecrets {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        self.issued(ReferenceToken::issue(record, None).as_ref());
        good.create(record, cx).await
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        self.issued(ReferenceToken::issue(record, None).as_ref());
        good.replace(record, expected, cx).await
    }

    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let known = self.0.lock().unwrap().contains(&*String::from_utf8_lossy(presented.bytes()));
        if let (true, Some(token)) = (known, named(presented))
            && let Ok(record) = good.standing(&token.id(), cx.now)?
        {
            return Ok(live(record));
        }
        good.load(presented, cx).await
    }
}

/// Never asks for the write that ends a grace.
#[derive(Debug, Default)]
pub(crate) struct NeverReissues;

#[async_trait]
impl Flaw for NeverReissues {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        match good.load(presented, cx).await? {
            Loaded::Live { record, .. } => Ok(live(record)),
            answer => Ok(answer),
        }
    }
}

/// Does not honour grace.
#[derive(Debug, Default)]
pub(crate) struct HasNoGrace;

#[async_trait]
impl Flaw for HasNoGrace {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let later = Cx::new(cx.now + std::time::Duration::from_secs(30), cx.deadline);
        match good.load(presented, later).await? {
            rotated @ Loaded::Absent(Absence::Rotated { .. }) => Ok(rotated),
            _ => good.load(presented, cx).await,
        }
    }
}

/// Takes the ID for a credential.
#[derive(Debug, Default)]
pub(crate) struct IgnoresSecrets;

#[async_trait]
impl Flaw for IgnoresSecrets {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        if let Some(token) = named(presented)
            && let Ok(record) = good.standing(&token.id(), cx.now)?
        {
            return Ok(live(record));
        }
        good.load(presented, cx).await
    }
}

/// Reads tokens in any spelling.
#[derive(Debug, Default)]
pub(crate) struct IgnoresCase;

#[async_trait]
impl Flaw for IgnoresCase {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        good.load(Presented::new(&presented.bytes().to_ascii_lowercase()), cx).await
    }
}

/// Reads the beginning of what is presented.
#[derive(Debug, Default)]
pub(crate) struct ReadsOnlyTheBeginning;

#[async_trait]
impl Flaw for ReadsOnlyTheBeginning {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        good.load(Presented::new(presented.bytes().get(..64).unwrap_or_default()), cx).await
    }
}

/// Answers junk with an error.
#[derive(Debug, Default)]
pub(crate) struct FailsOnJunk;

#[async_trait]
impl Flaw for FailsOnJunk {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        match good.load(presented, cx).await? {
            Loaded::Absent(Absence::Malformed) => {
                Err(StoreError::new(StoreErrorKind::Corrupt, "what is that?"))
            }
            answer => Ok(answer),
        }
    }
}

/// Panics on junk.
#[derive(Debug, Default)]
pub(crate) struct PanicsOnJunk;

#[async_trait]
impl Flaw for PanicsOnJunk {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let text = std::str::from_utf8(presented.bytes()).expect("everybody sends text");
        good.load(Presented::new(text.as_bytes()), cx).await
    }
}

/// Does not recognise the tokens of rotated sessions.
#[derive(Debug, Default)]
pub(crate) struct RecognisesNothing;

impl Flaw for RecognisesNothing {
    fn recognises(&self, _: &Plain, _: Presented<'_>) -> bool {
        false
    }
}

/// Shows tokens in `Debug`.
#[derive(Default)]
pub(crate) struct ShowsTokens(Mutex<Vec<String>>);

impl fmt::Debug for ShowsTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.lock().unwrap())
    }
}

#[async_trait]
impl Flaw for ShowsTokens {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        self.0.lock().unwrap().push(String::from_utf8_lossy(presented.bytes()).into_owned());
        good.load(presented, cx).await
    }
}

/// Takes an outage for an empty store.
#[derive(Debug, Default)]
pub(crate) struct TakesOutagesForAbsence;

#[async_trait]
impl Flaw for TakesOutagesForAbsence {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        Ok(good.load(presented, cx).await.unwrap_or(Loaded::Absent(Absence::Unknown)))
    }
}

/// Claims to have ended what it could not reach.
#[derive(Debug, Default)]
pub(crate) struct ClaimsToEndInOutages;

#[async_trait]
impl Flaw for ClaimsToEndInOutages {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        Ok(good.end(id, until, cx).await.unwrap_or(Ended::Done))
    }
}

/// Lists sessions that have ended, from memory.
#[derive(Debug, Default)]
pub(crate) struct ListsEnded(Mutex<HashMap<SessionId, Record>>);

#[async_trait]
impl Flaw for ListsEnded {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        if let Ok(record) = good.standing(id, cx.now)? {
            self.0.lock().unwrap().insert(*id, record);
        }
        good.end(id, until, cx).await
    }

    async fn list(&self, good: &Plain, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        let mut sessions = good.list(subject, cx).await?;
        let ended = self.0.lock().unwrap();
        sessions
            .extend(ended.values().filter(|record| record.subject() == Some(subject)).map(SessionInfo::of));
        Ok(sessions)
    }
}

/// Lists a session under every subject that it ever had.
#[derive(Debug, Default)]
pub(crate) struct ListsFormerSubjects(Mutex<Vec<(String, SessionId)>>);

#[async_trait]
impl Flaw for ListsFormerSubjects {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        let subject = record.subject().map(|subject| (subject.to_owned(), record.id()));
        self.0.lock().unwrap().extend(subject);
        good.replace(record, expected, cx).await
    }

    async fn list(&self, good: &Plain, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        let mut sessions = good.list(subject, cx).await?;
        let entries = self.0.lock().unwrap().clone();
        for (_, id) in entries.iter().filter(|(entry, _)| entry == subject) {
            if let Ok(record) = good.standing(id, cx.now)?
                && sessions.iter().all(|session| session.id() != *id)
            {
                sessions.push(SessionInfo::of(&record));
            }
        }
        Ok(sessions)
    }
}

/// Lists the oldest first.
#[derive(Debug, Default)]
pub(crate) struct ListsTheOldestFirst;

#[async_trait]
impl Flaw for ListsTheOldestFirst {
    async fn list(&self, good: &Plain, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        good.list(subject, cx).await.map(|sessions| sessions.into_iter().rev().collect())
    }
}

/// Takes subjects for the beginnings of names.
#[derive(Debug, Default)]
pub(crate) struct ListsByPrefix;

#[async_trait]
impl Flaw for ListsByPrefix {
    async fn list(&self, good: &Plain, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        let ids: Vec<_> = good.slots()?.keys().copied().collect();
        let found = ids.iter().filter_map(|id| good.standing(id, cx.now).ok()?.ok());
        let of = |record: &Record| record.subject().is_some_and(|name| name.starts_with(subject));
        let mut records: Vec<_> = found.filter(of).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.created_at()));
        Ok(records.iter().map(SessionInfo::of).collect())
    }
}

/// Declares an index and has none.
#[derive(Debug, Default)]
pub(crate) struct HasNoIndex;

impl Flaw for HasNoIndex {
    fn has_index(&self) -> bool {
        false
    }
}

/// Writes down the time that a touch brings, however old.
#[derive(Debug, Default)]
pub(crate) struct TouchesBackwards;

#[async_trait]
impl Flaw for TouchesBackwards {
    async fn touch(&self, good: &Plain, record: &Record, _: Version, cx: Cx) -> Result<Touched, StoreError> {
        match good.standing(&record.id(), cx.now)? {
            Ok(_) => {
                good.put(record)?;
                Ok(Touched::Done(None))
            }
            Err(absence) => Ok(Touched::Gone(absence)),
        }
    }
}

/// Touches without a look whether there is a session.
#[derive(Debug, Default)]
pub(crate) struct TouchesWhatIsGone;

#[async_trait]
impl Flaw for TouchesWhatIsGone {
    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Touched, StoreError> {
        match good.touch(record, expected, cx).await? {
            Touched::Gone(_) => {
                good.put(record)?;
                Ok(Touched::Done(None))
            }
            answer => Ok(answer),
        }
    }
}

/// Writes no touch down.
#[derive(Debug, Default)]
pub(crate) struct IgnoresTouches;

#[async_trait]
impl Flaw for IgnoresTouches {
    async fn touch(&self, good: &Plain, record: &Record, _: Version, cx: Cx) -> Result<Touched, StoreError> {
        Ok(good.standing(&record.id(), cx.now)?.map_or_else(Touched::Gone, |_| Touched::Done(None)))
    }
}

/// Writes the secret next to the record.
#[derive(Debug, Default)]
pub(crate) struct WritesSecretsDown;

#[async_trait]
impl Flaw for WritesSecretsDown {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        let created = good.create(record, cx).await?;
        if let Created::Done(token) = &created {
            let mut other = *record.id().as_bytes();
            other[0] ^= 1;
            let note = Slot::Live(token.expose().as_bytes().to_vec());
            good.slots()?.insert(SessionId::from_bytes(other), note);
        }
        Ok(created)
    }
}

/// Answers at once from what it saw first.
#[derive(Debug, Default)]
pub(crate) struct AnswersFromMemory(Arc<Mutex<HashMap<Vec<u8>, Record>>>);

#[async_trait]
impl Flaw for AnswersFromMemory {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let loaded = good.load(presented, cx).await?;
        if let Loaded::Live { record, .. } = &loaded {
            self.0.lock().unwrap().entry(presented.bytes().into()).or_insert_with(|| record.clone());
        }
        Ok(loaded)
    }

    fn load_now(
        &self,
        _: &Plain,
        presented: Presented<'_>,
        _: Timestamp,
    ) -> Option<Result<Loaded, StoreError>> {
        Some(Ok(live(self.0.lock().unwrap().get(presented.bytes())?.clone())))
    }
}

/// Takes less than it declares.
#[derive(Debug, Default)]
pub(crate) struct TakesLess;

impl Flaw for TakesLess {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        Guarantees { max_data: Some(crate::plain::MAX_DATA + 1), ..good.guarantees() }
    }
}

/// Takes more than it declares.
#[derive(Debug, Default)]
pub(crate) struct TakesMore;

impl Flaw for TakesMore {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        Guarantees { max_data: Some(crate::plain::MAX_DATA - 1), ..good.guarantees() }
    }
}

/// Declares no limit and has one.
#[derive(Debug, Default)]
pub(crate) struct HidesItsLimit;

impl Flaw for HidesItsLimit {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        Guarantees { max_data: None, ..good.guarantees() }
    }
}

/// Declares something else each time.
#[derive(Debug, Default)]
pub(crate) struct ChangesItsMind(AtomicU64);

impl Flaw for ChangesItsMind {
    fn guarantees(&self, good: &Plain) -> Guarantees {
        let index =
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 { Index::AllServers } else { Index::ThisNode };
        Guarantees { index, ..good.guarantees() }
    }
}

/// Tells a token with every save.
#[derive(Debug, Default)]
pub(crate) struct AlwaysTellsAToken(Mutex<HashMap<SessionId, Token>>);

#[async_trait]
impl Flaw for AlwaysTellsAToken {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        let created = good.create(record, cx).await?;
        if let Created::Done(token) = &created {
            self.0.lock().unwrap().insert(record.id(), token.clone());
        }
        Ok(created)
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Done(None) => Ok(Replaced::Done(self.0.lock().unwrap().get(&record.id()).cloned())),
            answer => Ok(answer),
        }
    }
}

/// Keeps no longer than a handle lives what it has ended.
#[derive(Debug, Default)]
pub(crate) struct EndsForItself(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for EndsForItself {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let ended = named(presented).is_some_and(|token| self.0.lock().unwrap().contains(&token.id()));
        if ended { Ok(Loaded::Absent(Absence::Unknown)) } else { good.load(presented, cx).await }
    }

    async fn end(&self, good: &Plain, id: &SessionId, _: Timestamp, _: Cx) -> Result<Ended, StoreError> {
        drop(good.slots()?);
        Ok(if self.0.lock().unwrap().insert(*id) { Ended::Done } else { Ended::Already })
    }
}

/// Keeps a session's data in the handle that has written them.
#[derive(Debug, Default)]
pub(crate) struct WritesForItself(Mutex<HashMap<SessionId, Record>>);

#[async_trait]
impl Flaw for WritesForItself {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        let own = self.0.lock().unwrap().get(&record.id()).map(Record::version);
        if own.is_some_and(|own| own != expected) {
            return good.replace(record, expected, cx).await;
        }
        self.0.lock().unwrap().insert(record.id(), record.clone().settled());
        drop(good.slots()?);
        Ok(Replaced::Done(ReferenceToken::issue(record, None)))
    }

    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let own = named(presented).and_then(|token| self.0.lock().unwrap().get(&token.id()).cloned());
        match (own, named(presented)) {
            (Some(record), Some(token)) => Ok(judge(&record, &token, cx.now)),
            _ => good.load(presented, cx).await,
        }
    }
}

/// Says that it has ended a session, and does nothing.
#[derive(Debug, Default)]
pub(crate) struct EndsNothing(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for EndsNothing {
    async fn end(&self, good: &Plain, id: &SessionId, _: Timestamp, _: Cx) -> Result<Ended, StoreError> {
        drop(good.slots()?);
        Ok(if self.0.lock().unwrap().insert(*id) { Ended::Done } else { Ended::Already })
    }
}

/// Ends all sessions with each.
#[derive(Debug, Default)]
pub(crate) struct EndsEverything;

#[async_trait]
impl Flaw for EndsEverything {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        let ended = good.end(id, until, cx).await?;
        good.slots()?.retain(|_, slot| matches!(slot, Slot::Ended { .. }));
        Ok(ended)
    }
}

/// Fails to end what has ended.
#[derive(Debug, Default)]
pub(crate) struct FailsToEndTwice;

#[async_trait]
impl Flaw for FailsToEndTwice {
    async fn end(&self, good: &Plain, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        match good.end(id, until, cx).await? {
            Ended::Already => Err(StoreError::new(StoreErrorKind::Corrupt, "there is nothing to end")),
            ended => Ok(ended),
        }
    }
}

/// Never finds a session by its ID.
#[derive(Debug, Default)]
pub(crate) struct FindsNothing;

#[async_trait]
impl Flaw for FindsNothing {
    async fn find(&self, good: &Plain, _: &SessionId, _: Cx) -> Result<Option<Record>, StoreError> {
        drop(good.slots()?);
        Ok(None)
    }
}

/// Takes a session without data for none.
#[derive(Debug, Default)]
pub(crate) struct LosesEmptySessions;

#[async_trait]
impl Flaw for LosesEmptySessions {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        match good.load(presented, cx).await? {
            Loaded::Live { record, .. } if record.data().is_empty() => Ok(Loaded::Absent(Absence::Unknown)),
            answer => Ok(answer),
        }
    }
}

/// Says that it has saved, and has not.
#[derive(Debug, Default)]
pub(crate) struct DropsSaves;

#[async_trait]
impl Flaw for DropsSaves {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.standing(&record.id(), cx.now)? {
            Ok(stored) if stored.version() == expected => {
                Ok(Replaced::Done(ReferenceToken::issue(record, None)))
            }
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Keeps the subject that a session began with.
#[derive(Debug, Default)]
pub(crate) struct DropsLogins;

#[async_trait]
impl Flaw for DropsLogins {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.standing(&record.id(), cx.now)? {
            Ok(stored) if stored.subject() != record.subject() => {
                DropsSaves.replace(good, record, expected, cx).await
            }
            _ => good.replace(record, expected, cx).await,
        }
    }
}

/// Takes a session that somebody else has written for one that is gone.
#[derive(Debug, Default)]
pub(crate) struct TakesConflictsForEnds;

#[async_trait]
impl Flaw for TakesConflictsForEnds {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        match good.replace(record, expected, cx).await? {
            Replaced::Conflict(_) => Ok(Replaced::Gone(Absence::Unknown)),
            answer => Ok(answer),
        }
    }
}

/// Knows only the sessions that it has created itself.
#[derive(Debug, Default)]
pub(crate) struct KnowsOnlyItsOwn(Mutex<HashSet<SessionId>>);

impl KnowsOnlyItsOwn {
    fn knows(&self, id: SessionId) -> bool {
        self.0.lock().unwrap().contains(&id)
    }
}

#[async_trait]
impl Flaw for KnowsOnlyItsOwn {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        self.0.lock().unwrap().insert(record.id());
        good.create(record, cx).await
    }

    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        match named(presented) {
            Some(token) if !self.knows(token.id()) => Ok(Loaded::Absent(Absence::Unknown)),
            _ => good.load(presented, cx).await,
        }
    }

    async fn list(&self, good: &Plain, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        let mut sessions = good.list(subject, cx).await?;
        sessions.retain(|session| self.knows(session.id()));
        Ok(sessions)
    }
}

/// Lists sessions that have expired.
#[derive(Debug, Default)]
pub(crate) struct ListsExpired;

#[async_trait]
impl Flaw for ListsExpired {
    async fn list(&self, good: &Plain, subject: &str, cx: Cx) -> Result<Vec<SessionInfo>, StoreError> {
        let earlier = Timestamp::from_millis(cx.now.as_millis() - 60_000);
        good.list(subject, Cx::new(earlier, cx.deadline)).await
    }
}

/// Comes back empty from an outage.
#[derive(Debug, Default)]
pub(crate) struct ComesBackEmpty(AtomicU64);

#[async_trait]
impl Flaw for ComesBackEmpty {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        if good.slots().is_err() {
            self.0.store(1, Ordering::SeqCst);
        } else if self.0.swap(0, Ordering::SeqCst) == 1 {
            good.slots()?.clear();
        }
        good.load(presented, cx).await
    }
}

/// Removes sessions that claim to begin later than now.
#[derive(Debug, Default)]
pub(crate) struct SweepsTheFuture;

#[async_trait]
impl Flaw for SweepsTheFuture {
    async fn create(&self, good: &Plain, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        let from_the_future = |slot: &Slot| match slot {
            Slot::Live(bytes) => Record::decode(bytes).unwrap().created_at() > cx.now,
            Slot::Ended { .. } => false,
        };
        good.slots()?.retain(|_, slot| !from_the_future(slot));
        good.create(record, cx).await
    }
}

/// What the good store loads, if `lives` says so of its record: the clock has no say.
async fn load_if(
    good: &Plain,
    presented: Presented<'_>,
    cx: Cx,
    lives: impl Fn(&Record) -> bool + Send,
) -> Result<Loaded, StoreError> {
    match IgnoresExpiry.load(good, presented, cx).await? {
        Loaded::Live { record, .. } if !lives(&record) => Ok(Loaded::Absent(Absence::Expired)),
        Loaded::Live { record, .. } if record.is_expired(cx.now) => Ok(live(record)),
        _ => good.load(presented, cx).await,
    }
}

/// Counts the idle timeout from the beginning, used or not.
#[derive(Debug, Default)]
pub(crate) struct CountsIdleFromTheBeginning;

#[async_trait]
impl Flaw for CountsIdleFromTheBeginning {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let lives =
            |record: &Record| cx.now < record.deadline().min(record.created_at() + record.idle_timeout());
        load_if(good, presented, cx, lives).await
    }
}

/// Believes a last use that lies in the future, whatever the deadline.
#[derive(Debug, Default)]
pub(crate) struct TrustsTheFuture;

#[async_trait]
impl Flaw for TrustsTheFuture {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let lives = |record: &Record| record.last_active() > cx.now || !record.is_expired(cx.now);
        load_if(good, presented, cx, lives).await
    }
}

/// Adds times until they overflow.
#[derive(Debug, Default)]
pub(crate) struct OverflowsTimes;

#[async_trait]
impl Flaw for OverflowsTimes {
    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let lives = |record: &Record| {
            let idle = i64::try_from(record.idle_timeout().as_millis()).unwrap_or(i64::MAX);
            let end = record.last_active().as_millis().wrapping_add(idle);
            cx.now < record.deadline().min(Timestamp::from_millis(end))
        };
        load_if(good, presented, cx, lives).await
    }
}

/// Moves the deadline with each touch.
#[derive(Debug, Default)]
pub(crate) struct TouchesTheDeadline(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for TouchesTheDeadline {
    async fn touch(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Touched, StoreError> {
        self.0.lock().unwrap().insert(record.id());
        good.touch(record, expected, cx).await
    }

    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let touched = named(presented).is_some_and(|token| self.0.lock().unwrap().contains(&token.id()));
        let lives = |record: &Record| {
            let idle_end = record.last_active() + record.idle_timeout();
            if touched { cx.now < idle_end } else { !record.is_expired(cx.now) }
        };
        load_if(good, presented, cx, lives).await
    }
}

/// Ends a grace with any save.
#[derive(Debug, Default)]
pub(crate) struct EndsGraceEarly(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for EndsGraceEarly {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: Cx,
    ) -> Result<Replaced, StoreError> {
        if ReferenceToken::issue(record, None).is_none() {
            self.0.lock().unwrap().insert(record.id());
        }
        good.replace(record, expected, cx).await
    }

    async fn load(&self, good: &Plain, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        let saved = named(presented).is_some_and(|token| self.0.lock().unwrap().contains(&token.id()));
        if saved { HasNoGrace.load(good, presented, cx).await } else { good.load(presented, cx).await }
    }
}
