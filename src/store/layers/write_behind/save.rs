//! Saving changes that wait: a task for each session that has some.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::runtime::Handle;
use tracing::{debug, error};

use super::{
    super::workers::run_all,
    entry::{Entry, Pending},
    node::{CONCURRENCY, Node},
};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    store::{Found, Replaced, SessionStore, StoreContext, Touched},
    time::Deadline,
};

/// How long a session waits after a failure before it is saved again.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the store has to answer, at least.
const LEAST_TIMEOUT: Duration = Duration::from_millis(100);

/// Saves the changes of one session. It ends when there are none any more.
#[derive(Debug)]
pub(super) struct Saver<S: SessionStore> {
    node: Arc<Node<S>>,
    runtime: Handle,
    id: SessionId,
    number: u64,
}

impl<S: SessionStore> Saver<S> {
    /// The saver of this session from now on.
    pub(super) fn new(node: Arc<Node<S>>, runtime: Handle, entry: &mut Entry) -> Self {
        let number = node.saver_begins();
        entry.saver = number;
        Self { node, runtime, id: entry.record.id(), number }
    }

    pub(super) fn start(self) {
        let runtime = self.runtime.clone();
        drop(runtime.spawn(self.run()));
    }

    async fn run(self) {
        while let Some(due) = self.due() {
            sleep_until(due).await;
            let Ok(_permit) = self.node.saving.acquire().await else { return };
            let timeout = (self.node.options.at_most / 2).max(LEAST_TIMEOUT);
            if let Err(error) = self.node.save(self.id, Deadline::after(timeout)).await {
                debug!(%error, kind = ?error.kind(), session = %self.id, "changes of a session wait for the session store");
                drop(_permit);
                sleep_until(Deadline::after(PAUSE)).await;
            }
        }
    }

    /// When the session is to be saved next; `None` if that is for no one to do, or for someone else.
    fn due(&self) -> Option<Deadline> {
        let due = |entry: &mut Entry| {
            let due = entry.due().filter(|_| entry.saver == self.number);
            if due.is_none() && entry.saver == self.number {
                entry.saver = 0;
            }
            due
        };
        self.node.sessions.with(&self.id, due).flatten()
    }
}

/// A task that is dropped with its runtime leaves the changes to the next one.
impl<S: SessionStore> Drop for Saver<S> {
    fn drop(&mut self) {
        self.node.sessions.with(&self.id, |entry| {
            if entry.saver == self.number {
                entry.saver = 0;
            }
        });
        self.node.saver_ends();
    }
}

async fn sleep_until(due: Deadline) {
    if let Some(at) = due.instant() {
        tokio::time::sleep_until(at.into()).await;
    }
}

impl<S: SessionStore> Node<S> {
    /// Sends the changes of a session that wait.
    ///
    /// # Errors
    /// If they wait still.
    pub(super) async fn save(&self, id: SessionId, deadline: Deadline) -> Result<(), StoreError> {
        let _turn = self.calls.enter(id, deadline).await?;
        loop {
            let Some(pending) = self.sessions.with(&id, Entry::begin_saving).flatten() else { return Ok(()) };
            let sending = Sending { node: self, id };
            let answer = self.observe(self.send(&pending, deadline).await);
            match answer {
                Ok(Replaced::Done(_)) => {
                    self.set_late(pending.limit.is_over());
                    let is_in_doubt = self.sessions.with(&id, |entry| {
                        entry.saved(&pending);
                        entry.is_in_doubt()
                    });
                    return if is_in_doubt == Some(true) {
                        self.verify(&pending, deadline).await
                    } else {
                        Ok(())
                    };
                }
                // An earlier attempt was done, and its reply lost.
                Ok(Replaced::Conflict(stored))
                    if self.sessions.with(&id, |entry| entry.meets(&stored, pending.at)) == Some(true) => {}
                Ok(Replaced::Conflict(stored)) => drop(self.forget(&id, Some(&stored))),
                Ok(Replaced::Gone(_)) => drop(self.forget(&id, None)),
                Err(error) if is_final(&error) => {
                    error!(%error, kind = ?error.kind(), session = %id, "changes of a session are lost: the session store does not take them");
                    self.note_lost();
                    self.sessions.remove(&id);
                }
                Err(error) => {
                    if pending.limit.is_over() {
                        self.set_late(true);
                    }
                    return Err(error);
                }
            }
            drop(sending);
        }
    }

    /// Sends all changes that wait, and lets none wait from now on.
    ///
    /// # Errors
    /// If some wait still at the deadline.
    pub(super) async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        self.set_draining();
        let (waiting, failure) = (Mutex::new(self.sessions.unsaved()), Mutex::new(None));
        let next = || lock(&waiting).pop();
        let worker = || async {
            while let Some(id) = next() {
                if let Err(error) = self.save(id, cx.deadline).await {
                    *lock(&failure) = Some(error);
                }
            }
        };
        run_all((0..CONCURRENCY).map(|_| worker())).await;
        let failure = lock(&failure).take();
        failure.map_or(Ok(()), Err)
    }

    async fn send(&self, pending: &Pending, deadline: Deadline) -> Result<Replaced, StoreError> {
        let cx = StoreContext::new(pending.at, deadline).fresh();
        if !pending.is_touch() {
            return self.store.replace(&pending.record, pending.base, cx).await;
        }
        Ok(match self.store.touch(&pending.record, pending.base, cx).await? {
            Touched::Done(token) => Replaced::Done(token),
            Touched::Gone(absence) => Replaced::Gone(absence),
        })
    }

    /// Asks what is stored, after a write that went first was sent in vain, or perhaps not: it may contain what was just sent.
    async fn verify(&self, pending: &Pending, deadline: Deadline) -> Result<(), StoreError> {
        let (id, cx) = (pending.record.id(), StoreContext::new(pending.at, deadline).fresh());
        match self.observe(self.store.find(&id, cx).await)? {
            Found::Absent(_) => drop(self.forget(&id, None)),
            Found::Live(stored) => {
                let is_same = self.sessions.with(&id, |entry| {
                    let is_same = entry.meets(&stored, pending.at);
                    if is_same && !pending.is_touch() {
                        entry.settle_doubt();
                    }
                    is_same
                });
                if is_same == Some(false) {
                    self.adopt(&stored, pending.at);
                }
            }
        }
        Ok(())
    }
}

/// Something is on its way to the store. Dropped before it is known to have arrived, it is to be sent again.
struct Sending<'a, S: SessionStore> {
    node: &'a Node<S>,
    id: SessionId,
}

impl<S: SessionStore> Drop for Sending<'_, S> {
    fn drop(&mut self) {
        self.node.sessions.with(&self.id, Entry::not_saved);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holder does one thing that cannot fail.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the same call will never succeed.
fn is_final(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::Corrupt | StoreErrorKind::TooLarge { .. } | StoreErrorKind::Unsupported
    )
}
