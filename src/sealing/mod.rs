//! Tokens whose content is sealed under the keys of a ring.
//!
//! | module | holds |
//! | --- | --- |
//! | `sealer` | [`Sealer`]: encrypts bytes into a token, and opens it |
//! | `cipher` | its algorithms |
//! | `epochs` | its keys, and how long each is used |
//! | `envelope` | the form of the tokens |
//! | `keys` | the keys of a ring, ready for use |
//! | `base64url` | the letters of tokens |

#[cfg(any(feature = "cookie-store", feature = "hybrid", feature = "jwt"))]
pub(crate) mod base64url;
#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
pub(crate) mod cipher;
#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
pub(crate) mod envelope;
#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
mod epochs;
#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
pub(crate) mod keys;
#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
mod sealer;

#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
pub(crate) use self::sealer::Sealer;
#[cfg(any(feature = "cookie-store", feature = "hybrid", feature = "jwt"))]
use crate::error::{StoreError, StoreErrorKind};

/// The longest token of the stores in this crate whose clients carry the session, in bytes, unless chosen otherwise.
///
/// A response that hands it out, with a kilobyte of other headers, fits into the 4 KiB that nginx reads by default, the least
/// of all common proxies; a request, with the other cookies of a site, into the 8 KiB that nginx and Apache take as one header.
pub const DEFAULT_MAX_TOKEN: usize = 2800;

#[cfg(any(feature = "cookie-store", feature = "hybrid", feature = "jwt"))]
pub(crate) fn too_large(size: usize, limit: usize) -> StoreError {
    StoreError::new(
        StoreErrorKind::TooLarge { size, limit },
        format!(
            "the session's token would have {size} bytes, but at most {limit} are allowed; keep large values elsewhere"
        ),
    )
}
