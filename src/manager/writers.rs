//! Writers of one session, where a write takes the store some time: in this process they wait for each other, and each goes on
//! from what the one before it has left. On several nodes they give way to each other.
//!
//! Without this every writer but one would find another state than the one that it has loaded, again and again, and each attempt
//! would carry the whole session to the store and back. The store still compares versions: what is passed on here only saves an
//! attempt that is known to be in vain.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    random::{NoRandomness, Random},
    record::Record,
    store::within,
    time::Deadline,
};

/// Enough that writers of different sessions seldom meet in one.
const SHARDS: usize = 64;

/// After the first conflict with another node, a writer waits for twice this time at most, and longer after each further one.
const PAUSE: Duration = Duration::from_millis(2);

/// How often the pause is doubled.
const MOST_DOUBLINGS: u32 = 6;

/// Those who wait for a session.
type Queue = VecDeque<oneshot::Sender<WriteTurn>>;

/// The sessions that are being written, each with those who wait for it.
#[derive(Default)]
pub(super) struct Writers {
    shards: Shards,
}

struct Shards([Mutex<HashMap<SessionId, Queue>>; SHARDS]);

impl Default for Shards {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Writers {
    /// Waits until no one else in this process writes the session.
    ///
    /// # Errors
    /// `Timeout` at the deadline.
    pub(super) async fn turn(
        self: &Arc<Self>,
        id: SessionId,
        deadline: Deadline,
    ) -> Result<WriteTurn, StoreError> {
        let turn = match self.shard(&id).entry(id) {
            Entry::Vacant(free) => {
                free.insert(Queue::new());
                return Ok(WriteTurn { writers: Arc::clone(self), id, latest: None, is_passed_on: false });
            }
            Entry::Occupied(mut busy) => {
                let (pass, turn) = oneshot::channel();
                busy.get_mut().push_back(pass);
                turn
            }
        };
        // Who has the turn passes it on, whatever happens.
        within(deadline, async { turn.await.map_err(|_| too_many()) }).await.map_err(|_| too_many())
    }

    fn shard(&self, id: &SessionId) -> MutexGuard<'_, HashMap<SessionId, Queue>> {
        // IDs are random, and nothing that is done under the lock panics halfway.
        let at = usize::from(id.as_bytes()[0]) % SHARDS;
        self.shards.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the next waiter; if there is none, the session is free.
    fn next(&self, id: &SessionId) -> Option<oneshot::Sender<WriteTurn>> {
        let mut shard = self.shard(id);
        let next = shard.get_mut(id).and_then(VecDeque::pop_front);
        if next.is_none() {
            shard.remove(id);
        }
        next
    }
}

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writers").finish_non_exhaustive()
    }
}

/// The turn to write a session; the next one has it when this is dropped.
#[derive(Debug)]
pub(super) struct WriteTurn {
    writers: Arc<Writers>,
    id: SessionId,
    /// What the last writer has left.
    latest: Option<Record>,
    is_passed_on: bool,
}

impl WriteTurn {
    /// What an earlier writer has left, if that is later than `loaded`.
    pub(super) fn later_than(&self, loaded: &Record) -> Option<Record> {
        self.latest.clone().filter(|latest| latest.version().counter > loaded.version().counter)
    }

    /// Notes what is stored now, for the next one.
    pub(super) fn leave(&mut self, record: &Record) {
        self.latest = Some(record.clone().settled());
    }
}

impl Drop for WriteTurn {
    fn drop(&mut self) {
        if self.is_passed_on {
            return;
        }
        let mut latest = self.latest.take();
        while let Some(next) = self.writers.next(&self.id) {
            let turn = Self { writers: Arc::clone(&self.writers), id: self.id, latest, is_passed_on: false };
            match next.send(turn) {
                Ok(()) => return,
                // This one has given up.
                Err(mut turn) => {
                    latest = turn.latest.take();
                    turn.is_passed_on = true;
                }
            }
        }
    }
}

/// Lets writers on other nodes go first, for a random time that grows with the number of conflicts.
///
/// # Errors
/// If no time can be drawn.
#[expect(
    clippy::disallowed_methods,
    reason = "the other writer is on another node, so only time tells that it is done"
)]
pub(super) async fn give_way(random: &dyn Random, conflicts: u32) -> Result<(), NoRandomness> {
    let mut drawn = [0; 4];
    random.fill(&mut drawn)?;
    let longest = PAUSE * 2_u32.pow(conflicts.min(MOST_DOUBLINGS));
    let share = f64::from(u32::from_le_bytes(drawn)) / f64::from(u32::MAX);
    tokio::time::sleep(longest.mul_f64(share)).await;
    Ok(())
}

fn too_many() -> StoreError {
    StoreError::new(StoreErrorKind::Timeout, "too many other requests wrote the same session")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SessionId = SessionId::from_bytes([1; 16]);

    fn is_free(writers: &Writers) -> bool {
        writers.shard(&ID).is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn writers_take_turns_in_the_order_in_which_they_came() {
        let writers = Arc::new(Writers::default());
        let first = writers.turn(ID, Deadline::NONE).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiting = [1, 2, 3].map(|number| {
            let (writers, order) = (Arc::clone(&writers), Arc::clone(&order));
            tokio::spawn(async move {
                let _turn = writers.turn(ID, Deadline::NONE).await.unwrap();
                order.lock().unwrap().push(number);
            })
        });
        tokio::task::yield_now().await;
        drop(first);
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        assert!(is_free(&writers));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_passes_by_those_who_have_given_up() {
        let writers = Arc::new(Writers::default());
        let first = writers.turn(ID, Deadline::NONE).await.unwrap();
        let deadline = Deadline::after(Duration::from_secs(1));
        let error = writers.turn(ID, deadline).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Timeout);
        let waits = tokio::spawn({
            let writers = Arc::clone(&writers);
            async move { writers.turn(ID, Deadline::NONE).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        waits.await.unwrap().unwrap();
        assert!(is_free(&writers));
    }
}
