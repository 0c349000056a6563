//! A real memory store behind a faulty line: it counts calls, and fails or loses replies on demand.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use cloakroom::{StoreError, StoreErrorKind, store::MemoryStore};

use crate::hooked::{Call, Hook, Hooked};

pub(crate) type Probe = Hooked<MemoryStore, Arc<Line>>;

#[derive(Debug, Default)]
pub(crate) struct Line {
    calls: AtomicUsize,
    down: AtomicBool,
    silent: AtomicBool,
    panicking: AtomicBool,
    keep_replies: AtomicUsize,
    lose_replies: AtomicUsize,
    delay: AtomicUsize,
    failing: Mutex<Option<StoreErrorKind>>,
}

impl Probe {
    /// How many calls went to the store since this was last asked.
    pub(crate) fn calls(&self) -> usize {
        self.hook.calls.swap(0, SeqCst)
    }

    /// Cuts the line, or mends it.
    pub(crate) fn set_down(&self, down: bool) {
        self.hook.down.store(down, SeqCst);
    }

    /// Lets calls wait for ever.
    pub(crate) fn set_silent(&self, silent: bool) {
        self.hook.silent.store(silent, SeqCst);
    }

    /// Lets calls panic.
    pub(crate) fn set_panicking(&self, panicking: bool) {
        self.hook.panicking.store(panicking, SeqCst);
    }

    /// Loses the replies of the next `count` writes, which take effect.
    pub(crate) fn lose_replies(&self, count: usize) {
        self.lose_replies_after(0, count);
    }

    /// The same after so many whose replies arrive.
    pub(crate) fn lose_replies_after(&self, kept: usize, count: usize) {
        self.hook.keep_replies.store(kept, SeqCst);
        self.hook.lose_replies.store(count, SeqCst);
    }

    /// Lets others go first, so many times, before the next call is made.
    pub(crate) fn delay_next(&self, yields: usize) {
        self.hook.delay.store(yields, SeqCst);
    }

    /// Answers every call with an error of this kind, if any.
    pub(crate) fn fail_with(&self, kind: Option<StoreErrorKind>) {
        *self.hook.failing.lock().unwrap() = kind;
    }
}

impl Line {
    async fn call(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, SeqCst);
        if self.silent.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        for _ in 0..self.delay.swap(0, SeqCst) {
            tokio::task::yield_now().await;
        }
        assert!(!self.panicking.load(SeqCst), "the probe was told to panic");
        let failing = *self.failing.lock().unwrap();
        match failing {
            Some(kind) => Err(StoreError::new(kind, "the probe was told to fail")),
            None if self.down.load(SeqCst) => Err(unavailable()),
            None => Ok(()),
        }
    }

    fn reply<T>(&self, answer: T) -> Result<T, StoreError> {
        let counts =
            |left: &AtomicUsize| left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        let lost = !counts(&self.keep_replies) && counts(&self.lose_replies);
        if lost { Err(unavailable()) } else { Ok(answer) }
    }
}

fn unavailable() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the line is cut")
}

impl Hook for Line {
    async fn around<T: Send>(
        &self,
        call: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.call().await?;
        let answer = made.await?;
        if call.is_write() { self.reply(answer) } else { Ok(answer) }
    }
}
