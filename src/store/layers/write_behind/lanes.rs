//! One call at a time about each session.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::{error::StoreError, id::SessionId, store::within, time::Deadline};

/// Enough that calls about different sessions seldom meet in one.
const SHARDS: usize = 64;

type Lanes = HashMap<SessionId, Arc<AsyncMutex<()>>>;

/// The sessions about which the store is being asked.
#[derive(Debug)]
pub(super) struct Calls(Box<[Mutex<Lanes>]>);

impl Calls {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// Waits until no other call about this session is under way.
    ///
    /// # Errors
    /// `Timeout` at the deadline.
    pub(super) async fn enter(&self, id: SessionId, deadline: Deadline) -> Result<Turn<'_>, StoreError> {
        let lane = Arc::clone(self.shard(&id).entry(id).or_default());
        let waiting = Waiting { calls: self, id, lane: Some(Arc::clone(&lane)) };
        let turn = within(deadline, async { Ok(lane.lock_owned().await) }).await?;
        Ok(Turn { _turn: turn, _waiting: waiting })
    }

    fn shard(&self, id: &SessionId) -> MutexGuard<'_, Lanes> {
        // IDs are random, and nothing that is done under the lock panics halfway.
        let at = usize::from(id.as_bytes()[0]) % SHARDS;
        self.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn to ask about a session. The next one has it when this is dropped, and drops it in this order.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _turn: OwnedMutexGuard<()>,
    _waiting: Waiting<'a>,
}

/// One who has or waits for a turn; the last one removes the lane.
#[derive(Debug)]
struct Waiting<'a> {
    calls: &'a Calls,
    id: SessionId,
    lane: Option<Arc<AsyncMutex<()>>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut shard = self.calls.shard(&self.id);
        self.lane = None;
        if shard.get(&self.id).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            shard.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_has_one_turn_at_a_time_and_nothing_is_left() {
        let (calls, id) = (Calls::new(), SessionId::from_bytes([1; 16]));
        let first = calls.enter(id, Deadline::NONE).await.unwrap();
        calls.enter(SessionId::from_bytes([2; 16]), Deadline::NONE).await.unwrap();
        calls.enter(id, Deadline::after(Duration::from_millis(1))).await.unwrap_err();
        let (second, ()) = tokio::join!(calls.enter(id, Deadline::NONE), async { drop(first) });
        drop(second.unwrap());
        assert!(calls.0.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
