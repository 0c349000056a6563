//! Reads of the last moment, answered in this process.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Cached`]: the layer |
//! | `options` | [`CachedOptions`]: how long, how many, how much |
//! | `cache` | what is known, and whether it counts |
//! | `shard` | the map behind it, within its bounds |
//! | `flight` | one read for all who ask for the same at the same time |
//!
//! # The bound
//! A session that another node has ended or changed is seen as it was for `within` at most. All times are those of calls, by this
//! node's clock.
//!
//! 1. *By age.* An entry counts only while the read that brought it was **sent** less than `within` ago. What it shows was stored
//!    at some moment after that.
//! 2. *By announcements.* A store may tell of changes ([`ChangeListener`](crate::store::ChangeListener)). That takes a moment, and a
//!    connection may be dead without a sign of it, so silence is no proof. But the store answers in order: when it has answered a
//!    call that was sent at `t`, it has announced every change up to `t` before. So an entry counts, however old, while the last
//!    answered call on that connection was sent less than `within` ago. No timer and no pings are needed: when the connection
//!    was silent for too long, the next read goes to the store and thereby renews the proof. When the connection is lost or another
//!    one takes its place, nothing counts any more.
//! 3. *A reply that is overtaken.* The reply to a read may arrive after the announcement of a change that outdates it, or after a write
//!    of this process. So a read is noted before it is sent. A change, a write or the loss of the connection removes the note, and the
//!    result of a read without its note is not kept, nor is it waited for by anyone who comes later.
//! 4. *Own writes* are seen at once: a session is forgotten before each write of this process and after it.
//! 5. *An absence is never known.* A cached record opens a session or the store is asked: the secret may be newer than the record, or the
//!    session used since.
//! 6. *While the store cannot be asked*, if the application wants that, what is known is read up to a ceiling by the same two rules; so the
//!    bound is then the ceiling. What was announced as changed, or ended by this node, is not read any more.
//!
//! A store below that is itself behind by up to `d` makes it `d + within`.

mod cache;
mod flight;
mod options;
mod shard;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

#[cfg(feature = "config")]
pub(crate) use self::options::CacheOptions;
pub use self::options::CachedOptions;
use self::{cache::Cache, flight::Flight};
use super::{StoreLayer, UnsuitableStore};
use crate::{
    error::StoreError,
    record::{Record, Version},
    store::{
        ChangeListener, Created, End, Ended, Freshness, Guarantees, Loaded, PresentedToken, ReferenceToken,
        Replaced, Scope, SessionStore, StoreContext, Touched, within,
    },
    time::Timestamp,
};

/// Answers reads of the last moment in this process, in front of any store that keeps records.
///
/// A session that another node has ended or changed is seen as it was for a second at most, or for as long as the
/// [options](CachedOptions) say; [`guarantees`](SessionStore::guarantees) declare it. Own writes are seen at once. Changes are never lost
/// by it, because writes go to the store and are compared with what is there. A logout and a login are never delayed.
///
/// Requests that ask for the same session at the same time share one call. Where the store tells of changes, as Redis does, sessions
/// that do not change stay in the cache while the store is in use at all; otherwise each is read again after `within`.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::{SessionManager, SessionStore as _, store::{Cached, CachedOptions, RedisStore, Revocation}};
///
/// let redis = RedisStore::from_url("redis://127.0.0.1")?;
/// let options = CachedOptions { within: Duration::from_secs(2), ..CachedOptions::default() };
/// let store = Cached::with_options(redis, options)?;
/// assert_eq!(store.guarantees().revocation, Revocation::Within(Duration::from_secs(2)));
/// let sessions = SessionManager::new(store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A clone is another handle of the same cache.
#[derive(Debug, Clone)]
pub struct Cached<S> {
    inner: S,
    cache: Arc<Cache>,
}

impl<S: SessionStore> Cached<S> {
    /// Puts a cache with the default options before `inner`, which keeps records outside of this process.
    ///
    /// # Errors
    /// [`UnsuitableStore`] if the clients of `inner` carry their sessions, or `inner` keeps them in this process.
    pub fn new(inner: S) -> Result<Self, UnsuitableStore> {
        Self::with_options(inner, CachedOptions::default())
    }

    /// As [`new`](Self::new), with options.
    ///
    /// # Errors
    /// [`UnsuitableStore`] if the clients of `inner` carry their sessions, or `inner` keeps them in this process.
    pub fn with_options(inner: S, options: CachedOptions) -> Result<Self, UnsuitableStore> {
        let Guarantees { name, token, scope, .. } = inner.guarantees();
        let unsuitable = |reason| Err(UnsuitableStore::new(NAME, name, reason));
        if token.is_self_contained() {
            return unsuitable(
                "its clients carry their sessions, so there is nothing to save; use it without a cache",
            );
        }
        if scope == Scope::Process {
            return unsuitable("its sessions are in this process already; use it without a cache");
        }
        let cache = Arc::new(Cache::new(options));
        inner.announce_to(Arc::clone(&cache) as Arc<dyn ChangeListener>);
        Ok(Self { inner, cache })
    }

    /// The answer of the store, or what is known if it cannot be asked.
    async fn ask(
        &self,
        token: &ReferenceToken,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let flight = self.cache.join_read(token, cx.now);
        match self.answer(&flight, token, presented, cx).await {
            Err(error) if error.is_outage() => self.cache.open_in_outage(token, cx.now).ok_or(error),
            answer => answer,
        }
    }

    async fn answer(
        &self,
        flight: &Flight,
        token: &ReferenceToken,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let call = async || self.inner.load(presented, cx).await;
        // Whoever waits for another's call does so until its own deadline.
        within(cx.deadline, flight.answer(token, cx.now, call)).await
    }

    /// Makes a write, before and after which what is known of its session is forgotten.
    async fn write<T>(
        &self,
        record: &Record,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut write = self.cache.begin_write(record.id());
        let answer = call.await;
        // A login that may have taken effect must not be followed by reads of what was before it.
        if answer.as_ref().is_err_and(StoreError::is_outage) && !record.is_to_be_listed() {
            write.has_failed();
        }
        answer
    }
}

const NAME: &str = "cached";

#[async_trait]
impl<S: SessionStore> StoreLayer for Cached<S> {
    fn inner(&self) -> &dyn SessionStore {
        &self.inner
    }

    fn guarantees(&self) -> Guarantees {
        let inner = self.inner.guarantees();
        inner.name(NAME).revocation(inner.revocation.later_by(self.cache.options().at_most()))
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        let Some(token) = ReferenceToken::parse(presented.bytes()) else {
            return self.inner.load(presented, cx).await;
        };
        if cx.freshness == Freshness::Now {
            let flight = self.cache.begin_read(&token, cx.now);
            return self.answer(&flight, &token, presented, cx).await;
        }
        match self.cache.open(&token, cx.now) {
            Some(loaded) => Ok(loaded),
            None => self.ask(&token, presented, cx).await,
        }
    }

    /// Answers what is known. That is so little work that it needs no future.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        let known = ReferenceToken::parse(presented.bytes()).and_then(|token| self.cache.open(&token, now));
        known.map(Ok).or_else(|| self.inner.load_now(presented, now))
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.write(record, self.inner.create(record, cx)).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.write(record, self.inner.replace(record, expected, cx)).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.write(record, self.inner.touch(record, expected, cx)).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        // Whether it succeeds or not, this node reads the session from the cache no more.
        self.cache.forget(&end.id);
        let _write = self.cache.begin_write(end.id);
        self.inner.end(end, cx).await
    }
}
