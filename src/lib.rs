//! Web sessions whose home is one line of configuration.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod data;
mod error;
mod hex;
mod id;
mod key;
mod policy;
pub mod random;
pub mod record;
mod secret;
pub mod store;
pub mod time;
mod token;

pub use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    id::{InvalidSessionId, SessionId, WriteId},
    key::{AsKey, Key, MAX_KEY_LEN},
    policy::{OnOutage, OnStaleWrite, SaveOn},
    secret::{Secret, SecretHash},
    store::SessionStore,
};
