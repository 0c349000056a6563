//! The error of a layer that does not fit the store below it: [`UnsuitableStore`].

/// A layer was put around a store that it does not fit.
///
/// It is a mistake in the program or its configuration, found when the layer is made.
///
/// ```
/// use cloakroom::store::UnsuitableStore;
///
/// let error = UnsuitableStore::new("cached", "memory", "its records are in this process already");
/// assert_eq!(
///     error.to_string(),
///     "the layer \"cached\" does not fit the store \"memory\": its records are in this process already",
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the layer {layer:?} does not fit the store {store:?}: {reason}")]
#[non_exhaustive]
pub struct UnsuitableStore {
    /// The layer's name.
    pub layer: &'static str,
    /// The name of the store below it.
    pub store: &'static str,
    /// What is wrong, and what to do instead.
    pub reason: &'static str,
}

impl UnsuitableStore {
    /// The error of a layer that does not fit a store for this reason, which says what to do instead.
    #[must_use]
    pub const fn new(layer: &'static str, store: &'static str, reason: &'static str) -> Self {
        Self { layer, store, reason }
    }
}
