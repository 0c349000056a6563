//! The response when a session could not be saved.

use std::{fmt, sync::Arc};

use actix_web::HttpResponse;

use crate::error::SessionError;

/// Makes the response when a session could not be saved.
///
/// It replaces the handler's response, which may claim what did not happen.
#[derive(Clone)]
pub(super) struct Refusal(Arc<dyn Fn(&SessionError) -> HttpResponse + Send + Sync>);

impl Default for Refusal {
    fn default() -> Self {
        Self::new(|error| HttpResponse::from_error(error.clone()))
    }
}

impl Refusal {
    pub(super) fn new(refusal: impl Fn(&SessionError) -> HttpResponse + Send + Sync + 'static) -> Self {
        Self(Arc::new(refusal))
    }

    pub(super) fn response(&self, error: &SessionError) -> HttpResponse {
        (self.0)(error)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusal")
    }
}
