//! What can go wrong: between the engine and a store ([`StoreError`]), and between a handler and its session
//! ([`SessionError`]).
//!
//! Both are opaque, cheap to clone and keep their source. Their text is for logs: it says what happened and every cause of it,
//! and never holds a secret, a token or a session's values. What a client may be told is [`SessionError::public_message`].

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

type Source = Arc<dyn Error + Send + Sync>;

/// Why a store could not answer. An outage is always this, never "no session".
///
/// Its text names the causes, too.
#[derive(Clone)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: Cow<'static, str>,
    source: Option<Source>,
    retry_after: Option<Duration>,
}

/// The kinds of [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached.
    Unavailable,
    /// The store did not answer before the deadline. A write may or may not have happened.
    Timeout,
    /// The store answers reads but takes no writes at present.
    ReadOnly,
    /// The store has no room for another session.
    Full,
    /// What the store holds is no record that this version can read. It is left as it is.
    Corrupt,
    /// The record is larger than the store takes.
    TooLarge {
        /// The size that was asked for, in bytes.
        size: usize,
        /// The largest size that the store takes, in bytes.
        limit: usize,
    },
    /// The store cannot do this at all; its `Guarantees` say so.
    Unsupported,
    /// The write was sent, its reply was lost, and too much happened since to tell whether it took effect.
    OutcomeUnknown,
    /// The store has not answered lately, so it was not asked: a [`CircuitBreaker`](crate::store::CircuitBreaker) is open.
    /// Nothing was sent.
    CircuitOpen,
}

/// When a client may try again if its session could not be loaded and nothing else is known.
const SOON: Duration = Duration::from_secs(1);

impl StoreError {
    /// An error of this kind; `message` says what happened and what to do, without secrets or session data.
    pub fn new(kind: StoreErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None, retry_after: None }
    }

    /// The same error with the error that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(Source::from(source.into()));
        self
    }

    /// The same error with the time after which the same call may succeed.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// What is asked for is not in the store's power.
    pub fn unsupported(what: &'static str) -> Self {
        Self::new(StoreErrorKind::Unsupported, format!("this session store cannot {what}"))
    }

    /// The kind, to decide by.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// After what time the same call may succeed, if the store knows.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Timeout)
    }

    /// Whether the store was not there to answer: the error is [transient](Self::is_transient), or the store was not asked because its
    /// circuit breaker is open. A layer that goes on while the store below it is down decides by this.
    ///
    /// ```
    /// use cloakroom::{StoreError, StoreErrorKind};
    ///
    /// assert!(StoreError::new(StoreErrorKind::CircuitOpen, "not asked").is_outage());
    /// assert!(!StoreError::new(StoreErrorKind::ReadOnly, "a replica").is_outage());
    /// ```
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.is_transient() || self.kind == StoreErrorKind::CircuitOpen
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self.message.to_string(), self))
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.kind)
            .field("message", &self.to_string())
            .finish_non_exhaustive()
    }
}

/// A message followed by the causes of its error, each once: some errors repeat theirs in their own text.
fn with_causes(mut text: String, error: &dyn Error) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

/// Why a session could not be read, changed or saved.
///
/// Its text is for logs: it says what happened, to the value under which key, and every cause. A client reads the
/// [public message](Self::public_message). The extractors' responses and the session layer write [one line](Self::log) to the log
/// for each error that they answer with.
#[derive(Clone)]
pub struct SessionError(Arc<Inner>);

/// The parts of a [`SessionError`]; behind a pointer because every session call returns it in its `Result`.
struct Inner {
    kind: SessionErrorKind,
    message: Cow<'static, str>,
    key: Option<Box<str>>,
    source: Option<Source>,
    retry_after: Option<Duration>,
    /// Whether it has its line in the log. Clones share it.
    is_logged: AtomicBool,
}

impl From<Inner> for SessionError {
    fn from(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

/// The kinds of [`SessionError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// The store failed; nothing is known about the session, and nothing was cleared.
    Store(StoreErrorKind),
    /// Another request changed, rotated or ended the session meanwhile, and the two cannot be reconciled.
    Conflict,
    /// A cross-site request tried to change the session.
    CrossSite,
    /// A request outside the cookie's path tried to change the session: its client sends no cookie there, and a new one would
    /// displace the one that it holds.
    OutsideCookiePath,
    /// The stored value is not of the type that was asked for.
    Undecodable,
    /// The value cannot be written as JSON.
    Unencodable,
    /// The name of a value is longer than [`MAX_KEY_LEN`](crate::MAX_KEY_LEN).
    InvalidKey,
    /// A subject is empty or longer than [`MAX_SUBJECT_LEN`](crate::record::MAX_SUBJECT_LEN).
    InvalidSubject,
    /// The session would grow beyond its limit.
    TooLarge {
        /// The size that was asked for, in bytes.
        size: usize,
        /// The largest size allowed, in bytes.
        limit: usize,
    },
    /// More changes were logged in one request than the limit allows.
    TooManyChanges,
    /// A closure given to `update` or `try_update` panicked; its change was not made.
    UpdatePanicked,
    /// The request has ended; this handle can no longer change the session.
    Closed,
    /// The change needs a new token, which can no longer reach the client.
    TokenUndeliverable,
    /// The subject has as many sessions as it may have.
    TooManySessions,
    /// The subject has to log in again before this may happen.
    FreshLoginRequired,
    /// The source of randomness failed.
    NoRandomness,
    /// The handler asks for a session, but no session layer is installed.
    LayerMissing,
}

impl SessionError {
    pub(crate) fn new(kind: SessionErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Inner {
            kind,
            message: message.into(),
            key: None,
            source: None,
            retry_after: None,
            is_logged: AtomicBool::new(false),
        }
        .into()
    }

    /// Another site began the request, which is not allowed for its path.
    pub(crate) fn cross_site() -> Self {
        Self::new(
            SessionErrorKind::CrossSite,
            "a request that another site began tried to change or end the session; allow its path or trust its origin if that is meant to be",
        )
    }

    /// The request went to where its client sends no cookie.
    pub(crate) fn outside_cookie_path() -> Self {
        Self::new(
            SessionErrorKind::OutsideCookiePath,
            "a request outside the path of the session cookie tried to change the session, and its cookie would displace the \
             one below that path: give the cookie a path that covers the route, or, if a proxy or a nested router takes a \
             prefix away, tell the manager with mounted_at",
        )
    }

    pub(crate) fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Inner { source: Some(Source::from(source.into())), ..self.parts() }.into()
    }

    /// The same error about the value under this key, unless it names another already.
    pub(crate) fn of_key(self, key: &str) -> Self {
        if self.0.key.is_some() {
            return self;
        }
        Inner { key: Some(key.into()), ..self.parts() }.into()
    }

    /// A copy that is not logged yet.
    fn parts(&self) -> Inner {
        let Inner { kind, message, key, source, retry_after, is_logged: _ } = &*self.0;
        Inner {
            kind: *kind,
            message: message.clone(),
            key: key.clone(),
            source: source.clone(),
            retry_after: *retry_after,
            is_logged: AtomicBool::new(false),
        }
    }

    /// The kind, to decide by.
    #[must_use]
    pub fn kind(&self) -> SessionErrorKind {
        self.0.kind
    }

    /// The key of the value that the error is about, if it is about one.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError, SessionErrorKind};
    ///
    /// fn discard(session: &Session, error: &SessionError) -> Result<(), SessionError> {
    ///     match (error.kind(), error.key()) {
    ///         (SessionErrorKind::Undecodable, Some(key)) => session.remove(key),
    ///         _ => Err(error.clone()),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Writes the error to the log with its kind, key, status and causes, unless that was done before: an error has one line,
    /// however many clones of it there are.
    ///
    /// The session layers and the responses of axum and actix-web do it by themselves. Call it where an error type of your own,
    /// or an adapter for another framework, answers a client. Errors with a status of 500 or more are written as errors, others as
    /// warnings; the field `error` is the text of this error.
    ///
    /// ```
    /// use cloakroom::SessionError;
    ///
    /// enum AppError { Session(SessionError), NotFound }
    ///
    /// fn answer(error: &AppError) -> (u16, &str) {
    ///     match error {
    ///         AppError::NotFound => (404, "There is no such page."),
    ///         AppError::Session(error) => {
    ///             error.log();
    ///             (error.status(), error.public_message())
    ///         }
    ///     }
    /// }
    /// ```
    pub fn log(&self) {
        if self.0.is_logged.swap(true, Ordering::Relaxed) {
            return;
        }
        let (kind, key, status) = (self.kind(), self.key(), self.status());
        if status >= 500 {
            tracing::error!(?kind, key, status, error = %self, "a session could not be loaded, changed or saved");
        } else {
            tracing::warn!(?kind, key, status, error = %self, "a session could not be loaded, changed or saved");
        }
    }

    /// The HTTP status that tells a client about this error.
    ///
    /// 503 for an outage, 409 for a conflict, 403 for a cross-site request or a login too many, 401 where a fresh login is needed, 413 for
    /// a session that grew too large, 500 for everything that is a defect of the application.
    ///
    /// ```
    /// # async fn f(session: cloakroom::Session) -> Result<(), cloakroom::SessionError> {
    /// if let Err(error) = session.insert("theme", "dark") {
    ///     eprintln!("{}: {error}", error.status());
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind() {
            SessionErrorKind::Store(StoreErrorKind::TooLarge { .. }) | SessionErrorKind::TooLarge { .. } => {
                413
            }
            SessionErrorKind::Store(StoreErrorKind::Unsupported | StoreErrorKind::Corrupt) => 500,
            SessionErrorKind::Store(_) | SessionErrorKind::NoRandomness => 503,
            SessionErrorKind::Conflict => 409,
            SessionErrorKind::CrossSite | SessionErrorKind::TooManySessions => 403,
            SessionErrorKind::FreshLoginRequired => 401,
            _ => 500,
        }
    }

    /// In how many seconds a client may send the same request again: the value of a `Retry-After` header, which the adapters'
    /// responses have.
    ///
    /// It is known where the session could not be loaded, so that no handler has used it, and where the store was
    /// [not asked](StoreErrorKind::CircuitOpen). After a save that failed, what was sent may have had its effect, and the
    /// client is not invited to send it again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        let after = self.0.retry_after.filter(|_| self.status() == 503)?;
        // A whole number, and never at once.
        Some(after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1))
    }

    /// The same error of a request whose session could not be loaded.
    pub(crate) fn at_load(self) -> Self {
        let retry_after = self.0.retry_after.or(Some(SOON));
        Inner { retry_after, ..self.parts() }.into()
    }

    /// What a client may be told: one sentence per status, with no detail that helps an attacker.
    #[must_use]
    pub fn public_message(&self) -> &str {
        match self.status() {
            // A mistake of the developer, who is the one to read it.
            _ if self.kind() == SessionErrorKind::LayerMissing => &self.0.message,
            _ if self.kind() == SessionErrorKind::TooManySessions => {
                "You have reached the limit of sessions. Log out on another device and try again."
            }
            401 => "Please log in again.",
            403 => "This request came from another site and was refused.",
            409 => "Your session changed in the meantime. Reload the page and try again.",
            413 => "Your session holds too much. Remove something and try again.",
            503 => "Sessions are unavailable at the moment. Please try again soon.",
            _ => "Something went wrong with your session.",
        }
    }
}

impl Error for SessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self.key() {
            Some(key) => format!("{} (key {key:?})", self.0.message),
            None => self.0.message.to_string(),
        };
        f.write_str(&with_causes(message, self))
    }
}

impl fmt::Debug for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionError")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .finish_non_exhaustive()
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        let failed = Self::new(SessionErrorKind::Store(error.kind()), "the session store failed");
        let retry_after = error.retry_after();
        Inner { retry_after, source: Some(Arc::new(error)), ..failed.parts() }.into()
    }
}

impl From<crate::random::NoRandomness> for SessionError {
    fn from(error: crate::random::NoRandomness) -> Self {
        Self::new(SessionErrorKind::NoRandomness, error.to_string())
    }
}
