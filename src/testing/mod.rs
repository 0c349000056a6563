//! What several unit tests share.
//!
//! | module | holds |
//! | --- | --- |
//! | `random` | random inputs, for properties |
//! | `wycheproof` | published test vectors |

pub(crate) mod random;
#[cfg(feature = "sealed")]
pub(crate) mod wycheproof;
