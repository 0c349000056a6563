//! A session without a request, for an application's tests.

use super::{Finish, Finished, SessionManager};
use crate::{
    error::SessionError,
    session::Session,
    store::Token,
    transport::{RequestHead, RequestHeaders, ResponseHeaders, Transport},
};

impl SessionManager {
    /// Stores a session that `fill` writes to, and returns the name and the value of the request header that presents it: a
    /// session for an application's tests.
    ///
    /// It works with every store. The header is `Cookie`, unless the manager's first [transport](Self::transports) is another one.
    ///
    /// ```
    /// # use cloakroom::{SessionManager, store::MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom::SessionError> {
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let (name, value) = sessions.test_session(|session| session.log_in("alice")).await?;
    /// let request = http::Request::get("/account").header(name, value).body(());
    /// # assert!(request.is_ok());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of `fill`, and those of a save.
    pub async fn test_session(
        &self,
        fill: impl FnOnce(&Session) -> Result<(), SessionError>,
    ) -> Result<(String, String), SessionError> {
        let exchange = self.exchange("/");
        let head = RequestHead { method: "POST", authority: None, headers: &NoHeaders };
        let session = exchange.lazy().load(&head).await?;
        fill(&session)?;
        session.save().await?;
        let token = session.token();
        let finished = match exchange.finish(200) {
            Finish::Ready(finished) => finished,
            Finish::Pending(finished) => finished.await,
        };
        if let Some(error) = finished.error() {
            return Err(error.clone());
        }
        Ok(match &self.0.transports[0] {
            Transport::Cookie(_) => ("cookie".to_owned(), cookies(&finished)),
            Transport::Bearer(bearer) => {
                let token = token.as_ref().map_or("", Token::expose);
                (bearer.request_header().to_owned(), bearer.value(token))
            }
        })
    }
}

/// The cookies that a browser without any holds after a response.
fn cookies(finished: &Finished) -> String {
    let mut lines = SetCookies::default();
    finished.apply(&mut lines);
    let pairs = lines.0.iter().filter_map(|line| line.split(';').next());
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
}

/// A request without headers.
struct NoHeaders;

impl RequestHeaders for NoHeaders {
    fn each<'a>(&'a self, _: &str, _: &mut dyn FnMut(&'a [u8])) {}
}

/// The `Set-Cookie` lines of a response.
#[derive(Default)]
struct SetCookies(Vec<String>);

impl ResponseHeaders for SetCookies {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn set(&mut self, _: &str, _: &str) {}

    fn append(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("set-cookie") {
            self.0.push(value.to_owned());
        }
    }
}
