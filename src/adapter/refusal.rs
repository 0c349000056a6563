//! The text of a refusal, the same for all frameworks.

use crate::error::SessionError;

/// The media type of [`text`].
pub(super) const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// What the client reads.
pub(super) fn text(error: &SessionError) -> String {
    format!("{}\n", error.public_message())
}

/// What the log says when an extractor refuses a request.
#[cfg(any(feature = "axum", feature = "actix"))]
pub(super) fn log(error: &SessionError) {
    tracing::error!(%error, kind = ?error.kind(), "a request was refused because its session could not be loaded");
}
