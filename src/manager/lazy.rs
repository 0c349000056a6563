//! The session of a request, loaded when a handler first asks for it.

use std::{fmt, sync::Arc};

use tracing::warn;

use super::{core::Core, load::load};
use crate::{
    error::{SessionError, SessionErrorKind, StoreErrorKind},
    policy::OnOutage,
    session::{Base, Session, Shared},
    transport::{RequestFacts, RequestHead, ResponseEdits, Transport},
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
        if !self.shared.lock().is_loaded() {
            // A second caller waits for the first.
            let _turn = self.shared.turn().await;
            if !self.shared.lock().is_loaded() {
                let (base, request) = load(self.core(), head).await;
                self.open(base, request, head);
            }
        }
        self.admit()
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

    fn open(&self, base: Base, mut request: RequestFacts, head: &RequestHead<'_>) {
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
        let refused = matches!(base, Base::Ambiguous(_)).then(|| refuse_all(self.core(), head));
        let mut state = self.shared.lock();
        state.open(base, request);
        if let Some(edits) = refused {
            state.deposit(edits, None);
        }
    }

    /// The loaded session as its handler gets it.
    fn admit(&self) -> Result<Session, SessionError> {
        match self.shared.lock().base() {
            Base::Outage(error) if !self.core().serves_without_store(error) => Err(error.clone()),
            _ => Ok(self.session()),
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

/// Tokens of several live sessions were presented. For a name that a sibling subdomain can plant, its variants are removed.
fn refuse_all(core: &Core, head: &RequestHead<'_>) -> ResponseEdits {
    warn!("a request presented tokens of two live sessions; neither is believed");
    let mut edits = ResponseEdits::default();
    for transport in &core.transports {
        if let Transport::Cookie(cookie) = transport
            && cookie.can_be_planted()
        {
            cookie.remove_planted(head.host().unwrap_or_default(), &mut edits);
        }
    }
    edits
}
