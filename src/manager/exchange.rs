//! One request and its response: what an adapter holds while a handler runs.

use std::sync::Arc;

use tracing::debug;

use super::{
    core::Core,
    finish::{Finish, Finished},
    lazy::LazySession,
    save::FinalSave,
};
use crate::{
    plan::Write,
    session::{Shared, State, Unsaved},
};

/// One request and its response: the whole interface between this crate and a web framework.
///
/// An adapter begins an exchange for each request, makes [`lazy`](Self::lazy) available to extractors, and
/// [finishes](Self::finish) it when the handler has answered. An exchange that is dropped before, because the client
/// disconnected or the handler panicked, still completes a login or logout, in a task of its own.
///
/// This is an adapter for a framework that keeps headers as a list of lines. With the feature `tower` the header traits are
/// implemented for `http::HeaderMap`, and with `actix` for that of actix-web.
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
///         error.log();
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
    is_finished: bool,
}

impl Exchange {
    pub(super) fn new(core: Arc<Core>, path: &str) -> Self {
        let allows_cross_site = core.sites.allow_path(path);
        let max_data = core.max_data();
        let path = core.has_variants().then(|| core.path_in_browser(path));
        let lazy = LazySession {
            shared: Arc::new(Shared::new(core, max_data)),
            allows_cross_site,
            is_fresh: false,
            path,
        };
        Self { lazy, is_finished: false }
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
        self.is_finished = true;
        let core = self.lazy.core();
        let mut state = self.lazy.shared.lock();
        state.close();
        if !state.is_loaded() {
            return Finish::Ready(Finished::default());
        }
        let (unsaved, is_saving) = (state.unsaved(), state.is_saving());
        // The most frequent end by far: the handler has only looked.
        if unsaved == Unsaved::Nothing && !is_saving && core.needs_nothing(&state) {
            return Finish::Ready(Finished::new(Arc::clone(core), state.take_edits(), None));
        }
        drop(state);
        let save = FinalSave::new(core, self.lazy.session(), status);
        // A save that is under way may be of a login or logout.
        if unsaved == Unsaved::Identity || is_saving { save.carried_through() } else { save.with_request() }
    }
}

impl Core {
    /// Whether a session that no handler has changed can stay as it was loaded.
    fn needs_nothing(&self, state: &State) -> bool {
        let request = state.request();
        matches!(self.upkeep(state.base(), request, request.loaded_at), Write::Nothing)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let mut state = self.lazy.shared.lock();
        state.close();
        let unsaved = state.unsaved();
        drop(state);
        if unsaved == Unsaved::Identity {
            debug!("a request was dropped after a login or logout, which is carried through");
            // A panic is answered as a server error; a client that disconnects was to get a success.
            let status = if std::thread::panicking() { 500 } else { 200 };
            drop(FinalSave::new(self.lazy.core(), self.lazy.session(), status).carried_through());
        }
    }
}
