//! The engine: one request from its headers to its response, without any framework.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`SessionManager`]: a store and the rules |
//! | `core` | what all requests share |
//! | `exchange` | [`Exchange`]: one request and its response |
//! | `lazy` | [`LazySession`]: the session of a request, loaded when a handler first asks for it |
//! | `load` | from the tokens that a request presents to what its session is based on |
//! | `save` | waiting for one's turn, saving, and going on from what was written |
//! | `in_doubt` | sending again what an earlier save left in doubt |
//! | `commit` | from a session's log to the store |
//! | `session_limit` | how many sessions one subject may have |
//! | `store_calls` | calls of the store under one deadline, repeated where a reply may have been lost |
//! | `delivery` | what the client is told of a save |
//!
//! The decisions are in `plan`; what is here carries them out.

mod commit;
mod core;
mod delivery;
mod exchange;
mod in_doubt;
mod lazy;
mod load;
mod save;
mod session_limit;
mod store_calls;

use std::{sync::Arc, time::Duration};

use self::core::Core;
pub use self::{
    exchange::{Exchange, Finish, Finished},
    lazy::LazySession,
};
use crate::{
    error::StoreError,
    policy::{OnOutage, OnStaleWrite, OnTooManySessions, Policy, SaveOn},
    random::Random,
    store::{Guarantees, SessionStore, StoreContext},
    time::{Clock, Deadline},
    transport::{Cookie, Transport},
};

/// A store together with the rules of its sessions; cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::{Cookie, SessionManager, store::MemoryStore};
///
/// let sessions = SessionManager::new(MemoryStore::new())
///     .idle_timeout(Duration::from_secs(30 * 60))
///     .absolute_timeout(Duration::from_secs(12 * 60 * 60))
///     .cookie(Cookie::named("__Host-session"));
/// ```
///
/// The store is the only line that changes when the sessions move elsewhere. It may be chosen at run time: an
/// `Arc<dyn SessionStore>` is a store too.
#[derive(Debug, Clone)]
pub struct SessionManager(Arc<Core>);

impl SessionManager {
    /// A manager of the sessions in `store`, with safe defaults.
    #[must_use]
    pub fn new(store: impl SessionStore) -> Self {
        Self(Arc::new(Core::new(store)))
    }

    /// A session ends when it was not used for this long. Default: 30 minutes.
    ///
    /// The last use is written down at most once a minute or a tenth of this time, whichever is shorter (see
    /// [`touch_after`](Self::touch_after)), so a session may end that much early.
    #[must_use]
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.with(|core| core.policy.lifetime.idle = timeout)
    }

    /// A session ends this long after it began or its subject logged in, used or not. Default: 12 hours.
    #[must_use]
    pub fn absolute_timeout(self, timeout: Duration) -> Self {
        self.with(|core| core.policy.lifetime.absolute = timeout)
    }

    /// The longest time that [`Session::remember`](crate::Session::remember) may ask for. Default: 30 days.
    #[must_use]
    pub fn remember_at_most(self, limit: Duration) -> Self {
        self.with(|core| core.policy.remember_at_most = limit)
    }

    /// How stale the stored last use may get before a request that changes nothing writes it down. Default: a tenth
    /// of the idle timeout, at most a minute.
    #[must_use]
    pub fn touch_after(self, age: Duration) -> Self {
        self.with(|core| core.policy.touch_after = Some(age))
    }

    /// How far ahead of this server's clock a session may claim to have begun. Default: 60 seconds.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        self.with(|core| core.policy.leeway = leeway)
    }

    /// How long the old secret is honoured after [`Session::renew`](crate::Session::renew), unless the new one is seen before. Default and
    /// longest: 30 seconds.
    #[must_use]
    pub fn renewal_grace(self, grace: Duration) -> Self {
        self.with(|core| core.policy.renewal_grace = grace.min(Policy::LONGEST_GRACE))
    }

    /// The time for all store calls of a load, and again for those of a commit. Default: 2 seconds.
    ///
    /// A store that waits needs a tokio runtime with its timer enabled, as every web framework has.
    #[must_use]
    pub fn store_timeout(self, timeout: Duration) -> Self {
        self.with(|core| core.policy.store_timeout = timeout)
    }

    /// The largest session data, in bytes. Default: 256 KiB, or less where the store takes less.
    #[must_use]
    pub fn max_data(self, bytes: usize) -> Self {
        self.with(|core| core.policy.max_data = bytes)
    }

    /// How many sessions a subject may have at the most, at least one; what a login beyond that does. Default: as many as
    /// it likes.
    ///
    /// Logins look it up in the store's index, which need not list more than a thousand; on a store without one they fail
    /// with `Store(Unsupported)`.
    ///
    /// ```
    /// use cloakroom::{OnTooManySessions, SessionManager, store::MemoryStore};
    ///
    /// let sessions =
    ///     SessionManager::new(MemoryStore::new()).sessions_per_subject(5, OnTooManySessions::EndOldest);
    /// ```
    #[must_use]
    pub fn sessions_per_subject(self, most: usize, beyond: OnTooManySessions) -> Self {
        self.with(|core| core.policy.sessions_per_subject = Some((most.max(1), beyond)))
    }

    /// What a request gets while the store is out of reach. Default: 503.
    #[must_use]
    pub fn on_outage(self, choice: OnOutage) -> Self {
        self.with(|core| core.policy.on_outage = choice)
    }

    /// Which responses keep the changes of their handler. Default: all but server errors.
    #[must_use]
    pub fn save_on(self, choice: SaveOn) -> Self {
        self.with(|core| core.policy.save_on = choice)
    }

    /// What a blind write does to a value that changed since it was read. Default: 409.
    #[must_use]
    pub fn on_stale_write(self, choice: OnStaleWrite) -> Self {
        self.with(|core| core.policy.on_stale_write = choice)
    }

    /// Tokens travel in this cookie and in no other way. Default: [`Cookie::default`].
    #[must_use]
    pub fn cookie(self, cookie: Cookie) -> Self {
        self.transports([cookie.into()])
    }

    /// How tokens travel, in the order in which requests are searched: the first place where a token stands counts, and
    /// the others are not looked at.
    ///
    /// A client gets its new tokens in the way in which it presented the last one; one that presented none gets them in
    /// the first way, unless the handler [issues a bearer token](crate::Session::issue_bearer).
    ///
    /// ```
    /// use cloakroom::{Bearer, Cookie, SessionManager, store::MemoryStore};
    ///
    /// let sessions = SessionManager::new(MemoryStore::new())
    ///     .transports([Cookie::default().into(), Bearer::authorization().into()]);
    /// ```
    ///
    /// # Panics
    /// If there is none: a mistake in the program.
    #[must_use]
    pub fn transports(self, transports: impl IntoIterator<Item = Transport>) -> Self {
        let transports: Vec<_> = transports.into_iter().collect();
        assert!(!transports.is_empty(), "a manager needs a way in which tokens travel");
        let vary = transports.iter().map(|transport| transport.request_header().to_owned()).collect();
        self.with(|core| {
            core.transports = transports;
            core.vary = vary;
        })
    }

    /// Lets requests that another site began change sessions at exactly this path: for the callback of an OpenID
    /// Connect or SAML login that uses the form-post response mode.
    ///
    /// It is the path of the request as the session layer sees it: the whole one, unless the layer stands inside a
    /// nested router.
    #[must_use]
    pub fn allow_cross_site(self, path: impl Into<String>) -> Self {
        self.with(|core| core.cross_site_paths.push(path.into()))
    }

    /// What tells the time. Default: the system's clock; a test injects a [`ManualClock`](crate::time::ManualClock).
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.with(|core| core.clock = Arc::new(clock))
    }

    /// What IDs and secrets are drawn from. Default: the system's cryptographic generator.
    #[must_use]
    pub fn random(self, random: impl Random) -> Self {
        self.with(|core| core.random = Arc::new(random))
    }

    /// What the store promises.
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        self.0.guarantees
    }

    /// Hands over what would be lost with this process, within this time. Call it when the process is told to end, while it
    /// still serves; when it is done, stop serving.
    ///
    /// It does nothing unless the store keeps sessions in this process and was told where they go from here, so an
    /// application calls it whatever its store is.
    ///
    /// # Errors
    /// When not everything could be handed over in time. It may be called again.
    pub async fn drain(&self, within: Duration) -> Result<(), StoreError> {
        self.0.store.drain(StoreContext::new(self.0.clock.now(), Deadline::after(within))).await
    }

    /// The exchange of one request to this path and its response: what an adapter begins for each request.
    #[must_use]
    pub fn exchange(&self, path: &str) -> Exchange {
        Exchange::new(Arc::clone(&self.0), path)
    }

    fn with(mut self, change: impl FnOnce(&mut Core)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}
