//! Stores whose clients carry the session: nothing is kept on the server.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`TokenStore`]: the one store behind all of them, and [`Seal`], what they differ in |
//! | `cookie` | `EncryptedCookieStore`, `SignedCookieStore` |
//! | `jwt` | `JwtStore` |
//!
//! # What is hostile
//! Every byte of a token, its length included. It is authenticated before anything in it is read; what is read then was
//! written by a server that holds the key.

#[cfg(feature = "cookie-store")]
mod cookie;
#[cfg(feature = "jwt")]
mod jwt;

use std::fmt;

use async_trait::async_trait;

#[cfg(feature = "cookie-store")]
pub use self::cookie::{Encrypted, EncryptedCookieStore, Signed, SignedCookieStore};
#[cfg(all(feature = "cookie-store", feature = "config"))]
pub(crate) use self::cookie::{EncryptedCookieOptions, SignedCookieOptions};
#[cfg(all(feature = "jwt", feature = "config"))]
pub(crate) use self::jwt::JwtOptions;
#[cfg(feature = "jwt")]
pub use self::jwt::{InvalidJwtKey, Jwt, JwtStore, SigningKey, VerifyingKey};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::KeyId,
    record::{Record, Version},
    store::{
        Absence, Created, End, Ended, Guarantees, Loaded, PresentedToken, Replaced, Scope, SessionStore,
        StoreContext, Token, TokenForm, Upkeep,
    },
    time::Timestamp,
};

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
    /// Why the token opens nothing, or that it holds a record of a newer format.
    fn open(&self, token: &[u8], now: Timestamp) -> Result<(Record, bool), Unopened>;

    /// The key of a ring that a token names. The default is that it names none.
    fn key_of(&self, token: &[u8]) -> Option<KeyId> {
        let _ = token;
        None
    }

    /// The largest session data that surely fits into a token.
    fn max_data(&self) -> usize;

    /// Whether tokens can be issued at all.
    fn can_seal(&self) -> bool {
        true
    }
}

/// Why a token could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// It opens nothing. Nothing of it was read.
    Absent(Absence),
    /// It is genuine, but its content is of a format that this version does not read, as a token of a newer version is. This is an
    /// error and not an absence: a server of an older version must not take the session for none and overwrite it.
    Unreadable,
}

impl From<Absence> for Unopened {
    fn from(absence: Absence) -> Self {
        Self::Absent(absence)
    }
}

/// A store whose clients carry the session; see the names by which it is used: `EncryptedCookieStore`,
/// `SignedCookieStore`, `JwtStore`.
///
/// # What such a store cannot do
/// It cannot revoke issued tokens. A copied token stays valid until it expires, even after a logout; an older
/// token can be presented again; and of two responses that overtake each other the one that arrives last wins, which may
/// bring an older state back. Its [`Guarantees`] say so.
#[derive(Debug, Clone)]
pub struct TokenStore<S> {
    seal: S,
}

impl<S: Seal> TokenStore<S> {
    /// A store whose tokens are made and opened by `seal`.
    #[must_use]
    pub const fn from_seal(seal: S) -> Self {
        Self { seal }
    }

    fn issue(&self, record: &Record) -> Result<Token, StoreError> {
        let (size, limit) = (record.data().len(), self.seal.max_data());
        if size > limit {
            return Err(StoreError::new(
                StoreErrorKind::TooLarge { size, limit },
                format!(
                    "the session holds {size} bytes, but at most {limit} fit into its token; keep large values elsewhere"
                ),
            ));
        }
        self.seal.seal(record)
    }

    fn opened(&self, presented: PresentedToken<'_>, now: Timestamp) -> Result<Loaded, StoreError> {
        match self.seal.open(presented.bytes(), now) {
            Ok((record, _)) if record.is_expired(now) => Ok(Loaded::Absent(Absence::Expired)),
            Ok((record, reissue)) => Ok(Loaded::Live { record, upkeep: Upkeep::reissue_if(reissue) }),
            Err(Unopened::Absent(absence)) => Ok(Loaded::Absent(absence)),
            Err(Unopened::Unreadable) => Err(StoreError::new(
                StoreErrorKind::Corrupt,
                "a genuine token holds a session of a format that this version does not read; upgrade this server",
            )),
        }
    }
}

#[async_trait]
impl<S: Seal> SessionStore for TokenStore<S> {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new(S::NAME, S::FORM)
            .survives_restart(true)
            .scope(Scope::AllNodes)
            .max_data(Some(self.seal.max_data()))
            .writable(self.seal.can_seal())
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.seal.recognises(presented.bytes())
    }

    fn key_of(&self, presented: PresentedToken<'_>) -> Option<KeyId> {
        self.seal.key_of(presented.bytes())
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.opened(presented, cx.now)
    }

    /// Always answers: opening a token waits for nothing.
    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        Some(self.opened(presented, now))
    }

    async fn create(&self, record: &Record, _: StoreContext) -> Result<Created, StoreError> {
        self.issue(record).map(Created::Done)
    }

    /// Always done: there is no stored state to compare with.
    async fn replace(&self, record: &Record, _: Version, _: StoreContext) -> Result<Replaced, StoreError> {
        self.issue(record).map(|token| Replaced::Done(Some(token)))
    }

    async fn end(&self, _: End, _: StoreContext) -> Result<Ended, StoreError> {
        Ok(Ended::ClientOnly)
    }
}
