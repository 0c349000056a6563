//! What a server knows of the log, and how old that may be: [`Follower`].

use std::{
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard};
use tracing::warn;

use super::view::View;
use crate::{
    error::StoreError,
    store::{RevocationLog, Revoked, StoreContext, within},
    time::{Timestamp, millis},
};

/// Nothing was read yet.
const NEVER: i64 = i64::MIN;

/// Follows a log of revocations: it is read when a request needs it, by one request at a time.
#[derive(Debug)]
pub(super) struct Follower {
    log: Arc<dyn RevocationLog>,
    /// How soon a revocation counts.
    pub(super) within: Duration,
    /// How old the view may be while the log is not available.
    pub(super) while_down: Duration,
    view: RwLock<View>,
    /// When the question was sent whose answer completed the view.
    as_of: AtomicI64,
    /// The highest number that the view has seen.
    sequence: AtomicU64,
    /// The number of the question that was begun last, and of the one that was answered last, be it with an error.
    begun: AtomicU64,
    ended: AtomicU64,
    /// Held while the log is read.
    position: Mutex<Position>,
}

/// How far the log was read.
#[derive(Debug, Default)]
struct Position {
    read_to: u64,
    /// The number of the question that was answered last, and the error, if that was the answer.
    last: u64,
    failed: Option<StoreError>,
}

/// What a request found when it came.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    begun: u64,
    ended: u64,
}

/// How a view may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// As it is.
    Fresh,
    /// As it is, while one request renews it.
    Young,
    /// Not before it was renewed.
    Old,
}

impl Follower {
    pub(super) fn new(log: impl RevocationLog) -> Self {
        Self {
            log: Arc::new(log),
            within: Duration::from_secs(1),
            while_down: Duration::ZERO,
            view: RwLock::default(),
            as_of: AtomicI64::new(NEVER),
            sequence: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            position: Mutex::default(),
        }
    }

    pub(super) fn log(&self) -> &dyn RevocationLog {
        &*self.log
    }

    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        // Nothing that is done under the lock leaves it half done.
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The highest number that is known here.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Whether the view may be used as it is.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.age(now) == Age::Fresh
    }

    /// Returns once the view is young enough to believe tokens by it.
    ///
    /// # Errors
    /// When the log is not available and the view too old.
    pub(super) async fn be_young(&self, cx: StoreContext) -> Result<(), StoreError> {
        match self.age(cx.now) {
            Age::Fresh => Ok(()),
            Age::Young => {
                if let Ok(position) = self.position.try_lock() {
                    // If it fails, the view still counts.
                    let _ = self.read(position, cx).await;
                }
                Ok(())
            }
            Age::Old => {
                let arrival = self.arrive();
                let position = self.position(cx).await?;
                if self.age(cx.now) != Age::Old {
                    return Ok(());
                }
                self.read_unless_failed(arrival, position, cx).await
            }
        }
    }

    /// Returns once the view contains everything that was confirmed before this call.
    ///
    /// # Errors
    /// When the log is not available, unless its view may be used all the same.
    pub(super) async fn ask(&self, cx: StoreContext) -> Result<(), StoreError> {
        let arrival = self.arrive();
        let position = self.position(cx).await?;
        // A question that was begun after this call answers it, too.
        if position.last > arrival.begun && position.failed.is_none() {
            return Ok(());
        }
        self.read_unless_failed(arrival, position, cx).await
    }

    /// Appends an entry, which counts at this server at once.
    ///
    /// # Errors
    /// When it is not certain that it was appended.
    pub(super) async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<(), StoreError> {
        let number = within(cx.deadline, self.log.append(entry, cx)).await?;
        self.change(|view| view.add(number, entry));
        self.sequence.fetch_max(number, Ordering::AcqRel);
        Ok(())
    }

    fn age(&self, now: Timestamp) -> Age {
        match (self.elapsed(now), millis(self.within) / 4) {
            (Some(age), step) if age.saturating_abs() < step => Age::Fresh,
            (Some(age), step) if -step < age && age < 3 * step => Age::Young,
            _ => Age::Old,
        }
    }

    /// The time since the question was sent whose answer completed the view, in milliseconds.
    fn elapsed(&self, now: Timestamp) -> Option<i64> {
        let as_of = self.as_of.load(Ordering::Acquire);
        (as_of != NEVER).then(|| now.as_millis().saturating_sub(as_of))
    }

    fn arrive(&self) -> Arrival {
        let ended = self.ended.load(Ordering::Acquire);
        Arrival { begun: self.begun.load(Ordering::Acquire), ended }
    }

    /// Waits for those who read the log.
    async fn position(&self, cx: StoreContext) -> Result<MutexGuard<'_, Position>, StoreError> {
        within(cx.deadline, async { Ok(self.position.lock().await) }).await
    }

    /// Reads the log, unless that has failed since this request came: as many as wait would otherwise ask one after the other. The error
    /// counts unless the view may be used all the same.
    async fn read_unless_failed(
        &self,
        arrival: Arrival,
        position: MutexGuard<'_, Position>,
        cx: StoreContext,
    ) -> Result<(), StoreError> {
        let read = match &position.failed {
            Some(error) if position.last > arrival.ended => Err(error.clone()),
            _ => self.read(position, cx).await,
        };
        read.or_else(|error| if self.accepts(&error, cx.now) { Ok(()) } else { Err(error) })
    }

    /// Whether the view may be used although the log could not be read.
    fn accepts(&self, error: &StoreError, now: Timestamp) -> bool {
        let most = millis(self.while_down);
        error.is_outage() && self.elapsed(now).is_some_and(|age| age.saturating_abs() < most)
    }

    /// Asks the log for everything new.
    async fn read(&self, mut position: MutexGuard<'_, Position>, cx: StoreContext) -> Result<(), StoreError> {
        let question = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        if self.view().has_forgotten_too_much(cx.now) {
            position.read_to = 0;
            self.change(View::begin_anew);
        }
        let read = within(cx.deadline, self.read_pages(&mut position, cx)).await;
        if read.is_ok() {
            self.sequence.fetch_max(position.read_to, Ordering::AcqRel);
            self.as_of.store(cx.now.as_millis(), Ordering::Release);
        }
        (position.last, position.failed) = (question, read.as_ref().err().cloned());
        self.ended.store(question, Ordering::Release);
        read
    }

    async fn read_pages(&self, position: &mut Position, cx: StoreContext) -> Result<(), StoreError> {
        loop {
            let page = self.log.read(position.read_to, cx).await?;
            if page.is_last && page.read_to < position.read_to {
                warn!("the log of revocations has lost entries; it is read anew");
                position.read_to = 0;
                continue;
            }
            self.change(|view| {
                page.entries.iter().for_each(|(number, entry)| view.add(*number, entry));
                view.forget(page.entries.len(), cx.now);
            });
            position.read_to = page.read_to;
            if page.is_last {
                return Ok(());
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }
}
