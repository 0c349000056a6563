//! Extractors and responses for axum 0.8, on top of the tower adapter.

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use super::tower::{PlainText, Refusal as _, existing_session, session};
use crate::{error::SessionError, session::Session};

/// The session of a request, or a new, empty one if none came with it. Refused only if the store cannot tell.
impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        session(parts).await
    }
}

/// `None` unless a live session came with the request. An outage is refused, too, unless the manager
/// [serves anonymously](crate::OnOutage::ServeAnonymous) then: the result is `None`.
impl<S: Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        existing_session(parts).await
    }
}

/// Answers with the error's [status](SessionError::status) and [public message](SessionError::public_message), and writes its
/// [line](SessionError::log) to the log.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        PlainText.response(&self)
    }
}
