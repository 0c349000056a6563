//! Replies that are lost on the way: the store has done what it was asked, and the server does not know.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    Harness, Verdict,
    browser::Browser,
    crowd::{crowd_of, pause},
    requests::{count, counted},
    trial::{SECOND, Trial},
    verdict::ensure,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::{SessionId, WriteId},
    record::{REMEMBERED_WRITES, Record, Version},
    session::Session,
    store::{Created, End, Ended, Replaced, SessionStore, StoreContext, StoreLayer, Touched},
};

/// Takes longer than writers give way to each other.
#[expect(clippy::disallowed_methods, reason = "they do so by the time that tokio tells")]
async fn is_unheard() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The store behind a bad line: of each write and each end the first reply is lost.
struct BadLine {
    store: Arc<dyn SessionStore>,
    answered: Mutex<HashSet<Asked>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Asked {
    Write(WriteId),
    End(SessionId),
}

impl BadLine {
    fn behind(trial: &Trial) -> Trial {
        let line = Self { store: Arc::clone(&trial.store), answered: Mutex::default() };
        // A store that does not recognise its own writes lets the engine try again until its time is up.
        trial.through(Arc::new(line)).impatient(4 * SECOND)
    }

    /// The reply, unless it is the first that says that something was done: then it is lost, and others go on meanwhile, for long
    /// enough that those write who have given way.
    async fn pass<T>(
        &self,
        asked: Asked,
        reply: Result<T, StoreError>,
        is_done: fn(&T) -> bool,
    ) -> Result<T, StoreError> {
        if !reply.as_ref().is_ok_and(is_done) {
            return reply;
        }
        let Some(kind) = self.first_answer(asked) else { return reply };
        is_unheard().await;
        Err(StoreError::new(kind, "the conformance suite has lost the reply"))
    }

    /// As what the first answer to this question is lost; by turns, both kinds that a server may try again after.
    fn first_answer(&self, asked: Asked) -> Option<StoreErrorKind> {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds = [StoreErrorKind::Timeout, StoreErrorKind::Unavailable];
        let kind = kinds[answered.len() % kinds.len()];
        answered.insert(asked).then_some(kind)
    }
}

impl fmt::Debug for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadLine")
    }
}

#[async_trait]
impl StoreLayer for BadLine {
    fn inner(&self) -> &dyn SessionStore {
        &*self.store
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let reply = self.store.create(record, cx).await;
        let asked = Asked::Write(record.version().write);
        self.pass(asked, reply, |created| matches!(created, Created::Done(_))).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let reply = self.store.replace(record, expected, cx).await;
        let asked = Asked::Write(record.version().write);
        self.pass(asked, reply, |replaced| matches!(replaced, Replaced::Done(_))).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let reply = self.store.end(end, cx).await;
        self.pass(Asked::End(end.id), reply, |_| true).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        let reply = self.store.touch(record, expected, cx).await;
        let asked = Asked::Write(record.version().write);
        self.pass(asked, reply, |touched| matches!(touched, Touched::Done(_))).await
    }
}

/// Requests in a row each count once although the store's first reply to every write is lost.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn requests_count_once_although_replies_are_lost(harness: &dyn Harness) -> Verdict {
    let trial = BadLine::behind(&Trial::begin(harness).await);
    let mut browser = Browser::new(&trial);
    for _ in 0..10 {
        browser.request(count).await?;
    }
    browser.request(Session::renew).await?;
    counted(&mut browser, 10).await
}

/// Requests at the same time each count once although the store's first reply to every write is lost: as many as a
/// record remembers the writes of.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn requests_at_the_same_time_count_once_although_replies_are_lost(
    harness: &dyn Harness,
) -> Verdict {
    const ROUNDS: u64 = 4;
    let trial = BadLine::behind(&Trial::begin(harness).await);
    let mut browser = Browser::new(&trial);
    browser.request(|session| session.insert("count", 0)).await?;
    for _ in 0..ROUNDS {
        crowd_of(REMEMBERED_WRITES, |_| {
            let mut tab = browser.elsewhere();
            async move {
                let visit = tab.arrive().await?;
                pause().await;
                count(&visit.session)?;
                Ok(tab.leave(visit).await?)
            }
        })
        .await?;
    }
    counted(&mut browser, ROUNDS * REMEMBERED_WRITES as u64).await
}

/// A logout is carried through although the reply to it is lost.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_log_out_counts_although_its_reply_is_lost(harness: &dyn Harness) -> Verdict {
    let trial = BadLine::behind(&Trial::begin(harness).await);
    let mut browser = Browser::new(&trial);
    browser.request(count).await?;
    let copy = browser.clone();
    browser.request(Session::log_out).await?;
    let late = Browser::new(&trial.once_ends_count()).with_cookie_of(&copy);
    let visit = late.arrive().await?;
    ensure(visit.session.is_new(), || "a session that was logged out is still there".into())
}
