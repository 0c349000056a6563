//! What stores that keep records differ in: [`RecordBackend`].

use std::{fmt, sync::Arc};

use super::{Stored, Tombstone};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, ChangeListener, Ended, Guarantees, Loaded, NodeName, ReferenceToken, SessionIndex,
        StoreContext, Touched,
    },
    time::Timestamp,
};

/// The storage behind a [`RecordStore`](super::RecordStore): a map from session IDs to what is [stored](Stored) under them.
///
/// The store over it parses and authenticates tokens, issues them, and recognises writes whose reply was lost. What is left
/// for a backend are atomic operations on a single ID. Write the methods as `async fn`.
///
/// # Contract
/// - [`compare_and_swap`](Self::compare_and_swap), [`touch`](Self::touch) and [`bury`](Self::bury) of one ID are atomic.
/// - The deadlines, cancellation and clocks of the [store's contract](crate::SessionStore#contract) hold here, too. A write
///   that has begun when its future is dropped, or when its deadline passes, may still take effect later.
/// - No call blocks the thread that polls it. A client library that does is called on a thread of its own.
/// - What leaves the process is [`Stored::encode`] or [`Record::encode`], which contain no secret but its hash. Within the
///   process a record may be kept as it is, once it is [settled](Record::settled).
/// - What cannot be decoded is an error of the kind [`Corrupt`](crate::StoreErrorKind::Corrupt) and is left as it is.
/// - From [`Stored::removable_at`] on a record or a tombstone may be removed at any moment, and not before.
///
/// The guide at [`store`](crate::store#writing-a-store) walks through a complete backend.
///
/// # Errors
/// An `Err` means that the backend does not know: neither what is stored, nor whether a write took effect.
pub trait RecordBackend: fmt::Debug + Send + Sync + 'static {
    /// What the store guarantees, with a token of the form [`Reference`](crate::store::TokenForm::Reference).
    fn guarantees(&self) -> Guarantees;

    /// What is stored under an ID.
    ///
    /// Expired records and tombstones past their time may be returned or left out: the store looks at their times.
    ///
    /// # Errors
    /// When the backend cannot tell.
    fn get(
        &self,
        id: &SessionId,
        cx: StoreContext,
    ) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// Stores `next` under its ID, if what is stored there is in the state `expected`.
    ///
    /// - With a version, only a record of that version that has not expired at `cx.now` is replaced.
    /// - With `None`, `next` is stored only where nothing is, or a tombstone whose time has passed.
    ///
    /// Otherwise nothing changes, and the answer is what is stored. [`Stored::swap`] is this rule.
    ///
    /// The version of `next` may be `expected` itself, after a touch. If the record that is replaced was last active later than
    /// `next`, because it was [touched](Self::touch) since it was loaded, the later time is stored.
    ///
    /// A backend with a [subject index](Self::index) writes the index's entry before the record, or together with it. The
    /// subject of `next` may differ from that of the record that is replaced, whose entry is then to be removed.
    ///
    /// # Errors
    /// When the backend cannot tell whether the record was stored. The call is then repeated with the same record.
    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> impl Future<Output = Result<Swapped, StoreError>> + Send;

    /// Replaces whatever is stored under the tombstone's ID, nothing included, with the tombstone.
    ///
    /// Where a record is stored, the tombstone's `until` is extended to the record's [deadline](Record::deadline). Of two
    /// tombstones the later `until` counts, and the `at` and `by` of the first, unless the second alone is of an end by the
    /// session's own client; the answer is then [`Ended::Already`], and in any other case [`Ended::Done`]. [`Stored::bury`] is this
    /// rule.
    ///
    /// # Errors
    /// When the backend cannot tell whether the tombstone is stored. The call may be repeated.
    fn bury(
        &self,
        tombstone: Tombstone,
        cx: StoreContext,
    ) -> impl Future<Output = Result<Ended, StoreError>> + Send;

    /// Moves the last-activity time of the stored record forward to that of `record`, and changes nothing else, its version
    /// included.
    ///
    /// It does nothing once another login or logout has changed the [epoch](Record::epoch). The default reads the record and
    /// swaps it.
    ///
    /// # Errors
    /// When the backend cannot tell whether the time was stored.
    fn touch(
        &self,
        record: &Record,
        cx: StoreContext,
    ) -> impl Future<Output = Result<Touched, StoreError>> + Send {
        async move {
            let stored = match self.get(&record.id(), cx).await? {
                None => return Ok(Touched::Gone(Absence::Unknown)),
                Some(stored) => stored.live(cx.now),
            };
            let mut stored = match stored {
                Err(absence) => return Ok(Touched::Gone(absence)),
                Ok(stored) => stored,
            };
            if stored.epoch() != record.epoch() {
                return Ok(Touched::Gone(Absence::Rotated { id: record.id(), at: cx.now }));
            }
            stored.touch(record.last_active());
            Ok(match self.compare_and_swap(Some(stored.version()), &stored, cx).await? {
                // A request that was faster has used the session, too.
                Swapped::Done | Swapped::Found(Some(Stored::Record(_))) => Touched::Done(None),
                Swapped::Found(Some(Stored::Tombstone(tombstone))) => {
                    Touched::Gone(tombstone.absence(cx.now))
                }
                Swapped::Found(None) => Touched::Gone(Absence::Unknown),
            })
        }
    }

    /// What a presented token opens, if that is known in this process without waiting; by default `None`.
    ///
    /// It is what is [stored](Self::get) under the token's ID, [opened](Stored::open) by the token.
    fn open_now(&self, token: &ReferenceToken, now: Timestamp) -> Option<Loaded> {
        let _ = (token, now);
        None
    }

    /// Called before a write that begins a session or may change its subject; by default it does nothing.
    ///
    /// A backend that writes the index and the record in one transaction does not need it.
    ///
    /// A backend whose index cannot be written together with the record enters the session here, so that a crash in between
    /// leaves an entry without a session, and never a session without an entry.
    ///
    /// # Errors
    /// When the entry could not be written. The record is then not written either.
    fn enlist(
        &self,
        record: &Record,
        cx: StoreContext,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = (record, cx);
        async { Ok(()) }
    }

    /// The index of sessions by subject, if the backend keeps one.
    fn index(&self) -> Option<&dyn SessionIndex> {
        None
    }

    /// Tells `listener` from now on which sessions change; whether this backend can. By default it cannot. See
    /// [`SessionStore::announce_to`](crate::SessionStore::announce_to).
    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        drop(listener);
        false
    }

    /// The name of this node, which tokens carry for a load balancer that routes by it; by default none.
    fn node(&self) -> Option<&NodeName> {
        None
    }
}

/// The answer to [`compare_and_swap`](RecordBackend::compare_and_swap).
#[derive(Debug)]
pub enum Swapped {
    /// The record is stored.
    Done,
    /// Nothing has changed. This is stored under the ID.
    Found(Option<Stored>),
}
