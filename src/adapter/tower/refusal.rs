//! The response when a session could not be saved.

use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

use crate::{adapter::refusal, error::SessionError};

/// Makes the response when a session could not be saved.
///
/// It replaces the handler's response, which may claim what did not happen. Implemented for every
/// `Fn(&SessionError) -> http::Response<B>`.
pub trait Refusal<B> {
    /// Returns the response that tells a client about `error`.
    fn response(&self, error: &SessionError) -> Response<B>;
}

impl<B, F: Fn(&SessionError) -> Response<B>> Refusal<B> for F {
    fn response(&self, error: &SessionError) -> Response<B> {
        self(error)
    }
}

/// Answers with the error's [status](SessionError::status) and [public message](SessionError::public_message), for
/// every body that can be made from text; with `Retry-After` where the store is out of reach.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainText;

impl<B: From<String>> Refusal<B> for PlainText {
    fn response(&self, error: &SessionError) -> Response<B> {
        let mut response = Response::new(B::from(refusal::text(error)));
        *response.status_mut() =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(refusal::CONTENT_TYPE));
        if let Some(seconds) = error.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
