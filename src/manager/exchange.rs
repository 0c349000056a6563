//! One request and its response: what an adapter holds while a handler runs.

use std::{fmt, sync::Arc};

use tokio::task::JoinError;
use tracing::{debug, warn};

use super::{
    Core, commit, doubt,
    store_calls::{Failed, Written},
};
use crate::{
    error::{SessionError, StoreError, StoreErrorKind},
    plan::Write,
    session::{Arrival, Base, BoxFuture, Changes, Opening, Session},
    transport::{Read, RequestHead, ResponseEdits, ResponseHeaders},
};

/// One request and its response: the whole interface between this crate and a web framework.
///
/// An adapter begins an exchange for each request, makes [`lazy`](Self::lazy) available to extractors, and
/// [finishes](Self::finish) it when the handler has answered. An exchange that is dropped before, because the client
/// disconnected or the handler panicked, still completes a login or logout, in a task of its own.
///
/// This is an adapter for a framework that keeps headers as a list of lines:
///
/// ```
/// use cloakroom::{
///     RequestHead, RequestHeaders, ResponseHeaders, Session, SessionError, SessionManager, manager::Finish,
///     store::MemoryStore,
/// };
///
/// #[derive(Default)]
/// struct Headers(Vec<(String, String)>);
///
/// impl RequestHeaders for Headers {
///     fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
///         let named = self.0.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
///         named.for_each(|(_, value)| visit(value.as_bytes()));
///     }
/// }
///
/// impl ResponseHeaders for Headers {
///     fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
///         RequestHeaders::each(self, name, &mut |value| visit(value));
///     }
///     fn set(&mut self, name: &str, value: &str) {
///         self.0.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
///         self.append(name, value);
///     }
///     fn append(&mut self, name: &str, value: &str) {
///         self.0.push((name.to_owned(), value.to_owned()));
///     }
/// }
///
/// struct Response { status: u16, headers: Headers, body: String }
///
/// impl From<&SessionError> for Response {
///     fn from(error: &SessionError) -> Self {
///         let body = error.public_message().to_owned();
///         Self { status: error.status(), headers: Headers::default(), body }
///     }
/// }
///
/// async fn serve(
///     sessions: &SessionManager,
///     (method, path, headers): (&str, &str, Headers),
///     handler: impl AsyncFn(Session) -> Result<String, SessionError>,
/// ) -> Response {
///     let exchange = sessions.exchange(path);
///     let head = RequestHead { method, authority: None, headers: &headers };
///     let answer = match exchange.lazy().load(&head).await {
///         Ok(session) => handler(session).await,
///         Err(error) => Err(error),
///     };
///     let mut response = match answer {
///         Ok(body) => Response { status: 200, headers: Headers::default(), body },
///         Err(error) => Response::from(&error),
///     };
///     let finished = match exchange.finish(response.status) {
///         Finish::Ready(finished) => finished,
///         Finish::Pending(finished) => finished.await,
///     };
///     if let Some(error) = finished.error() {
///         response = Response::from(error); // the handler's response may claim what did not happen
///     }
///     finished.apply(&mut response.headers);
///     response
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sessions = SessionManager::new(MemoryStore::new());
/// let count = async |session: Session| {
///     let visits = session.update("visits", |visits: &mut u32| {
///         *visits += 1;
///         *visits
///     })?;
///     Ok(format!("visit number {visits}"))
/// };
/// let first = serve(&sessions, ("GET", "/", Headers::default()), count).await;
/// let mut cookie = String::new();
/// ResponseHeaders::each(&first.headers, "set-cookie", &mut |line| {
///     cookie = String::from_utf8_lossy(line).split(';').next().unwrap_or_default().to_owned();
/// });
/// let headers = Headers(vec![("Cookie".to_owned(), cookie)]);
/// let second = serve(&sessions, ("GET", "/", headers), count).await;
/// assert_eq!((second.status, &*second.body), (200, "visit number 2"));
/// # }
/// ```
#[derive(Debug)]
pub struct Exchange {
    lazy: LazySession,
    /// Taken by whoever ends it.
    core: Option<Arc<Core>>,
}

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
    session: Session,
    /// Whether another site may begin the request, whatever it does.
    allows_cross_site: bool,
}

impl fmt::Debug for LazySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazySession").field("session", &self.session).finish_non_exhaustive()
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
        if self.session.opened().is_none() {
            let arrival = self.session.backend().arrival(head, self.allows_cross_site);
            match self.session.backend().load_now(&arrival) {
                Some(opening) => self.begin(opening, head),
                None => self.load_in_turn(&arrival, head).await,
            }
        }
        self.session.admitted()
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

    /// Loads a session that takes time, once: whoever comes second waits for the first.
    async fn load_in_turn(&self, arrival: &Arrival<'_>, head: &RequestHead<'_>) {
        let _turn = self.session.turn().await;
        if self.session.opened().is_none() {
            self.begin(self.session.backend().load(arrival).await, head);
        }
    }

    fn begin(&self, opening: Opening, head: &RequestHead<'_>) {
        let is_ambiguous = matches!(opening.base, Base::Ambiguous(_));
        if self.session.open(opening).is_ok() && is_ambiguous {
            self.session.deposit(self.session.backend().refuse_both(head), None);
        }
    }
}

/// How an exchange ends: at once, or after a wait for the store.
///
/// ```
/// use cloakroom::manager::{Exchange, Finish, Finished};
///
/// async fn finish(exchange: Exchange, status: u16) -> Finished {
///     match exchange.finish(status) {
///         Finish::Ready(finished) => finished, // no allocation, no wait: the most frequent case
///         Finish::Pending(finished) => finished.await,
///     }
/// }
/// ```
pub enum Finish {
    /// At once: there is nothing to write.
    Ready(Finished),
    /// When this future is done.
    Pending(BoxFuture<'static, Finished>),
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Pending(_) => "Pending",
        })
    }
}

/// What an exchange does to the response.
///
/// ```
/// use cloakroom::manager::Finished;
///
/// /// The end of every adapter: an error takes the place of the handler's response, and both get the session's headers.
/// fn respond(response: http::Response<String>, finished: &Finished) -> http::Response<String> {
///     let mut response = match finished.error() {
///         None => response,
///         Some(error) => {
///             let mut refusal = http::Response::new(error.public_message().to_owned());
///             *refusal.status_mut() = http::StatusCode::from_u16(error.status()).expect("a legal status");
///             refusal
///         }
///     };
///     finished.apply(response.headers_mut());
///     response
/// }
/// ```
#[derive(Debug, Default)]
pub struct Finished {
    edits: ResponseEdits,
    error: Option<SessionError>,
    /// Whose request headers the response depends on; missing where nobody has asked for the session.
    core: Option<Arc<Core>>,
}

impl Finished {
    /// Returns why the session could not be saved; the adapter then answers with this error instead of the handler's response.
    ///
    /// ```
    /// # use cloakroom::manager::Finished;
    /// fn status(handlers: u16, finished: &Finished) -> u16 {
    ///     finished.error().map_or(handlers, |error| error.status())
    /// }
    /// ```
    #[must_use]
    pub fn error(&self) -> Option<&SessionError> {
        self.error.as_ref()
    }

    /// Adds the headers that the session needs to the response: `Set-Cookie` or the bearer token, `Vary` and `Cache-Control`.
    ///
    /// Call it for the handler's response and for a refusal alike.
    ///
    /// ```
    /// # use cloakroom::manager::Finished;
    /// # fn f(finished: &Finished, response: &mut http::Response<()>) {
    /// finished.apply(response.headers_mut());
    /// # }
    /// ```
    pub fn apply(&self, headers: &mut dyn ResponseHeaders) {
        let vary = self.core.as_ref().map_or(&[][..], |core| &core.vary);
        self.edits.apply(headers, vary);
    }
}

impl Exchange {
    pub(super) fn new(core: Arc<Core>, path: &str) -> Self {
        let session = Session::new(Arc::clone(&core) as _);
        let lazy = LazySession { session, allows_cross_site: core.allows_cross_site(path) };
        Self { lazy, core: Some(core) }
    }

    /// Returns the session of this request, to be loaded when an extractor asks for it.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// # let mut request = http::Request::new(());
    /// let exchange = sessions.exchange(request.uri().path());
    /// request.extensions_mut().insert(exchange.lazy());
    /// ```
    #[must_use]
    pub fn lazy(&self) -> LazySession {
        self.lazy.clone()
    }

    /// Ends the exchange: writes what has changed, unless the `status` of the handler's response forbids it, and returns what to
    /// do to the response.
    ///
    /// Which statuses keep the changes is up to [`SaveOn`](crate::SaveOn).
    ///
    /// ```
    /// # use cloakroom::{RequestHead, SessionManager, manager::Finish, store::MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom::SessionError> {
    /// let exchange = SessionManager::new(MemoryStore::new()).exchange("/cart");
    /// let mut response = http::Response::new("Added to your cart");
    /// let headers = http::HeaderMap::new();
    /// let head = RequestHead { method: "POST", authority: None, headers: &headers };
    /// exchange.lazy().load(&head).await?.insert("cart", ["hat"])?;
    ///
    /// let Finish::Pending(saving) = exchange.finish(200) else { panic!("there is something to write") };
    /// saving.await.apply(response.headers_mut());
    /// assert!(response.headers().contains_key("set-cookie"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn finish(mut self, status: u16) -> Finish {
        let core = self.core.take();
        let was_touched = self.lazy.session.close();
        let (Some(opening), Some(core)) = (self.lazy.session.opened(), core) else {
            return Finish::Ready(Finished::default());
        };
        // The most frequent end by far: the handler has only looked.
        if !was_touched && core.needs_nothing(opening) {
            return Finish::Ready(core.finished(ResponseEdits::read(read(opening)), None));
        }
        Closing::new(core, &self.lazy.session, status).finish()
    }
}

/// How much of a session its response may reveal.
fn read(opening: &Opening) -> Read {
    if opening.base.record().is_some() { Read::Live } else { Read::Absent }
}

impl Core {
    fn finished(self: Arc<Self>, edits: ResponseEdits, error: Option<SessionError>) -> Finished {
        Finished { edits, error, core: Some(self) }
    }

    /// Whether a session that nobody has changed can stay as it was loaded.
    fn needs_nothing(&self, Opening { base, request, .. }: &Opening) -> bool {
        matches!(self.upkeep(base, *request, request.loaded_at), Write::Nothing)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        self.lazy.session.close();
        if self.lazy.session.pending().changes_identity {
            debug!("a request was dropped after a login or log-out, which is carried through");
            // A panic is answered as a server error, a vanished client like any success.
            let status = if std::thread::panicking() { 500 } else { 200 };
            carry_through(Closing::new(core, &self.lazy.session, status));
        }
    }
}

/// A session whose request is over, on its way to the store.
#[derive(Clone)]
struct Closing {
    core: Arc<Core>,
    session: Session,
    /// Whether the response's status lets the handler's changes be kept.
    keeps: bool,
}

impl Closing {
    fn new(core: Arc<Core>, session: &Session, status: u16) -> Self {
        Self { keeps: core.policy.save_on.keeps(status), session: session.clone(), core }
    }

    fn finish(self) -> Finish {
        // A save under way may be about anything.
        let Some(turn) = self.session.try_turn() else { return carry_through(self) };
        let pending = self.session.pending();
        if pending.changes_identity {
            drop(turn);
            return carry_through(self);
        }
        if !pending.changes && self.needs_nothing() {
            return Finish::Ready(Arc::clone(&self.core).finished(self.edits(), None));
        }
        drop(turn);
        // A handler that lives on may have logged in just now.
        if self.session.pending().changes_identity {
            return carry_through(self);
        }
        Finish::Pending(Box::pin(self.run()))
    }

    fn needs_nothing(&self) -> bool {
        self.session.opened().is_none_or(|opening| self.core.needs_nothing(opening))
    }

    async fn run(self) -> Finished {
        let written = self.write().await;
        self.told(written)
    }

    /// What the response has to say of what was written.
    fn told(self, written: Result<ResponseEdits, Failed>) -> Finished {
        let (edits, error) = match written {
            Ok(edits) => (edits, None),
            Err(Failed { error, edits }) => {
                warn!(%error, kind = ?error.kind(), "a session was not saved");
                (edits, Some(error))
            }
        };
        let mut all = self.edits();
        all.merge(edits);
        self.core.finished(all, error)
    }

    async fn write(&self) -> Result<ResponseEdits, Failed> {
        let _turn = commit::turn(&self.core, &self.session).await?;
        let settled = if self.keeps { doubt::settle(&self.core, &self.session).await } else { Ok(()) };
        let mut changes = self.session.take_changes();
        let written = match settled {
            Ok(()) => commit::commit(&self.core, &mut changes, self.keeps).await,
            Err(failed) => Err(failed),
        };
        self.stand_on(changes, written)
    }

    /// A handler that outlives the response goes on from what was written.
    fn stand_on(&self, changes: Changes, written: Result<Written, Failed>) -> Result<ResponseEdits, Failed> {
        let is_detached = changes.is_detached;
        let (base, outcome) = match written {
            Ok(Written { base, edits, .. }) => (base, Ok(edits)),
            // The client is told that nothing was saved, so nothing of it may be saved later.
            Err(failed) => (changes.base, Err(failed)),
        };
        if is_detached && let Err(error) = self.session.rebase(base) {
            warn!(%error, "a change that was made while the response left is lost");
        }
        outcome
    }

    /// The task that was to write it has panicked or was stopped. Whatever it did: who logged out keeps no cookie.
    fn outcome_unknown(self, logged_out: bool, error: JoinError) -> Finished {
        let request = self.session.request();
        let error =
            StoreError::new(StoreErrorKind::OutcomeUnknown, "the task that saved a session did not end")
                .with_source(error);
        let mut edits = self.edits();
        if logged_out && request.holds_cookie && !request.cross_site {
            let mut end = ResponseEdits::default();
            self.core.take_back(request, None, &mut end);
            edits.merge(end);
        }
        self.core.finished(edits, Some(error.into()))
    }

    /// What the response has to say of the session, apart from what is still to be written.
    fn edits(&self) -> ResponseEdits {
        let mut edits = ResponseEdits::read(self.session.opened().map_or(Read::Absent, read));
        edits.merge(self.session.take_edits());
        edits
    }
}

/// Runs in a task of its own, so that nobody who goes away can stop it half way.
fn carry_through(closing: Closing) -> Finish {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return Finish::Pending(Box::pin(closing.run()));
    };
    let logs_out = closing.session.logs_out();
    let task = runtime.spawn(closing.clone().run());
    Finish::Pending(Box::pin(async move {
        task.await.unwrap_or_else(|error| closing.outcome_unknown(logs_out, error))
    }))
}
