//! Where sessions live: the [`SessionStore`] trait and what its answers mean.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`SessionStore`], the questions and the answers |
//! | `census` | [`EnumerateSessions`]: stores that can name what they keep |
//! | `deadline` | one deadline over a whole store call |
//! | `guarantees` | [`Guarantees`]: what a store promises, as data |
//! | `index` | [`SessionIndex`]: the sessions of one subject |
//! | `memory` | [`MemoryStore`]: sessions in this process |
//! | `redis` | [`RedisStore`]: sessions in Redis |
//! | `migrating` | [`MigratingStore`]: from any store to any other while requests are served; [`DrainingStore`] |
//! | `sealed` | [`TokenStore`]: sessions that their clients carry |
//!
//! A store turns a token into a [`Record`] and a record into a token: a reference for a stateful store, the sealed
//! record itself for a stateless one. Nothing above a store asks which it is.
//!
//! # Writing a store
//!
//! Implement [`SessionStore`], declare honest [`Guarantees`], and run the conformance suite (feature `conformance`). A
//! store that keeps records parses presented tokens with [`ReferenceToken::parse`], lets [`judge`] decide what a
//! presented secret opens, and issues tokens with [`ReferenceToken::issue`]. All it has to bring is a compare-and-swap.

mod deadline;
mod enumerate;
mod guarantees;
mod index;
mod layers;
#[cfg(any(feature = "memory", feature = "redis"))]
mod record;
#[cfg(feature = "sealed")]
mod token;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub(crate) use self::deadline::within;
pub(crate) use self::index::MOST_LISTED;
pub use self::layers::{Drained, DrainingStore, MigratingStore, Phase, Progress};
#[cfg(feature = "memory")]
pub use self::record::{Budget, MemoryStore, Usage};
#[cfg(feature = "redis")]
pub use self::record::{InvalidRedisUrl, LocalCache, RedisStore};
#[cfg(feature = "cookie-store")]
pub use self::token::{Cipher, Encrypted, EncryptedCookieStore, Signed, SignedCookieStore};
#[cfg(feature = "jwt")]
pub use self::token::{InvalidJwtKey, Jwt, JwtStore, SigningKey, VerifyingKey};
#[cfg(feature = "sealed")]
pub use self::token::{Seal, TokenStore, Unopened};
pub use self::{
    enumerate::EnumerateSessions,
    guarantees::{Guarantees, Index, ResponseReordering, Revocation, Scope, TokenForm, Updates},
    index::{SessionIndex, SessionInfo},
};
pub use crate::token::{InvalidNodeName, NodeName, ReferenceToken, Token};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    time::{Deadline, Timestamp},
};

/// A home for sessions.
///
/// # What it promises
/// Exactly what [`guarantees`](Self::guarantees) says; the conformance suite checks that and nothing else.
///
/// # What is atomic
/// [`create`](Self::create), [`replace`](Self::replace), [`touch`](Self::touch) and [`end`](Self::end) of one session
/// each take effect at one moment, entirely or not at all. Nothing is asked across sessions.
///
/// # What is hostile
/// Everything in a [`PresentedToken`] token. A store authenticates a token before it decodes a byte of it, and bounds its
/// work by the token's length.
///
/// # When a future is dropped
/// The call has either taken full effect or none. The engine may drop a call at any await.
///
/// # Errors
/// An `Err` means that the store does not know: an outage is never [`Absent`](Loaded::Absent).
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// What this store promises. The same at every call.
    fn guarantees(&self) -> Guarantees;

    /// Whether `presented` has the form of a token of this store. Cheap, without I/O.
    ///
    /// A reader of cookies asks this first, so that junk in a request costs no call of [`load`](Self::load).
    fn recognises(&self, presented: PresentedToken<'_>) -> bool;

    /// The record that a token opens.
    ///
    /// # Errors
    /// When the store cannot tell whether there is one.
    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError>;

    /// Whether every call of this trait that is given a [`StoreContext`], and of its [`index`](Self::index), ends at the deadline by
    /// itself, with an error of the kind [`Timeout`](crate::StoreErrorKind::Timeout). Then the engine sets no timer around
    /// it, so a store that says so and waits for ever holds up requests for ever. Default: no.
    fn keeps_deadlines(&self) -> bool {
        false
    }

    /// The answer of [`load`](Self::load), if the store can give it without waiting. `None`: call `load`.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        let _ = (presented, now);
        None
    }

    /// Keeps a new record, unless its ID is taken or was ended.
    ///
    /// A caller whose reply was lost calls again with the same record; a store that [remembers](Record::remembers) its
    /// write answers [`Done`](Created::Done) again.
    ///
    /// # Errors
    /// When the store cannot tell whether it was kept.
    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError>;

    /// Puts `record` in place of the state `expected` of the same session; never creates. A session that has ended by time
    /// is [`Gone`](Replaced::Gone), whether it was swept or not.
    ///
    /// A caller whose reply was lost calls again with the same record; a store that [remembers](Record::remembers) its
    /// write answers [`Done`](Replaced::Done) again.
    ///
    /// # Errors
    /// When the store cannot tell whether it was replaced.
    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError>;

    /// The answer of [`replace`](Self::replace), if the store can give it without waiting. `None`: nothing was done; call
    /// `replace`.
    fn replace_now(&self, record: &Record, expected: Version, now: Timestamp) -> Option<Replaced> {
        let _ = (record, expected, now);
        None
    }

    /// Ends a session and keeps its ID from being used again until `until`, even where nothing was stored.
    ///
    /// Ending again with a later `until` prolongs that, an earlier one shortens nothing; a token of the session reads as
    /// [`Ended`](Absence::Ended) at the time of the first end.
    ///
    /// # Errors
    /// When the store cannot tell whether the session has ended.
    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError>;

    /// Writes down that the session was used at `record.last_active()`, nothing else. `record` is otherwise as loaded.
    ///
    /// The default replaces the whole record. A store that can do better moves only the time, and never back.
    ///
    /// # Errors
    /// When the store cannot tell whether it was written down.
    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        Ok(match self.replace(record, expected, cx).await? {
            Replaced::Done(token) => Touched::Done(token),
            // Whoever wrote in between has used the session too.
            Replaced::Conflict(_) => Touched::Done(None),
            Replaced::Gone(absence) => Touched::Gone(absence),
        })
    }

    /// The record of a session by its name, without a credential: for the application's own use, never for a client's.
    ///
    /// # Errors
    /// [`Unsupported`](crate::StoreErrorKind::Unsupported) unless the store keeps records.
    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Record>, StoreError> {
        let _ = (id, cx);
        Err(StoreError::unsupported("look a session up by its ID"))
    }

    /// The sessions of each subject, where the store keeps track of them.
    fn index(&self) -> Option<&dyn SessionIndex> {
        None
    }

    /// Hands over to another store what would be lost with this process, which is about to end. Requests are served
    /// meanwhile and afterwards, and lose nothing either.
    ///
    /// The default does nothing: right for every store whose sessions live elsewhere, or have nowhere to go.
    ///
    /// # Errors
    /// When it is not certain that everything was handed over. It may be called again.
    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        let _ = cx;
        Ok(())
    }
}

/// The circumstances of a store call.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StoreContext {
    /// The time now. A store never reads a clock of its own.
    pub now: Timestamp,
    /// By when the answer is needed.
    pub deadline: Deadline,
}

impl StoreContext {
    /// A call at `now` that has to be done by `deadline`.
    #[must_use]
    pub const fn new(now: Timestamp, deadline: Deadline) -> Self {
        Self { now, deadline }
    }
}

/// The bytes that a client presented as a token. Hostile until a store has authenticated them; redacted in `Debug`.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a>(&'a [u8]);

impl<'a> PresentedToken<'a> {
    /// A presented token.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, exactly as they came.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedToken({} bytes)", self.0.len())
    }
}

/// The answer to [`load`](SessionStore::load).
#[derive(Debug)]
pub enum Loaded {
    /// The token opens this record.
    Live {
        /// The record.
        record: Record,
        /// Whether it should be written although nothing changed: a rotation was confirmed, a key has rotated.
        reissue: bool,
    },
    /// The token opens nothing.
    Absent(Absence),
}

/// Why a token opens nothing. The reason decides what a write may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absence {
    /// Nothing is known of such a session.
    Unknown,
    /// It ended by time.
    Expired,
    /// It claims to begin later than now.
    NotYetValid,
    /// The token did open this session, until its secret was replaced at that time.
    Rotated {
        /// The session.
        id: SessionId,
        /// When.
        at: Timestamp,
    },
    /// The session was ended at that time.
    Ended {
        /// When.
        at: Timestamp,
    },
    /// The session is on its way to or from another store; a [`MigratingStore`] of both knows where it is.
    Migrated,
    /// It was issued under a key that this server does not have.
    UnknownKey,
    /// The token was not issued by this store.
    Forged,
    /// These bytes are no token at all.
    Malformed,
}

/// The answer to [`create`](SessionStore::create).
#[derive(Debug)]
pub enum Created {
    /// The record is kept; the client must be told this token.
    Done(Token),
    /// There already is another record of this ID, and this is it.
    Taken(Record),
    /// A session of this ID was ended.
    Ended,
}

/// The answer to [`replace`](SessionStore::replace).
#[derive(Debug)]
pub enum Replaced {
    /// The record is in place. A token that the client must be told, unless the one it holds stays good.
    Done(Option<Token>),
    /// The state is not the expected one but this.
    Conflict(Record),
    /// There is no such session any more.
    Gone(Absence),
}

/// The answer to [`touch`](SessionStore::touch).
#[derive(Debug)]
pub enum Touched {
    /// Written down. A token that the client must be told, unless the one it holds stays good.
    Done(Option<Token>),
    /// There is no such session any more.
    Gone(Absence),
}

/// The answer to [`end`](SessionStore::end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The session has ended, or its ID is kept from ever beginning.
    Done,
    /// It had ended before.
    Already,
    /// The store has no power over what clients hold: only removing the client's token ends the session.
    ClientOnly,
}

/// What a presented reference token opens, if this is the record of its ID: the one judgement all such stores share.
///
/// The secret is compared in constant time and before anything else; only then the record's times count. A record whose
/// new secret is shown for the first time comes back with the old secret's grace ended and asks to be written. What stands
/// for a session that is [not here](Record::is_here) opens to nobody.
#[must_use]
pub fn judge(record: &Record, presented: &ReferenceToken, now: Timestamp) -> Loaded {
    use crate::record::Verdict;

    if record.id() != presented.id() {
        return Loaded::Absent(Absence::Forged);
    }
    if !record.is_here() {
        return Loaded::Absent(Absence::Migrated);
    }
    match record.judge(presented.secret(), now) {
        Verdict::Wrong => Loaded::Absent(Absence::Forged),
        Verdict::Rotated(at) => Loaded::Absent(Absence::Rotated { id: record.id(), at }),
        Verdict::Current | Verdict::Previous if record.is_expired(now) => Loaded::Absent(Absence::Expired),
        Verdict::Current if record.in_grace(now) => Loaded::Live { record: record.clone(), reissue: true },
        Verdict::Current | Verdict::Previous => Loaded::Live { record: record.clone(), reissue: false },
    }
}

/// A session that no client could ever open is a defect of the caller, not a session.
#[cfg(any(feature = "memory", feature = "redis"))]
fn no_secret() -> StoreError {
    StoreError::new(
        crate::error::StoreErrorKind::Corrupt,
        "a session was not created because its record brings no new secret; make the record anew",
    )
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn guarantees(&self) -> Guarantees {
        (**self).guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        (**self).recognises(presented)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        (**self).load(presented, cx).await
    }

    fn keeps_deadlines(&self) -> bool {
        (**self).keeps_deadlines()
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        (**self).load_now(presented, now)
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

    fn replace_now(&self, record: &Record, expected: Version, now: Timestamp) -> Option<Replaced> {
        (**self).replace_now(record, expected, now)
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        (**self).end(id, until, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        (**self).touch(record, expected, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Record>, StoreError> {
        (**self).find(id, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        (**self).index()
    }

    async fn drain(&self, cx: StoreContext) -> Result<(), StoreError> {
        (**self).drain(cx).await
    }
}
