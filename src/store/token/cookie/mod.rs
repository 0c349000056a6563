//! Sessions in a cookie, encrypted or signed.
//!
//! | module | holds |
//! | --- | --- |
//! | `encrypted` | [`EncryptedCookieStore`] |
//! | `signed` | [`SignedCookieStore`] |
//! | `options` | the options of both, as configurations contain them |
//!
//! What both are made of, and the hybrid store too, is in `sealing`.

mod encrypted;
#[cfg(feature = "config")]
mod options;
mod signed;

#[cfg(feature = "config")]
pub(crate) use self::options::{EncryptedCookieOptions, SignedCookieOptions};
pub use self::{
    encrypted::{Encrypted, EncryptedCookieStore},
    signed::{Signed, SignedCookieStore},
};
use super::{Seal, TokenStore, Unopened};
