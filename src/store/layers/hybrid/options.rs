//! The options of a [`Hybrid`] store, as configurations contain them.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{Hybrid, WhileDown};
use crate::{
    options::{self, ConfigError, key_ring},
    store::{Cipher, SessionStore},
};

/// The options of a [`Hybrid`] store, apart from the store below it.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HybridOptions {
    keys: Option<String>,
    keys_env: Option<String>,
    keys_file: Option<PathBuf>,
    cipher: Option<Cipher>,
    context: Option<String>,
    max_token: Option<usize>,
    #[serde(deserialize_with = "options::duration")]
    fresh_for: Option<Duration>,
    #[serde(deserialize_with = "options::duration")]
    leeway: Option<Duration>,
    #[serde(deserialize_with = "options::positive_duration")]
    read_while_down: Option<Duration>,
}

impl HybridOptions {
    pub(crate) fn open<S: SessionStore>(&self, store: S) -> Result<Hybrid<S>, ConfigError> {
        let keys = key_ring(self.keys.as_ref(), self.keys_env.as_ref(), self.keys_file.as_ref())?;
        let mut store = Hybrid::new(store, &keys).map_err(|error| ConfigError::new("store", error))?;
        if let Some(cipher) = self.cipher {
            store = store.cipher(cipher);
        }
        if let Some(context) = &self.context {
            store = store.context(context);
        }
        if let Some(bytes) = self.max_token {
            store = store.max_token(bytes);
        }
        if let Some(time) = self.fresh_for {
            store = store.fresh_for(time);
        }
        if let Some(leeway) = self.leeway {
            store = store.leeway(leeway);
        }
        if let Some(up_to) = self.read_while_down {
            store = store.while_down(WhileDown::Read { up_to });
        }
        Ok(store)
    }
}
