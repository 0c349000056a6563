//! One request from its headers to its response, without any framework.
//!
//! [`SessionManager`] joins a store with the rules of its sessions. [`Exchange`] is what an adapter for a web framework
//! uses for each request; its documentation shows a complete adapter.

// What is where:
//
// - `mod`: `SessionManager`: a store and the rules
// - `admin`: sessions from outside their requests
// - `core`: what all requests share
// - `engine`: what a session asks of its manager
// - `exchange`: `Exchange`: one request and its response
// - `finish`: how an exchange ends, and what it does to the response
// - `lazy`: `LazySession`: the session of a request, loaded when a handler first asks for it
// - `load`: from the tokens that a request presents to what its session is based on
// - `reload`: looking again at a session that is open
// - `save`: waiting for one's turn, saving, and going on from what was written
// - `notices`: what a manager says once
// - `in_doubt`: sending again what an earlier save left in doubt
// - `commit`: from a session's log to the store
// - `session_limit`: how many sessions one subject may have
// - `store_calls`: calls of the store under one deadline, repeated where a reply may have been lost
// - `turn`: the turn to write a session through one of its handles
// - `writers`: writers of one session wait for each other
// - `test_session`: a session without a request
// - `delivery`: what the client is told of a save
//
// Every decision is made in `plan`; these modules carry it out.

mod admin;
mod commit;
mod core;
mod delivery;
mod engine;
mod exchange;
mod finish;
mod in_doubt;
mod lazy;
mod load;
mod notices;
mod reload;
mod save;
mod session_limit;
mod store_calls;
mod test_session;
mod turn;
mod writers;

use std::{sync::Arc, time::Duration};

use self::core::Core;
pub use self::{
    exchange::Exchange,
    finish::{Finish, Finished},
    lazy::LazySession,
};
use crate::{
    error::StoreError,
    policy::{OnOutage, OnStaleWrite, OnTooManySessions, Policy, SaveOn, SessionLimit},
    random::Random,
    record::ClockId,
    store::{Guarantees, Requirement, SessionStore, StoreContext, UnmetRequirement},
    time::{Clock, Deadline},
    transport::{Cookie, Origin, PathPattern, Transport},
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
/// Only the store changes when the sessions are kept elsewhere. It can be chosen at run time, because an
/// `Arc<dyn SessionStore>` is a store too.
#[derive(Debug, Clone)]
pub struct SessionManager(Arc<Core>);

impl SessionManager {
    /// Manages the sessions in `store`, with safe defaults.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cloakroom::{SessionManager, SessionStore, store::{MemoryStore, RedisStore}};
    ///
    /// fn open(redis_url: Option<&str>) -> Result<SessionManager, Box<dyn std::error::Error>> {
    ///     let store: Arc<dyn SessionStore> = match redis_url {
    ///         Some(url) => Arc::new(RedisStore::from_url(url)?),
    ///         None => Arc::new(MemoryStore::new()),
    ///     };
    ///     Ok(SessionManager::new(store))
    /// }
    /// # assert_eq!(open(None)?.guarantees().name, "memory");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(store: impl SessionStore) -> Self {
        Self(Arc::new(Core::new(store)))
    }

    /// Sets how long a session may stay unused before it expires. Default: 30 minutes.
    ///
    /// The time of the last use is written at most once a minute or a tenth of this timeout, whichever is shorter (see
    /// [`touch_after`](Self::touch_after)), so a session may expire that much early.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// // For a bank: five minutes.
    /// let sessions = SessionManager::new(store).idle_timeout(Duration::from_secs(5 * 60));
    /// ```
    #[must_use]
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.with(|core| core.policy.lifetime.idle = timeout)
    }

    /// Sets how long a session may stay unused while nobody is logged in, if that is less than
    /// [`idle_timeout`](Self::idle_timeout). Default: an hour.
    ///
    /// Visitors who never log in are by far the most, and a flood of them fills a store: their sessions go first. A login
    /// gives a session the full lifetime, and [`remember`](crate::Session::remember) the one it asks for.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// // A shop that keeps carts for a week, of visitors as well.
    /// let week = Duration::from_secs(7 * 24 * 60 * 60);
    /// let sessions =
    ///     SessionManager::new(store).idle_timeout(week).absolute_timeout(4 * week).anonymous_idle_timeout(week);
    /// ```
    #[must_use]
    pub fn anonymous_idle_timeout(self, timeout: Duration) -> Self {
        self.with(|core| core.policy.anonymous_idle = timeout)
    }

    /// Sets how long a session lives after it began or its subject logged in, regardless of activity. Default: 12 hours.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// // A login a week, as long as there is activity on each day.
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let sessions = SessionManager::new(store).idle_timeout(day).absolute_timeout(7 * day);
    /// ```
    #[must_use]
    pub fn absolute_timeout(self, timeout: Duration) -> Self {
        self.with(|core| core.policy.lifetime.absolute = timeout)
    }

    /// Sets the longest lifetime that [`Session::remember`](crate::Session::remember) grants. Default: 30 days.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// let sessions = SessionManager::new(store).remember_at_most(Duration::from_secs(90 * 24 * 60 * 60));
    /// ```
    #[must_use]
    pub fn remember_at_most(self, limit: Duration) -> Self {
        self.with(|core| core.policy.remember_at_most = limit)
    }

    /// Sets how old the stored time of the last use may get before a request that changes nothing writes it. Default: a tenth
    /// of the idle timeout, at most a minute.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// // Sessions that live for a day need not be written each minute.
    /// let sessions = SessionManager::new(store)
    ///     .idle_timeout(Duration::from_secs(24 * 60 * 60))
    ///     .touch_after(Duration::from_secs(10 * 60));
    /// ```
    #[must_use]
    pub fn touch_after(self, age: Duration) -> Self {
        self.with(|core| core.policy.touch_after = Some(age))
    }

    /// Sets by how much the clocks of the servers that share sessions may differ. Default: 60 seconds.
    ///
    /// Within this time no difference between clocks breaks a promise: a token from before a login or logout is refused everywhere
    /// at once, and what one server honours for a while is honoured by the others for at least as long. A session whose times lie
    /// further in the future opens nothing on this server, and a request that presents its token and writes is answered `409
    /// Conflict`, so that it displaces no login. A warning with the difference is then logged, once for each manager.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// let sessions = SessionManager::new(store).leeway(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        self.with(|core| core.policy.leeway = leeway)
    }

    /// Sets how long the old token stays valid after [`Session::renew`](crate::Session::renew), unless the new one is used before. Default and maximum:
    /// 30 seconds.
    ///
    /// Other servers honour it longer by up to the [leeway](Self::leeway), because their clocks may be ahead.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// let sessions = SessionManager::new(store).renewal_grace(Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn renewal_grace(self, grace: Duration) -> Self {
        self.with(|core| core.policy.renewal_grace = grace.min(Policy::LONGEST_GRACE))
    }

    /// Sets the time for all store calls that load a session, and again for those that save it. Default: 2 seconds.
    ///
    /// A store that does I/O needs a tokio runtime with its timer enabled, which every web framework has.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// // Rather an error page than a page that takes longer than this.
    /// let sessions = SessionManager::new(store).store_timeout(Duration::from_millis(500));
    /// ```
    #[must_use]
    pub fn store_timeout(self, timeout: Duration) -> Self {
        self.with(|core| core.policy.store_timeout = timeout)
    }

    /// Sets the largest size of a session's data, in bytes. Default: 256 KiB, or less where the store takes less.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// // As little as a cookie store would take, so that a later change of the store breaks nothing.
    /// let sessions = SessionManager::new(store).max_data(2_500);
    /// ```
    #[must_use]
    pub fn max_data(self, bytes: usize) -> Self {
        self.with(|core| core.policy.max_data = bytes)
    }

    /// Sets how many sessions a subject may have, at least one, and what a login beyond that does. Default: 100, and a login
    /// beyond that ends the session that was used the longest ago.
    ///
    /// The default is more than a user has devices, and keeps one account that logs in without end from filling the store. Each
    /// login asks the index of the store for the number of sessions, and only beyond the limit for the sessions themselves, of
    /// which the index need not list more than a thousand. `usize::MAX` sets no limit.
    ///
    /// On a store without an index there is no default, and a limit that was set makes logins fail with `Store(Unsupported)`.
    ///
    /// ```
    /// use cloakroom::{OnTooManySessions, SessionManager, store::MemoryStore};
    ///
    /// let sessions =
    ///     SessionManager::new(MemoryStore::new()).sessions_per_subject(5, OnTooManySessions::EndOldest);
    /// ```
    #[must_use]
    pub fn sessions_per_subject(self, most: usize, beyond: OnTooManySessions) -> Self {
        self.with(|core| {
            core.policy.session_limit = SessionLimit { most: most.max(1), beyond, is_default: false }
        })
    }

    /// Sets what a request gets while the store is unavailable. Default: 503.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::OnOutage;
    ///
    /// // A news site stays readable: its visitors appear logged out until the store is back.
    /// let sessions = SessionManager::new(store).on_outage(OnOutage::ServeAnonymous);
    /// ```
    #[must_use]
    pub fn on_outage(self, choice: OnOutage) -> Self {
        self.with(|core| core.policy.on_outage = choice)
    }

    /// Sets which responses keep the changes of their handler. Default: all but server errors.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::SaveOn;
    ///
    /// // A form that is answered with 400 leaves no trace in the session.
    /// let sessions = SessionManager::new(store).save_on(SaveOn::Success);
    /// ```
    #[must_use]
    pub fn save_on(self, choice: SaveOn) -> Self {
        self.with(|core| core.policy.save_on = choice)
    }

    /// Sets what an [`insert`](crate::Session::insert) does if another request has changed the value since it was read. Default: 409.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::OnStaleWrite;
    ///
    /// // As other session libraries behave: the last request wins.
    /// let sessions = SessionManager::new(store).on_stale_write(OnStaleWrite::Overwrite);
    /// ```
    #[must_use]
    pub fn on_stale_write(self, choice: OnStaleWrite) -> Self {
        self.with(|core| core.policy.on_stale_write = choice)
    }

    /// Sends tokens in this cookie and in no other way. Default: [`Cookie::default`].
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::{Cookie, SameSite};
    ///
    /// let cookie = Cookie::named("__Host-admin").same_site(SameSite::Strict).expires_with_browser();
    /// let sessions = SessionManager::new(store).cookie(cookie);
    /// ```
    #[must_use]
    pub fn cookie(self, cookie: Cookie) -> Self {
        self.transports([cookie.into()])
    }

    /// Sets how tokens travel, in the order in which requests are searched: the first transport with a token that opens a session
    /// is used.
    ///
    /// A client gets its new tokens in the way in which it presented the last one. One that presented none gets them in the first
    /// way, unless the handler [issues a bearer token](crate::Session::issue_bearer).
    ///
    /// ```
    /// use cloakroom::{Bearer, Cookie, SessionManager, store::MemoryStore};
    ///
    /// let sessions = SessionManager::new(MemoryStore::new())
    ///     .transports([Cookie::default().into(), Bearer::authorization().into()]);
    /// ```
    ///
    /// # Panics
    /// If `transports` is empty: a mistake in the program.
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

    /// Lets requests that another site began change and end sessions at this path, whatever their method.
    ///
    /// It is for callbacks that a login provider posts to, as OpenID Connect does in the `form_post` mode and SAML does, and for
    /// logouts that a provider asks for. In a path `{name}` stands for one segment, and `{*name}` at the end for everything that
    /// follows: `/saml/{org}/acs`. It is compared with the path as the session layer sees it, undecoded: the whole path, unless the
    /// layer is inside a nested router.
    ///
    /// Browsers send no `SameSite=Lax` cookie with a form that another site posts. Then the request has an empty session, and
    /// what its handler writes is dropped with a warning, unless it logs a user in: a new cookie would take the place of the
    /// visitor's. Set [`SameSite::None`](crate::SameSite::None) if the callback needs the session that began the login.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::{Cookie, SameSite};
    ///
    /// let sessions = SessionManager::new(store)
    ///     .cookie(Cookie::default().same_site(SameSite::None))
    ///     .allow_cross_site("/login/callback")
    ///     .allow_cross_site("/saml/{org}/acs");
    /// ```
    ///
    /// # Panics
    /// If the path does not begin with `/`, has a query, or has braces that do not enclose the name of a whole segment: a
    /// mistake in the program.
    #[must_use]
    pub fn allow_cross_site(self, path: impl AsRef<str>) -> Self {
        self.try_allow_cross_site(path.as_ref()).unwrap_or_else(|flaw| panic!("{flaw}: {:?}", path.as_ref()))
    }

    pub(crate) fn try_allow_cross_site(self, path: &str) -> Result<Self, &'static str> {
        let path = PathPattern::parse(path)?;
        Ok(self.with(|core| core.sites.allow(path)))
    }

    /// Lets pages of these origins change and end sessions, as those of the own origin can.
    ///
    /// Name the origin of a single-page app on another site; its requests bring the cookie only with
    /// [`SameSite::None`](crate::SameSite::None). Name the application's own origin if a proxy passes another `Host` than the
    /// browser's: browsers without Fetch Metadata, which all are over plain HTTP, are then told by their `Origin`.
    ///
    /// An origin is `scheme://host` or `scheme://host:port`. It is compared with the request's `Origin` header; default ports and
    /// case mean nothing, and there are no wildcards.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::{Cookie, SameSite};
    ///
    /// let sessions = SessionManager::new(store)
    ///     .cookie(Cookie::default().same_site(SameSite::None))
    ///     .trusted_origins(["https://app.example", "http://localhost:5173"]);
    /// ```
    ///
    /// # Panics
    /// If one is no origin, or is `null`, which every sandboxed frame has: a mistake in the program.
    #[must_use]
    pub fn trusted_origins(self, origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        origins.into_iter().fold(self, |manager, origin| {
            let origin = origin.as_ref();
            manager.try_trust_origin(origin).unwrap_or_else(|flaw| panic!("{flaw}: {origin:?}"))
        })
    }

    pub(crate) fn try_trust_origin(self, origin: &str) -> Result<Self, &'static str> {
        let origin = Origin::parse(origin)?;
        Ok(self.with(|core| core.sites.trust(origin)))
    }

    /// Sets the path at which browsers see the app, where a proxy or a nested router takes it away from requests. Default: none.
    ///
    /// A cookie with a [path](Cookie::path) needs it to tell which requests come with the cookie, and a cookie without the prefix
    /// `__Host-` to remove what others have planted for longer paths. A slash at the end means nothing.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::Cookie;
    ///
    /// // Behind nginx's `location /shop/ { proxy_pass http://127.0.0.1:3000/; }`
    /// let sessions = SessionManager::new(store).cookie(Cookie::named("shop").path("/shop")).mounted_at("/shop");
    /// ```
    #[must_use]
    pub fn mounted_at(self, path: impl Into<String>) -> Self {
        let path: String = path.into();
        self.with(|core| core.mount = path.trim_end_matches('/').to_owned())
    }

    /// Sets the clock. Default: that of the system; a test sets a [`ManualClock`](crate::time::ManualClock).
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use std::{sync::Arc, time::Duration};
    /// use cloakroom::time::{ManualClock, Timestamp};
    ///
    /// let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    /// let sessions = SessionManager::new(store).clock(Arc::clone(&clock));
    /// clock.advance(Duration::from_secs(31 * 60)); // sessions from before have expired now
    /// ```
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.with(|core| {
            core.clock = Arc::new(clock);
            core.clock_id = ClockId::random();
        })
    }

    /// Sets where IDs and secrets are drawn from. Default: the cryptographic generator of the system.
    ///
    /// Only tests set another one, for example to see that its failure is an error.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let store = MemoryStore::new();
    /// use cloakroom::random::{Random, NoRandomness};
    ///
    /// #[derive(Debug)]
    /// struct Broken;
    ///
    /// impl Random for Broken {
    ///     fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
    ///         Err(NoRandomness)
    ///     }
    /// }
    ///
    /// let sessions = SessionManager::new(store).random(Broken);
    /// ```
    #[must_use]
    pub fn random(self, random: impl Random) -> Self {
        self.with(|core| core.random = Arc::new(random))
    }

    /// Checks that the store guarantees what the application requires, when the program starts rather than when the first user
    /// needs it.
    ///
    /// ```
    /// use cloakroom::{SessionManager, keyring::{KeyRing, SecretKey}, store::{EncryptedCookieStore, MemoryStore, Requirement}};
    ///
    /// // This app lists a user's devices and logs them out.
    /// const NEEDS: [Requirement; 2] = [Requirement::Index, Requirement::Revocation];
    ///
    /// assert!(SessionManager::new(MemoryStore::new()).require(NEEDS).is_ok());
    ///
    /// let keys = KeyRing::new(SecretKey::generate()?);
    /// let unmet = SessionManager::new(EncryptedCookieStore::new(&keys)).require(NEEDS).unwrap_err();
    /// assert_eq!(unmet.requirement, Requirement::Index);
    /// # Ok::<(), cloakroom::random::NoRandomness>(())
    /// ```
    ///
    /// # Errors
    /// [`UnmetRequirement`] with the first that the store does not meet.
    pub fn require(
        self,
        requirements: impl IntoIterator<Item = Requirement>,
    ) -> Result<Self, UnmetRequirement> {
        self.0.guarantees.check(requirements).map(|()| self)
    }

    /// Returns what the store guarantees.
    ///
    /// ```
    /// use cloakroom::{SessionManager, store::{MemoryStore, Scope}};
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// assert_eq!(sessions.guarantees().scope, Scope::Process, "several nodes need sticky routing");
    /// ```
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        self.0.guarantees
    }

    /// Moves the sessions that would be lost with this process to the store's drain target, within this time.
    ///
    /// Call it when the process is told to end, while it still serves requests; stop serving when it is done. It does nothing
    /// unless the store keeps sessions in this process and has a target, so an application can call it whatever its store is.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::SessionManager;
    /// async fn shut_down(sessions: SessionManager) {
    ///     if let Err(error) = sessions.drain(Duration::from_secs(20)).await {
    ///         eprintln!("some sessions were not moved: {error}");
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If not all sessions could be moved in time. The call may be repeated.
    pub async fn drain(&self, within: Duration) -> Result<(), StoreError> {
        self.0.store.drain(StoreContext::new(self.0.clock.now(), Deadline::after(within))).await
    }

    /// Begins the exchange of one request to `path` and its response: what an adapter does for each request.
    ///
    /// [`Exchange`] has a complete example.
    ///
    /// ```
    /// use cloakroom::{SessionManager, manager::Finish, store::MemoryStore};
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let exchange = sessions.exchange("/style.css");
    /// // No handler asked for the session, so there is nothing to wait for.
    /// assert!(matches!(exchange.finish(200), Finish::Ready(_)));
    /// ```
    #[must_use]
    pub fn exchange(&self, path: &str) -> Exchange {
        Exchange::new(Arc::clone(&self.0), path)
    }

    /// Whether this is a session of this manager, or of a clone of it.
    ///
    /// An adapter asks this where its layers can be nested: two layers of one manager share a session, and a handler inside the
    /// layers of two managers can name the one that it means.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// let [shop, admin] = [0, 1].map(|_| SessionManager::new(MemoryStore::new()));
    /// let lazy = shop.exchange("/").lazy();
    /// assert!(shop.clone().owns(&lazy) && !admin.owns(&lazy));
    /// ```
    #[must_use]
    pub fn owns(&self, lazy: &LazySession) -> bool {
        Arc::ptr_eq(&self.0, lazy.core())
    }

    fn with(mut self, change: impl FnOnce(&mut Core)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}
