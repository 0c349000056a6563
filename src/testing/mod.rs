//! What several unit tests share: random inputs, for properties.

pub(crate) mod random;
