//! The options of the stores in this folder, as configurations contain them.

use std::path::PathBuf;

use serde::Deserialize;

use super::{EncryptedCookieStore, SignedCookieStore};
use crate::{
    options::{ConfigError, key_ring},
    store::Cipher,
};

/// The options of an [`EncryptedCookieStore`].
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EncryptedCookieOptions {
    keys: Option<String>,
    keys_env: Option<String>,
    keys_file: Option<PathBuf>,
    cipher: Option<Cipher>,
    context: Option<String>,
    max_token: Option<usize>,
}

impl EncryptedCookieOptions {
    pub(crate) fn open(&self) -> Result<EncryptedCookieStore, ConfigError> {
        let keys = key_ring(self.keys.as_ref(), self.keys_env.as_ref(), self.keys_file.as_ref())?;
        let mut store = EncryptedCookieStore::new(&keys);
        if let Some(cipher) = self.cipher {
            store = store.cipher(cipher);
        }
        if let Some(context) = &self.context {
            store = store.context(context);
        }
        if let Some(bytes) = self.max_token {
            store = store.max_token(bytes);
        }
        Ok(store)
    }
}

/// The options of a [`SignedCookieStore`].
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SignedCookieOptions {
    keys: Option<String>,
    keys_env: Option<String>,
    keys_file: Option<PathBuf>,
    context: Option<String>,
    max_token: Option<usize>,
}

impl SignedCookieOptions {
    pub(crate) fn open(&self) -> Result<SignedCookieStore, ConfigError> {
        let keys = key_ring(self.keys.as_ref(), self.keys_env.as_ref(), self.keys_file.as_ref())?;
        let mut store = SignedCookieStore::new(&keys);
        if let Some(context) = &self.context {
            store = store.context(context);
        }
        if let Some(bytes) = self.max_token {
            store = store.max_token(bytes);
        }
        Ok(store)
    }
}
