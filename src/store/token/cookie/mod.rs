//! Sessions in a cookie, encrypted or signed.
//!
//! | module | holds |
//! | --- | --- |
//! | `encrypted` | [`EncryptedCookieStore`] |
//! | `cipher` | its algorithms |
//! | `epochs` | its keys, and how long each is used |
//! | `signed` | [`SignedCookieStore`] |
//! | `envelope` | the form of both stores' tokens |
//! | `options` | the options of both, as configurations contain them |
//! | `keys` | the keys of a ring, ready for use by both |

mod cipher;
mod encrypted;
mod envelope;
mod epochs;
mod keys;
#[cfg(feature = "config")]
mod options;
mod signed;

#[cfg(feature = "config")]
pub(crate) use self::options::{EncryptedCookieOptions, SignedCookieOptions};
pub use self::{
    cipher::Cipher,
    encrypted::{Encrypted, EncryptedCookieStore},
    signed::{Signed, SignedCookieStore},
};
use super::{DEFAULT_MAX_TOKEN, Seal, TokenStore, Unopened, base64url, too_large};
