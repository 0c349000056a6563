//! Web sessions whose home is one line of configuration.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "tower")]
mod adapter;
#[cfg(feature = "conformance")]
pub mod conformance;
mod data;
mod error;
mod hex;
mod id;
mod key;
pub mod manager;
mod plan;
mod policy;
pub mod random;
pub mod record;
mod secret;
mod session;
pub mod store;
pub mod time;
mod token;
mod transport;

#[cfg(feature = "tower")]
pub use crate::adapter::tower;
pub use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    id::{InvalidSessionId, SessionId, WriteId},
    key::{AsKey, Key, KeyName, MAX_KEY_LEN},
    manager::SessionManager,
    policy::{OnOutage, OnStaleWrite, SaveOn},
    secret::{Secret, SecretHash},
    session::{MAX_SUBJECT_LEN, Session},
    store::SessionStore,
    transport::{Cookie, RequestHead, RequestHeaders, ResponseHeaders, SameSite},
};
