//! The session of a request, loaded when a handler first asks for it.

use std::{fmt, sync::Arc};

use tracing::warn;

use super::{
    core::Core,
    load::{Arrival, load},
    reload::revalidate,
};
use crate::{
    error::{SessionError, SessionErrorKind, StoreErrorKind},
    policy::OnOutage,
    session::{Base, Session, Shared, State},
    store::Freshness,
    transport::{RequestFacts, RequestHead, ResponseEdits, Sweep, Target},
};

/// The session of a request, loaded when it is first asked for. Clones share it.
///
/// A framework's extractor keeps a clone in the request and asks it:
///
/// ```
/// use cloakroom::{RequestHead, Session, SessionError, manager::LazySession};
///
/// struct Request { lazy: LazySession, headers: http::HeaderMap }
///
/// async fn extract(request: &Request) -> Result<Session, SessionError> {
///     let head = RequestHead { method: "GET", authority: None, headers: &request.headers };
///     request.lazy.load(&head).await
/// }
/// ```
#[derive(Clone)]
pub struct LazySession {
    pub(super) shared: Arc<Shared<Arc<Core>>>,
    /// Whether another site may begin the request, whatever it does.
    pub(super) allows_cross_site: bool,
    /// Whether the store is asked for the state as of now.
    pub(super) is_fresh: bool,
    /// The path of the request as its browser sees it, where a cookie's path or variants make it matter.
    pub(super) path: Option<Arc<str>>,
}

impl fmt::Debug for LazySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazySession").field("session", &self.session()).finish_non_exhaustive()
    }
}

impl LazySession {
    /// Returns the session, which the first call loads.
    ///
    /// ```
    /// # use cloakroom::{RequestHead, SessionManager, store::MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom::SessionError> {
    /// let exchange = SessionManager::new(MemoryStore::new()).exchange("/");
    /// let headers = http::HeaderMap::new(); // without a token: a new, empty session
    /// let head = RequestHead { method: "GET", authority: None, headers: &headers };
    /// let session = exchange.lazy().load(&head).await?;
    /// assert!(session.is_new());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the store, unless the manager [serves anonymously](crate::OnOutage::ServeAnonymous) then.
    pub async fn load(&self, head: &RequestHead<'_>) -> Result<Session, SessionError> {
        let admitted = self.admit(&self.shared.lock());
        let session = match admitted {
            Some(admitted) => admitted?,
            None => self.load_first(head).await?,
        };
        // It was loaded further out, for a handler that did not ask for the state as of now.
        if self.is_fresh && !self.shared.lock().is_fresh() {
            revalidate(self.core(), &session).await?;
        }
        Ok(session)
    }

    async fn load_first(&self, head: &RequestHead<'_>) -> Result<Session, SessionError> {
        // A second caller waits for the first.
        let _turn = self.shared.turn().await;
        if let Some(admitted) = self.admit(&self.shared.lock()) {
            return admitted;
        }
        let freshness = if self.is_fresh { Freshness::Now } else { Freshness::Guaranteed };
        let session = self.open(load(self.core(), head, freshness).await, head);
        if self.is_fresh {
            self.shared.lock().set_fresh();
        }
        session
    }

    /// Returns the session as of now, whatever the store knows: see [`Session::revalidate`].
    ///
    /// It is for the routes of an adapter that are to ask the store at each request. A clone without this option still loads what
    /// the store guarantees. If the session was loaded already, and was ended since, this one's [`load`](Self::load) is an error.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// let lazy = SessionManager::new(MemoryStore::new()).exchange("/transfer").lazy().fresh();
    /// ```
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }

    /// Like [`load`](Self::load), but returns `None` unless a live session came with the request.
    ///
    /// ```
    /// # use cloakroom::{RequestHead, SessionManager, store::MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom::SessionError> {
    /// let exchange = SessionManager::new(MemoryStore::new()).exchange("/");
    /// let mut headers = http::HeaderMap::new();
    /// headers.insert("cookie", "__Host-session=unknown".parse().expect("a legal value"));
    /// let head = RequestHead { method: "GET", authority: None, headers: &headers };
    /// assert!(exchange.lazy().load_existing(&head).await?.is_none());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the store, unless the manager [serves anonymously](crate::OnOutage::ServeAnonymous) then: the result is `None`.
    pub async fn load_existing(&self, head: &RequestHead<'_>) -> Result<Option<Session>, SessionError> {
        let session = self.load(head).await?;
        Ok((!session.is_new()).then_some(session))
    }

    fn open(
        &self,
        Arrival { base, mut request, token }: Arrival,
        head: &RequestHead<'_>,
    ) -> Result<Session, SessionError> {
        if request.holds_cookie {
            self.core().notices.cookie_came_back();
        }
        if self.allows_cross_site {
            request.allow_cross_site();
            if request.cookie_kept_back && base.record().is_none() {
                self.core().notices.cookie_kept_back();
            }
        }
        if request.cross_site {
            self.core().notices.foreign_origin(head);
        }
        let cookie = &self.core().transports[request.transport];
        if let Some(path) = &self.path {
            request.outside_path = !request.holds_cookie && !cookie.covers(path);
            let transports = &self.core().transports;
            request.may_hold_old_cookie = transports.iter().any(|cookie| cookie.replaces_elsewhere(path));
        }
        let edits = self.about_variants(&base, request, head);
        let mut state = self.shared.lock();
        state.open(base, request, token);
        if let Some(edits) = edits {
            state.deposit(edits, None);
        }
        self.admit(&state).unwrap_or_else(|| Ok(self.session()))
    }

    /// What is to be done about cookies that pass for the session's: at once where they were noticed, else with a logout.
    fn about_variants(
        &self,
        base: &Base,
        request: RequestFacts,
        head: &RequestHead<'_>,
    ) -> Option<ResponseEdits> {
        let is_ambiguous = matches!(base, Base::Ambiguous(_));
        if is_ambiguous {
            warn_of_ambiguity(request);
        }
        let path = self.path.as_ref().filter(|_| request.holds_cookie)?;
        let mut edits = ResponseEdits::default();
        edits.aim_at(Box::new(Target {
            host: Target::host_of(head),
            path: Arc::clone(path),
            highest_part: request.highest_part,
            at: request.loaded_at,
        }));
        if is_ambiguous {
            edits.sweep(Sweep::Everything);
        } else if request.contested {
            edits.sweep(Sweep::Parts);
        }
        if is_ambiguous && request.incomplete && !request.too_many {
            // It opens nothing, so nothing is lost with it either.
            let transports = &self.core().transports;
            transports.iter().for_each(|cookie| cookie.take_back(request.highest_part, &mut edits));
        }
        Some(edits)
    }

    /// The session as its handler gets it, once it is loaded.
    fn admit(&self, state: &State) -> Option<Result<Session, SessionError>> {
        match state.base() {
            Base::Unloaded => None,
            Base::Outage(error) if !self.core().serves_without_store(error) => Some(Err(error.clone())),
            _ => Some(Ok(self.session())),
        }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        self.shared.engine()
    }

    pub(super) fn session(&self) -> Session {
        Arc::clone(&self.shared).into()
    }
}

impl Core {
    /// Whether a handler gets an empty session that refuses changes if this error prevented its load.
    fn serves_without_store(&self, error: &SessionError) -> bool {
        // A record that cannot be read is no outage: carrying on would end in overwriting it.
        let is_outage = error.kind() != SessionErrorKind::Store(StoreErrorKind::Corrupt);
        is_outage && self.policy.on_outage == OnOutage::ServeAnonymous
    }
}

fn warn_of_ambiguity(request: RequestFacts) {
    if request.too_many {
        warn!("a request presented more session tokens than are tried; none is believed");
    } else if request.incomplete {
        warn!("a request presented a session token that lacks a part; nothing of it is believed");
    } else {
        warn!("a request presented tokens of two live sessions; neither is believed");
    }
}
