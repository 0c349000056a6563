//! How an exchange ends, and what it does to the response.

use std::{fmt, sync::Arc};

use super::core::Core;
use crate::{
    error::SessionError,
    session::BoxFuture,
    transport::{ResponseEdits, ResponseHeaders},
};

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
    /// Its transports say on which request headers the response depends, and what removes variants of a cookie. `None` if no handler has asked for the session.
    core: Option<Arc<Core>>,
}

impl Finished {
    pub(super) fn new(core: Arc<Core>, edits: ResponseEdits, error: Option<SessionError>) -> Self {
        Self { edits, error, core: Some(core) }
    }

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
        let (vary, transports) =
            self.core.as_ref().map_or((&[][..], &[][..]), |core| (&core.vary, &core.transports));
        self.edits.apply(headers, vary, transports);
    }
}
