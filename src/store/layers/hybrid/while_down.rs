//! What a hybrid store does while the store below it does not answer: [`WhileDown`].

use std::time::Duration;

/// What a [`Hybrid`](super::Hybrid) store does while the store below it does not answer.
///
/// Writes fail in either case, and so does ending a session: an end is confirmed, or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhileDown {
    /// A token that is too old to be believed opens nothing: an error, as without the layer. The default.
    #[default]
    Refuse,
    /// A genuine token is believed until it is so old.
    Read {
        /// The age up to which it is believed, counted from when the store was asked.
        up_to: Duration,
    },
}
