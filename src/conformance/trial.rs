//! What checks work with: a fresh store at a moment in time, and what servers and clients do with it.

use std::{future::pending, sync::Arc, time::Duration};

use super::{
    Failure, Harness, Verdict,
    requirements::{delay_of_changes, delay_of_end},
    verdict::{broken, ensure, failed},
};
use crate::{
    id::SessionId,
    random::{self, SystemRandom, WriteIds},
    record::{Data, Draft, Lifetime, Record, Rotation, Subject, Version},
    secret::Secret,
    store::{
        Absence, Created, End, Ended, EndedBy, Found, Guarantees, Loaded, PresentedToken, Replaced,
        SessionStore, StoreContext, Token, Touched, Upkeep, within,
    },
    time::{Deadline, Timestamp},
};

pub(super) const MOMENT: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// When every check begins. The suite's clock is its own: no store may look at another.
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// How long the suite waits for one answer, on the real clock.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store at a moment in time. Cheap to clone; a clone is another server's view of the same store.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) guarantees: Guarantees,
    pub(super) now: Timestamp,
    pub(super) patience: Duration,
    draws: Arc<Draws>,
}

#[derive(Default)]
struct Draws {
    random: SystemRandom,
    writes: WriteIds,
}

/// What a client holds, and the record behind it as the suite wrote it.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) record: Record,
    pub(super) token: Token,
}

impl Held {
    pub(super) fn id(&self) -> SessionId {
        self.record.id()
    }

    /// Takes on what was written; the client keeps its token unless another was issued.
    pub(super) fn adopt(&mut self, record: Record, token: Option<Token>) {
        self.record = record;
        self.token = token.unwrap_or(self.token.clone());
    }
}

/// Where and when.
impl Trial {
    pub(super) async fn begin(harness: &dyn Harness) -> Self {
        Self::of(harness.store().await, START)
    }

    pub(super) fn of(store: Arc<dyn SessionStore>, now: Timestamp) -> Self {
        let guarantees = store.guarantees();
        Self { store, guarantees, now, patience: PATIENCE, draws: Arc::default() }
    }

    /// The same store later.
    pub(super) fn after(&self, time: Duration) -> Self {
        self.at(self.now + time)
    }

    /// The same store at another time.
    pub(super) fn at(&self, now: Timestamp) -> Self {
        Self { now, ..self.clone() }
    }

    /// The same store earlier.
    pub(super) fn before(&self, time: Duration) -> Self {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.at(Timestamp::from_millis(self.now.as_millis().saturating_sub(millis)))
    }

    /// The moment by which an end must be seen everywhere.
    pub(super) fn once_ends_count(&self) -> Self {
        self.after(delay_of_end(&self.guarantees).unwrap_or_default())
    }

    /// Waits until a change that was acknowledged before must be durable, on the real clock: the store's own is all that it can
    /// send the change by.
    pub(super) async fn once_changes_are_durable(&self) {
        let delay = delay_of_changes(&self.guarantees);
        if !delay.is_zero() {
            // Nothing answers, so this ends after the delay.
            let _ = within::<()>(Deadline::after(delay), pending()).await;
        }
    }

    /// The same moment at another handle.
    pub(super) fn through(&self, store: Arc<dyn SessionStore>) -> Self {
        Self { store, ..self.clone() }
    }

    /// The same with an answer awaited for so long only.
    pub(super) fn impatient(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    pub(super) fn cx(&self) -> StoreContext {
        StoreContext::new(self.now, Deadline::after(self.patience))
    }
}

/// Records.
impl Trial {
    /// Long enough that no check but those of expiry sees an end by time.
    fn lifetime(&self) -> Lifetime {
        let delay = delay_of_end(&self.guarantees).unwrap_or_default();
        Lifetime { idle: HOUR.saturating_add(delay * 4), absolute: DAY.saturating_add(delay * 4) }
    }

    pub(super) fn record(&self) -> Result<Record, Failure> {
        self.record_living(self.lifetime())
    }

    pub(super) fn record_living(&self, lifetime: Lifetime) -> Result<Record, Failure> {
        let (id, secret) = random::id_and_secret(&self.draws.random)?;
        self.record_of(id, secret, lifetime)
    }

    /// Another record of the same ID, with a secret of its own.
    pub(super) fn rival(&self, id: SessionId) -> Result<Record, Failure> {
        self.record_of(id, self.secret()?, self.lifetime())
    }

    fn record_of(&self, id: SessionId, secret: Secret, lifetime: Lifetime) -> Result<Record, Failure> {
        let write = self.draws.writes.next(&self.draws.random)?;
        Ok(Record::new(id, secret, write, lifetime, self.now))
    }

    pub(super) fn record_for(&self, subject: &str) -> Result<Record, Failure> {
        Ok(self.record()?.into_draft().logged_in(Subject::new(subject), self.now).finish())
    }

    /// The next state of a record, used at this moment.
    pub(super) fn next(&self, record: &Record) -> Result<Draft, Failure> {
        Ok(record.successor(self.draws.writes.next(&self.draws.random)?).active(self.now))
    }

    /// The next state of a record with a new secret.
    pub(super) fn rotated(&self, record: &Record, grace: Duration) -> Result<Record, Failure> {
        let rotation = match grace {
            Duration::ZERO => Rotation::without_grace(self.now),
            grace => Rotation::with_grace(self.now, grace),
        };
        Ok(self.next(record)?.rotated(self.secret()?, rotation).finish())
    }

    pub(super) fn secret(&self) -> Result<Secret, Failure> {
        Ok(random::secret(&self.draws.random)?)
    }

    /// Some unpredictable bytes.
    pub(super) fn junk(&self, len: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; len];
        random::Random::fill(&self.draws.random, &mut bytes)?;
        Ok(bytes)
    }
}

/// Data with one value.
pub(super) fn holding(key: &str, json: &str) -> Data {
    Data::default().with(key, json.as_bytes()).unwrap_or_default()
}

/// The calls, with errors that are not due as failures.
impl Trial {
    pub(super) async fn present(&self, token: &[u8]) -> Result<Loaded, Failure> {
        let cx = self.cx();
        within(cx.deadline, self.store.load(PresentedToken::new(token), cx))
            .await
            .map_err(|error| failed("load", &error))
    }

    pub(super) async fn create(&self, record: &Record) -> Result<Created, Failure> {
        let cx = self.cx();
        within(cx.deadline, self.store.create(record, cx)).await.map_err(|error| failed("create", &error))
    }

    pub(super) async fn replace(&self, record: &Record, expected: Version) -> Result<Replaced, Failure> {
        let cx = self.cx();
        let call = self.store.replace(record, expected, cx);
        within(cx.deadline, call).await.map_err(|error| failed("replace", &error))
    }

    pub(super) async fn touch(&self, record: &Record, expected: Version) -> Result<Touched, Failure> {
        let cx = self.cx();
        let call = self.store.touch(record, expected, cx);
        within(cx.deadline, call).await.map_err(|error| failed("touch", &error))
    }

    pub(super) async fn end(&self, id: SessionId, until: Timestamp) -> Result<Ended, Failure> {
        self.end_by(End { id, until, by: EndedBy::Client }).await
    }

    pub(super) async fn end_by(&self, end: End) -> Result<Ended, Failure> {
        let cx = self.cx();
        within(cx.deadline, self.store.end(end, cx)).await.map_err(|error| failed("end", &error))
    }

    pub(super) async fn find(&self, id: SessionId) -> Result<Option<Record>, Failure> {
        let cx = self.cx();
        let found = within(cx.deadline, self.store.find(&id, cx)).await;
        found.map(Found::live).map_err(|error| failed("find", &error))
    }
}

/// What servers and clients do, where it has to succeed.
impl Trial {
    /// Begins a session.
    pub(super) async fn begin_session(&self) -> Result<Held, Failure> {
        self.keep(self.record()?).await
    }

    /// Begins a session with this record.
    pub(super) async fn keep(&self, record: Record) -> Result<Held, Failure> {
        match self.create(&record).await? {
            Created::Done(token) => Ok(Held { record, token }),
            other => Err(broken(format!("create of a new session answered {other:?}"))),
        }
    }

    /// Writes the next state of what a client holds.
    pub(super) async fn write(&self, held: &mut Held, next: Record) -> Verdict {
        match self.replace(&next, held.record.version()).await? {
            Replaced::Done(token) => {
                held.adopt(next, token);
                Ok(())
            }
            other => Err(broken(format!("replace of the latest state answered {other:?}"))),
        }
    }

    /// Writes a value into what a client holds.
    pub(super) async fn save(&self, held: &mut Held, key: &str, json: &str) -> Verdict {
        let data = held.record.data().with(key, json.as_bytes()).unwrap_or_default();
        let next = self.next(&held.record)?.data(data).finish();
        self.write(held, next).await
    }

    /// Gives a client a new token; the old one comes back.
    pub(super) async fn rotate(&self, held: &mut Held, grace: Duration) -> Result<Token, Failure> {
        let old = held.token.clone();
        let next = self.rotated(&held.record, grace)?;
        match self.replace(&next, held.record.version()).await? {
            Replaced::Done(Some(token)) => held.adopt(next, Some(token)),
            other => return Err(broken(format!("replace with a new secret answered {other:?}"))),
        }
        Ok(old)
    }

    /// Ends what a client holds.
    pub(super) async fn log_out(&self, held: &Held) -> Verdict {
        let ended = self.end(held.id(), held.record.deadline()).await?;
        ensure(ended == Ended::Done, || format!("the end of a live session was answered {ended:?}"))
    }

    /// The record that a token opens.
    pub(super) async fn live(&self, token: &Token) -> Result<Record, Failure> {
        self.live_with_reissue(token).await.map(|(record, _)| record)
    }

    pub(super) async fn live_with_reissue(&self, token: &Token) -> Result<(Record, bool), Failure> {
        match self.present(token.expose().as_bytes()).await? {
            Loaded::Live { record, upkeep } => Ok((record, upkeep == Upkeep::Reissue)),
            Loaded::Absent(absence) => {
                Err(broken(format!("the token of a live session opens nothing: {absence:?}")))
            }
        }
    }

    /// Why a token opens nothing; `whose` says for the report whose it is.
    pub(super) async fn refused(&self, token: &Token, whose: &str) -> Result<Absence, Failure> {
        self.opens_nothing(token.expose().as_bytes(), whose).await
    }

    /// Why these bytes open nothing, by every way of loading them.
    pub(super) async fn opens_nothing(&self, token: &[u8], whose: &str) -> Result<Absence, Failure> {
        match self.store.load_now(PresentedToken::new(token), self.now) {
            Some(Ok(Loaded::Live { .. })) => {
                return Err(broken(format!("load_now: {whose} opens a session")));
            }
            Some(Err(error)) => return Err(failed("load_now", &error)),
            Some(Ok(Loaded::Absent(_))) | None => {}
        }
        match self.present(token).await? {
            Loaded::Absent(absence) => Ok(absence),
            Loaded::Live { .. } => Err(broken(format!("{whose} opens a session"))),
        }
    }
}
