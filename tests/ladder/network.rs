//! The way from a node to the shared store, and the simulated time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cloakroom::{StoreError, StoreErrorKind};

use crate::{
    dice::Dice,
    hooked::{Call, Hook},
};

/// The simulated time since a history began.
pub(crate) type Moment = Duration;

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// After how long a client of the store gives up.
const PATIENCE: Duration = SECOND;

/// The clock of a history, which all of its parts read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simulated(tokio::time::Instant);

impl Simulated {
    pub(crate) fn begin() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(self) -> Moment {
        self.0.elapsed()
    }
}

/// Lets simulated time pass.
#[expect(clippy::disallowed_methods, reason = "this clock is paused and moves by what is awaited")]
pub(crate) async fn pass(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// The way from one node to the shared store.
#[derive(Debug)]
pub(crate) struct Line {
    dice: Dice,
    time: Simulated,
    /// Until when nothing passes.
    cut_until: Mutex<Moment>,
}

impl Line {
    pub(crate) fn new(dice: Dice, time: Simulated) -> Arc<Self> {
        Arc::new(Self { dice, time, cut_until: Mutex::default() })
    }

    pub(crate) fn cut_until(&self, moment: Moment) {
        let mut until = self.cut_until.lock().unwrap();
        *until = moment.max(*until);
    }

    pub(crate) fn repair(&self) {
        let mut until = self.cut_until.lock().unwrap();
        // A crashed node stays cut off.
        if *until != Moment::MAX {
            *until = Moment::ZERO;
        }
    }

    /// One of the two ways: it takes its time, and may lead nowhere.
    async fn passes(&self) -> Result<(), StoreError> {
        pass(latency(&self.dice)).await;
        if *self.cut_until.lock().unwrap() <= self.time.now() && self.dice.below(50) > 0 {
            return Ok(());
        }
        pass(PATIENCE).await;
        Err(StoreError::new(StoreErrorKind::Timeout, "lost on the way"))
    }
}

/// Mostly a few milliseconds, and sometimes seconds.
pub(crate) fn latency(dice: &Dice) -> Duration {
    let most = if dice.below(12) == 0 { 3000 } else { 4 };
    MILLISECOND * u32::try_from(dice.below(most)).unwrap()
}

impl Hook for Line {
    async fn around<T: Send>(
        &self,
        _: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.passes().await?;
        let answer = made.await;
        self.passes().await?;
        answer
    }
}
