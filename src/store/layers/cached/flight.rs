//! One read for all who ask for the same at the same time: [`Flight`].

use std::{fmt, sync::Arc};

use tokio::sync::OnceCell;

use crate::{
    error::StoreError,
    id::SessionId,
    store::{Loaded, ReferenceToken},
    time::Timestamp,
};

/// Where reads that are under way are noted.
pub(super) trait Reads: fmt::Debug + Send + Sync {
    /// Ends a read, and keeps what it has found, unless it was outdated meanwhile.
    fn finish(&self, read: Read, token: &ReferenceToken, found: &Loaded, now: Timestamp);

    /// Ends a read that has found nothing.
    fn end(&self, read: Read);
}

/// A read that was noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) id: SessionId,
    /// What tells it from others.
    pub(super) number: u64,
    /// When it was sent, or earlier.
    pub(super) sent: Timestamp,
}

/// A read that is under way. All who hold it wait for one answer; the last one to drop it ends the read.
#[derive(Debug)]
pub(super) struct Flight {
    reads: Arc<dyn Reads>,
    read: Read,
    answer: OnceCell<Result<Loaded, StoreError>>,
}

impl Flight {
    pub(super) fn new(reads: Arc<dyn Reads>, read: Read) -> Self {
        Self { reads, read, answer: OnceCell::new() }
    }

    /// The answer to the first call, which is kept in the cache unless it was outdated meanwhile.
    ///
    /// If the one who makes the call is dropped, because its client has left, another one makes its own. A call that fails has
    /// failed for all, so that a broken store is not asked by each of them in turn.
    pub(super) async fn answer(
        &self,
        token: &ReferenceToken,
        now: Timestamp,
        call: impl AsyncFnOnce() -> Result<Loaded, StoreError>,
    ) -> Result<Loaded, StoreError> {
        let call = async || {
            let answer = call().await;
            // Before the others have it: who comes later asks again or finds it in the cache.
            match &answer {
                Ok(found) => self.reads.finish(self.read, token, found, now),
                Err(_) => self.reads.end(self.read),
            }
            answer
        };
        self.answer.get_or_init(call).await.clone()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.reads.end(self.read);
    }
}
