//! The text of a refusal, the same for all frameworks.

use crate::error::SessionError;

/// The media type of [`text`].
pub(super) const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// What the client reads. The log says more.
pub(super) fn text(error: &SessionError) -> String {
    error.log();
    format!("{}\n", error.public_message())
}
