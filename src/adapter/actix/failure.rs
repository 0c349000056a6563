//! Errors of inner middleware.
//!
//! In actix-web an error is a response that has not been made yet: it is passed outwards, and the outermost middleware makes the
//! response. The headers that the session adds, such as the removal of the cookie at a logout, travel with the error and are
//! added whichever way its response is made.

use std::fmt;

use actix_web::{
    Error, HttpResponse, ResponseError,
    http::{StatusCode, header::HeaderMap},
};

use super::{headers::keep_inner_cookies, refusal::Refusal};
use crate::manager::Finished;

/// An error whose response is the refusal where the session could not be saved, else its own; with the session's headers.
struct Failure {
    error: Error,
    finished: Finished,
    refusal: Refusal,
}

/// The error as it leaves the middleware: the same one where the session has nothing to say.
pub(super) fn finished_error(error: Error, finished: Finished, refusal: Refusal) -> Error {
    if has_nothing_to_say(&finished) { error } else { Failure { error, finished, refusal }.into() }
}

fn has_nothing_to_say(finished: &Finished) -> bool {
    let mut headers = HeaderMap::new();
    finished.apply(&mut headers);
    finished.error().is_none() && headers.is_empty()
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self.finished.error() {
            Some(error) => error.status_code(),
            None => self.error.as_response_error().status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = match self.finished.error() {
            Some(error) => {
                let mut refused = self.refusal.response(error);
                keep_inner_cookies(self.error.error_response().headers(), refused.headers_mut());
                refused
            }
            None => self.error.error_response(),
        };
        self.finished.apply(response.headers_mut());
        response
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}
