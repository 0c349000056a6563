//! Tokens that their clients carry, and that can be revoked all the same.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`RevocableStore`] |
//! | `follower` | what a server knows of the log, and how old that may be |
//! | `memory` | [`MemoryRevocationLog`] |
//! | `view` | the revocations that concern tokens which may still be presented |
//!
//! # Why a revocation is seen within the declared time
//! Let `d` be that time. A server believes a token only if its view of the log was asked for less than `3d/4` ago, by its own clock.
//! The log gives numbers in the order in which entries become visible, and a reader goes on where it stopped, so the view contains
//! every entry that was confirmed before the question was sent. A request that comes `d` after a confirmed revocation therefore meets a
//! view that contains it, or waits for one. The remaining quarter is for a clock that is set back: if it seems to be more than
//! `d/4` before the last question, the server asks again. (A clock that is set back by about as long as the server had no request at
//! all is not noticed.)
//!
//! # Why a login after a revocation is good
//! Numbers are compared, not times. A login asks the log, and notes the highest number in its token; a revocation that was confirmed before has
//! a number that is not higher, so no server counts it against the session. One that is confirmed later has a higher number. The number is kept by all
//! later writes of the session, so an old token that is issued anew stays revoked.
//!
//! # Why nothing comes back
//! Entries are only ever added to a view, and which sessions they end does not depend on their order. An end of a
//! session by itself counts whatever its token says. An entry is forgotten when no token can need it: a token ends at its own
//! absolute timeout, and the manager asks for an entry to be kept as long as any session may live.

mod follower;
mod memory;
mod view;

use std::time::Duration;

use async_trait::async_trait;

use self::follower::Follower;
pub use self::memory::MemoryRevocationLog;
use super::{StoreLayer, UnsuitableStore};
use crate::{
    error::StoreError,
    id::{KeyId, SessionId},
    record::{Record, Version},
    store::{
        Absence, Created, End, Ended, EndedBy, Freshness, Guarantees, Loaded, PresentedToken, Replaced,
        Revocation, RevocationLog, Revocations, Revoked, RevokedSessions, SessionStore, StoreContext,
        SubjectHash, Touched,
    },
    time::Timestamp,
};

/// For how much longer an entry is kept than its sessions can live, because clocks differ.
const MARGIN: Duration = Duration::from_secs(600);

/// A store whose clients carry their sessions, with a log of revocations that its servers share.
///
/// A logout, "end all others", "end all" and a changed password are each one small write to a [`RevocationLog`], in Redis
/// or an SQL database. Every server reads the log a few times a second while it has requests, and believes a token without asking anybody
/// as long as what it knows is young enough. So reads and ordinary changes cost nothing beyond what the inner store costs, and a copied
/// token is refused at every server [within a second](Self::within) of the logout.
///
/// ```
/// use cloakroom::{
///     SessionManager, SessionStore as _,
///     keyring::{KeyRing, SecretKey},
///     store::{EncryptedCookieStore, MemoryRevocationLog, RevocableStore, Revocation},
/// };
/// use std::time::Duration;
///
/// let keys = KeyRing::new(SecretKey::generate().expect("there is randomness"));
/// // For one process. Several share a log in Redis or an SQL database.
/// let store = RevocableStore::new(EncryptedCookieStore::new(&keys), MemoryRevocationLog::new())?;
/// assert_eq!(store.guarantees().revocation, Revocation::Within(Duration::from_secs(1)));
/// let sessions = SessionManager::new(store);
/// # Ok::<(), cloakroom::store::UnsuitableStore>(())
/// ```
///
/// # What it does not do
/// - It lists no sessions. Where the number of ended sessions is asked for, it is 0, because it is not known.
/// - An older token of a session that has not ended is still good, and the last writer wins, as with the inner store.
/// - Tokens of other issuers do not say which revocations they come after. Once all sessions of a subject were ended, its later tokens of
///   another issuer are refused, too, until the entry is no longer kept.
///
/// # When the log is not available
/// A server goes on until what it knows is too old. Then requests with a session fail with the log's error (503), unless
/// [`accept_while_down`](Self::accept_while_down) says for how long tokens are still believed. Ending sessions is confirmed or an error.
#[derive(Debug)]
pub struct RevocableStore<S> {
    inner: S,
    follower: Follower,
}

impl<S: SessionStore> RevocableStore<S> {
    /// Makes the sessions of `inner` revocable by entries in `log`.
    ///
    /// # Errors
    /// If the store revokes sessions itself, because it keeps records, or only reads the tokens of others.
    pub fn new(inner: S, log: impl RevocationLog) -> Result<Self, UnsuitableStore> {
        let Guarantees { name, token, revocation, writable, .. } = inner.guarantees();
        let unsuitable = |reason| Err(UnsuitableStore::new("revocable", name, reason));
        if !token.is_self_contained() || revocation != Revocation::AtExpiry {
            return unsuitable("it revokes sessions itself; use it without this layer");
        }
        if !writable {
            return unsuitable("it only reads tokens; put the layer around the store that issues them");
        }
        Ok(Self { inner, follower: Follower::new(log) })
    }

    /// How soon a revocation counts at every server. Default: one second.
    ///
    /// While it has requests, a server reads the log about four times in this time. At zero, each request reads the log.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.follower.within = time;
        self
    }

    /// While the log is not available, believes tokens although what this server knows of revocations is up to this old. Default: not.
    ///
    /// The [guarantees](SessionStore::guarantees) then declare this time, because a revocation that was confirmed by another server is not seen here
    /// for so long. A login during the outage may be ended by a revocation that came shortly before it.
    #[must_use]
    pub fn accept_while_down(mut self, up_to: Duration) -> Self {
        self.follower.while_down = up_to;
        self
    }

    /// Ends all sessions of everyone, logged in or not, and returns once that is certain.
    ///
    /// No token may live longer than until `until`: the longest lifetime of a session from now on is enough.
    ///
    /// # Errors
    /// When it is not certain. The call may be repeated.
    pub async fn end_everyone(&self, until: Timestamp, cx: StoreContext) -> Result<(), StoreError> {
        self.revoke(RevokedSessions::All, until, cx).await
    }

    /// Refuses all tokens that were sealed under a key, whoever made them and whenever, and returns once that is certain.
    ///
    /// Call it when a key was compromised, once all servers seal under another one: tokens that are sealed under it later are refused,
    /// too. Whether a key is named by tokens is for the inner store to say: cookies and JWTs of a [`KeyRing`](crate::store::KeyId) name
    /// theirs. `until` is when the key has been removed from the ring at all servers, or no token of it can be good for another reason.
    ///
    /// # Errors
    /// When it is not certain. The call may be repeated.
    pub async fn end_key(&self, key: KeyId, until: Timestamp, cx: StoreContext) -> Result<(), StoreError> {
        self.revoke(RevokedSessions::OfKey(key), until, cx).await
    }

    async fn revoke(
        &self,
        what: RevokedSessions,
        until: Timestamp,
        cx: StoreContext,
    ) -> Result<(), StoreError> {
        let entry = Revoked { what, at: cx.now, keep_until: until + MARGIN };
        self.follower.append(&entry, cx).await
    }

    /// Makes sure that what is known of the log is as young as the call asks for.
    async fn look(&self, cx: StoreContext) -> Result<(), StoreError> {
        match cx.freshness {
            Freshness::Now => self.follower.ask(cx).await,
            Freshness::Guaranteed => self.follower.be_young(cx).await,
        }
    }

    /// The answer of the inner store, unless the session has ended. What is known of the log is young enough.
    fn judged(&self, loaded: Loaded, presented: PresentedToken<'_>) -> Loaded {
        let Loaded::Live { ref record, .. } = loaded else { return loaded };
        let view = self.follower.view();
        if view.refuses(|| self.inner.key_of(presented)) {
            return Loaded::Absent(Absence::UnknownKey);
        }
        view.refusal(record).map_or(loaded, Loaded::Absent)
    }
}

#[async_trait]
impl<S: SessionStore> StoreLayer for RevocableStore<S> {
    fn inner(&self) -> &dyn SessionStore {
        &self.inner
    }

    /// A session that is confirmed to have ended at this server must not come back: not at another one, and not after a restart.
    fn guarantees(&self) -> Guarantees {
        let inner = self.inner.guarantees();
        let log = self.follower.log();
        inner
            .name("revocable")
            .revocation(Revocation::Within(self.follower.within.max(self.follower.while_down)))
            .scope(inner.scope.min(log.scope()))
            .survives_restart(inner.survives_restart && log.survives_restart())
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        let loaded = self.inner.load(presented, cx).await?;
        if matches!(loaded, Loaded::Absent(_)) {
            return Ok(loaded);
        }
        match cx.freshness {
            Freshness::Now => self.follower.ask(cx).await?,
            Freshness::Guaranteed => self.follower.be_young(cx).await?,
        }
        Ok(self.judged(loaded, presented))
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        if !self.follower.is_fresh(now) {
            return None;
        }
        let loaded = self.inner.load_now(presented, now)?;
        Some(loaded.map(|loaded| self.judged(loaded, presented)))
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.follower.be_young(cx).await?;
        if self.follower.view().refusal(record).is_some() {
            return Ok(Created::Ended);
        }
        self.inner.create(record, cx).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.follower.be_young(cx).await?;
        if let Some(absence) = self.follower.view().refusal(record) {
            return Ok(Replaced::Gone(absence));
        }
        self.inner.replace(record, expected, cx).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.follower.be_young(cx).await?;
        if let Some(absence) = self.follower.view().refusal(record) {
            return Ok(Touched::Gone(absence));
        }
        self.inner.touch(record, expected, cx).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let known = self.follower.view().ended(&end.id);
        let says_nothing_new = known.is_some_and(|known| {
            known.keep_until >= end.until + MARGIN && (known.by == end.by || known.by == EndedBy::Client)
        });
        if !says_nothing_new {
            self.revoke(RevokedSessions::One { id: end.id, by: end.by }, end.until, cx).await?;
        }
        Ok(if known.is_some() { Ended::Already } else { Ended::Done })
    }

    fn revocations(&self) -> Option<&dyn Revocations> {
        Some(self)
    }
}

#[async_trait]
impl<S: SessionStore> Revocations for RevocableStore<S> {
    async fn sequence(&self, is_login: bool, cx: StoreContext) -> Result<u64, StoreError> {
        if is_login {
            self.follower.ask(cx).await?;
        } else {
            self.follower.be_young(cx).await?;
        }
        Ok(self.follower.sequence())
    }

    async fn end_of(&self, record: &Record, cx: StoreContext) -> Result<Option<Absence>, StoreError> {
        self.look(cx).await?;
        Ok(self.follower.view().refusal(record))
    }

    async fn end_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        until: Timestamp,
        cx: StoreContext,
    ) -> Result<(), StoreError> {
        let subject = SubjectHash::of(subject);
        self.revoke(RevokedSessions::OfSubject { subject, except }, until, cx).await
    }
}
