//! Stores whose clients carry the session: nothing is kept on the server.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`TokenStore`]: the one store behind all of them, and [`Seal`], what they differ in |
//! | `envelope` | the form of the tokens of the two cookie stores |
//! | `encrypted` | `EncryptedCookieStore` |
//! | `signed` | `SignedCookieStore` |
//! | `jwt` | `JwtStore` |
//!
//! # What is hostile
//! Every byte of a token, its length included. It is authenticated before anything in it is read; what is read then was
//! written by a server that holds the key.

#[cfg(feature = "cookie-store")]
mod encrypted;
#[cfg(feature = "cookie-store")]
mod envelope;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "cookie-store")]
mod signed;

use std::fmt;

use async_trait::async_trait;

#[cfg(feature = "jwt")]
pub use self::jwt::{InvalidJwtKey, Jwt, JwtStore, SigningKey, VerifyingKey};
#[cfg(feature = "cookie-store")]
pub use self::{
    encrypted::{Cipher, Encrypted, EncryptedCookieStore},
    signed::{Signed, SignedCookieStore},
};
use super::{
    Absence, Created, Cx, Ended, Guarantees, Index, LateResponse, Loaded, Presented, Reach, Replaced,
    Revocation, SessionStore, Token, TokenForm, Updates,
};
#[cfg(any(feature = "cookie-store", feature = "jwt"))]
use crate::error::StoreErrorKind;
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    time::Timestamp,
};

/// The longest token of a cookie store, unless chosen otherwise: with the other cookies of a site it stays below the
/// 8 KiB that servers accept as a header.
#[cfg(feature = "cookie-store")]
const DEFAULT_MAX_TOKEN: usize = 7 * 1024;

/// How a store of this kind turns records into tokens and back.
pub trait Seal: fmt::Debug + Send + Sync + 'static {
    /// The store's name.
    const NAME: &'static str;
    /// What its clients hold.
    const FORM: TokenForm;

    /// Whether the bytes have the form of such a token.
    fn recognises(&self, token: &[u8]) -> bool;

    /// The token of a record.
    ///
    /// # Errors
    /// When the record cannot be sealed, or its token would be too long.
    fn seal(&self, record: &Record) -> Result<Token, StoreError>;

    /// The record in a token, and whether it should be issued anew.
    ///
    /// # Errors
    /// Why the token is refused. Nothing of it was read then.
    fn open(&self, token: &[u8], now: Timestamp) -> Result<(Record, bool), Absence>;

    /// The largest session data that surely fits into a token.
    fn max_data(&self) -> usize;

    /// Whether tokens can be issued at all.
    fn can_seal(&self) -> bool {
        true
    }
}

/// A store whose clients carry the session; see the names by which it is used: `EncryptedCookieStore`,
/// `SignedCookieStore`, `JwtStore`.
///
/// # What such a store cannot do
/// It has no power over what clients hold. A copied token stays good until it expires, a log-out included; an older
/// token can be presented again; and of two responses that overtake each other the one that arrives last wins, which may
/// bring an older state back. Its [`Guarantees`] say so.
#[derive(Debug, Clone)]
pub struct TokenStore<S> {
    seal: S,
}

impl<S: Seal> TokenStore<S> {
    fn opened(&self, presented: Presented<'_>, now: Timestamp) -> Loaded {
        match self.seal.open(presented.bytes(), now) {
            Ok((record, _)) if record.is_expired(now) => Loaded::Absent(Absence::Expired),
            Ok((record, reissue)) => Loaded::Live { record, reissue },
            Err(absence) => Loaded::Absent(absence),
        }
    }
}

#[async_trait]
impl<S: Seal> SessionStore for TokenStore<S> {
    fn guarantees(&self) -> Guarantees {
        Guarantees {
            name: S::NAME,
            token: S::FORM,
            revocation: Revocation::AtExpiry,
            survives_restart: true,
            reach: Reach::AllServers,
            updates: Updates::LastWriterWins,
            late_response: LateResponse::MayRevert,
            index: Index::None,
            max_data: Some(self.seal.max_data()),
            writable: self.seal.can_seal(),
        }
    }

    fn recognises(&self, presented: Presented<'_>) -> bool {
        self.seal.recognises(presented.bytes())
    }

    async fn load(&self, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        Ok(self.opened(presented, cx.now))
    }

    /// Always answers: opening a token waits for nothing.
    fn load_now(&self, presented: Presented<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        Some(Ok(self.opened(presented, now)))
    }

    async fn create(&self, record: &Record, _: Cx) -> Result<Created, StoreError> {
        self.seal.seal(record).map(Created::Done)
    }

    /// Always done: there is no stored state to compare with.
    async fn replace(&self, record: &Record, _: Version, _: Cx) -> Result<Replaced, StoreError> {
        self.seal.seal(record).map(|token| Replaced::Done(Some(token)))
    }

    async fn end(&self, _: &SessionId, _: Timestamp, _: Cx) -> Result<Ended, StoreError> {
        Ok(Ended::AtClientOnly)
    }
}

#[cfg(any(feature = "cookie-store", feature = "jwt"))]
fn too_large(size: usize, limit: usize) -> StoreError {
    StoreError::new(
        StoreErrorKind::TooLarge { size, limit },
        format!(
            "the session's token would have {size} bytes, but at most {limit} are allowed; keep large values elsewhere"
        ),
    )
}
