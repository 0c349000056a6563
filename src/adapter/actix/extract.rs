//! The extractors, and the response to a session's error.

use std::pin::Pin;

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};

use super::{existing_session, session};
use crate::{adapter::refusal, error::SessionError, session::Session};

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, SessionError>>>>;

/// The session of a request, or a new, empty one if none came with it. Refused only if the store cannot tell.
///
/// To get a session only if one exists, use [`ExistingSession`]; `Option<Session>` would hide an outage.
impl FromRequest for Session {
    type Error = SessionError;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { session(&request).await })
    }
}

/// The session of a request, or `None` unless a live one came with it. It never begins a session.
///
/// An outage is refused, too, unless the manager [serves anonymously](crate::OnOutage::ServeAnonymous) then: the result
/// is `None`.
///
/// ```
/// use cloakroom::actix::ExistingSession;
///
/// async fn greeting(ExistingSession(session): ExistingSession) -> String {
///     let name = session.and_then(|session| session.subject());
///     format!("Hello {}", name.as_deref().unwrap_or("stranger"))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ExistingSession(
    /// The session, if there is one.
    pub Option<Session>,
);

impl FromRequest for ExistingSession {
    type Error = SessionError;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { existing_session(&request).await.map(Self) })
    }
}

/// Answers with the error's [status](SessionError::status) and [public message](SessionError::public_message), with `Retry-After`
/// where the store is out of reach, and writes its [line](SessionError::log) to the log.
impl ResponseError for SessionError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, refusal::CONTENT_TYPE));
        if let Some(seconds) = self.retry_after() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.body(refusal::text(self))
    }
}
