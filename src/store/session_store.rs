//! The contract of every store: [`SessionStore`].

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{
    ChangeListener, Created, End, Ended, Found, Guarantees, Loaded, PresentedToken, ReferenceToken, Replaced,
    Revocations, SessionIndex, StoreContext, Touched,
};
use crate::{
    error::StoreError,
    id::{KeyId, SessionId},
    record::{Record, Version},
    time::Timestamp,
};

/// A session storage backend.
///
/// A store turns a token into a [`Record`] and a record into a token. Applications hold it as `Arc<dyn SessionStore>`; most
/// authors implement a smaller trait instead: [`RecordBackend`](super::RecordBackend) for a store that keeps records, or `Seal`
/// for one whose clients carry the session. A store around another store is a [`StoreLayer`](super::StoreLayer).
///
/// # Contract
/// - **Guarantees.** A store does what its [`guarantees`](Self::guarantees) say. The conformance suite checks exactly that.
/// - **Atomicity.** [`create`](Self::create), [`replace`](Self::replace), [`touch`](Self::touch) and [`end`](Self::end) of one
///   session each take effect at one moment, entirely or not at all. No call involves two sessions.
/// - **Deadlines.** Every call that is given a [`StoreContext`] ends at its deadline, if need be with an error of the kind
///   [`Timeout`](crate::StoreErrorKind::Timeout). The engine sets no timer of its own. [`within`](super::within) does this for
///   clients that have no timeouts.
/// - **Cancellation.** A future may be dropped at any await. The call has then taken full effect or none.
/// - **Lost replies.** A caller that received an error repeats the call with the same record. A store that finds its write
///   [remembered](Record::remembers) answers as it did the first time.
/// - **Untrusted input.** The bytes of a [`PresentedToken`] come from a client. They are authenticated before any of them is
///   decoded, and the work that they cause is bounded by their length.
/// - **Freshness.** An answer is as fresh as [`StoreContext::freshness`] asks for. Only layers have to mind it.
/// - **Time.** A store never reads a clock. The time of a call is [`StoreContext::now`].
///
/// # Errors
/// An `Err` means that the store does not know. An outage is never [`Absent`](Loaded::Absent).
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// What this store guarantees. It answers the same at every call.
    fn guarantees(&self) -> Guarantees;

    /// Whether `presented` has the form of a token of this store.
    ///
    /// The engine asks this before it loads, so that junk in a request costs no I/O.
    fn recognises(&self, presented: PresentedToken<'_>) -> bool;

    /// The key of a [ring](crate::store::KeyId) under which a token of this store says that it was sealed, if it names one.
    ///
    /// A [`RevocableStore`](super::RevocableStore) asks this of tokens that have been authenticated. The default is that tokens name none.
    fn key_of(&self, presented: PresentedToken<'_>) -> Option<KeyId> {
        let _ = presented;
        None
    }

    /// Loads the record that a token opens.
    ///
    /// # Errors
    /// When the store cannot tell whether there is one.
    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError>;

    /// The answer of [`load`](Self::load), if it is available in this process without waiting.
    ///
    /// The engine asks this first, unless the answer has to be as of [now](super::Freshness::Now), and calls `load` if it answers `None`,
    /// the default. A store that keeps its sessions in
    /// memory, or caches them, saves a boxed future by it.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        let _ = (presented, now);
        None
    }

    /// The reference token in what a client presented, if there is one: within a grace period it tells the engine which of two
    /// secrets the client holds.
    ///
    /// By default what was presented is taken apart. A store whose tokens contain a reference among other things overrides it.
    fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        ReferenceToken::parse(presented.bytes())
    }

    /// Stores a new record, unless its ID is taken or belongs to a session that was ended.
    ///
    /// An expired record that has not been removed yet still takes its ID: the answer is [`Taken`](Created::Taken). The token
    /// in the answer is one for `record`; a repeated call answers the same token.
    ///
    /// # Errors
    /// When the store cannot tell whether the record was stored.
    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError>;

    /// Replaces the state `expected` of a session with `record`, and never creates a session.
    ///
    /// An expired session is [`Gone`](Replaced::Gone), whether it was removed or not. A token in the answer is one for `record`,
    /// even if the write was recognised as a repeated one behind later writes.
    ///
    /// # Errors
    /// When the store cannot tell whether the state was replaced.
    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError>;

    /// Ends a session and reserves its ID until `end.until`, even if nothing was stored under it.
    ///
    /// Ending a session again may extend the reservation and never shortens it. Until then a token of the session reads as
    /// [`Ended`](super::Absence::Ended), at the time of the first end. An end by the session's own client replaces the time and
    /// the account of an earlier one by somebody else.
    ///
    /// # Errors
    /// When the store cannot tell whether the session has ended.
    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError>;

    /// Stores the last-activity time of `record`, and nothing else of it.
    ///
    /// `record` is otherwise as it was loaded. The default replaces the whole record. A store that can do better updates only
    /// the time, which never moves backwards.
    ///
    /// # Errors
    /// When the store cannot tell whether the time was stored.
    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        Ok(match self.replace(record, expected, cx).await? {
            Replaced::Done(token) => Touched::Done(token),
            // The request that wrote in between has used the session, too.
            Replaced::Conflict(_) => Touched::Done(None),
            Replaced::Gone(absence) => Touched::Gone(absence),
        })
    }

    /// Looks a session up by its ID, without a credential: for the application's own use, never on behalf of a client.
    ///
    /// An expired session is [`Expired`](super::Absence::Expired), or [`Unknown`](super::Absence::Unknown) once it was swept.
    ///
    /// # Errors
    /// [`Unsupported`](crate::StoreErrorKind::Unsupported) unless the store keeps records, which is the default.
    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        let _ = (id, cx);
        Err(StoreError::unsupported("look a session up by its ID"))
    }

    /// The index of sessions by subject, if the store keeps one.
    fn index(&self) -> Option<&dyn SessionIndex> {
        None
    }

    /// What ends all sessions of a subject by one write, if the store can do that.
    ///
    /// It is for stores that have no index, because their clients carry the sessions. The engine asks it for the
    /// [sequence](Revocations::sequence) of each new session and each login.
    fn revocations(&self) -> Option<&dyn Revocations> {
        None
    }

    /// Tells `listener` from now on which sessions change, whoever changes them; whether this store can.
    ///
    /// The default is `false`: the store announces nothing, and what a listener knows ages. So is the answer to a second listener,
    /// because a store has one at the most.
    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        drop(listener);
        false
    }

    /// Moves sessions that would be lost with this process to another store, before the process exits.
    ///
    /// Requests are served in the meantime and afterwards. The default does nothing, which is right for every store whose
    /// sessions outlive the process or have nowhere to go.
    ///
    /// # Errors
    /// When it is not certain that everything was moved. The call may be repeated.
    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        let _ = cx;
        Ok(())
    }
}

/// A shared store is a store, so that one can be chosen at run time: `Arc<dyn SessionStore>`.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn guarantees(&self) -> Guarantees {
        (**self).guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        (**self).recognises(presented)
    }

    fn key_of(&self, presented: PresentedToken<'_>) -> Option<KeyId> {
        (**self).key_of(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        (**self).load(presented, cx).await
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        (**self).load_now(presented, now)
    }

    fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        (**self).reference_token(presented)
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        (**self).create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        (**self).replace(record, expected, cx).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        (**self).end(end, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        (**self).touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        (**self).find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        (**self).index()
    }

    fn revocations(&self) -> Option<&dyn Revocations> {
        (**self).revocations()
    }

    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        (**self).announce_to(listener)
    }

    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        (**self).drain(cx).await
    }
}
