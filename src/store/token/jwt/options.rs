//! The options of a [`JwtStore`], as configurations contain them.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{JwtStore, SigningKey, VerifyingKey};
use crate::options::{self, ConfigError, key_ring, secret};

/// The options of a [`JwtStore`].
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct JwtOptions {
    keys: Option<String>,
    keys_env: Option<String>,
    keys_file: Option<PathBuf>,
    pem_env: Option<String>,
    pem_file: Option<PathBuf>,
    public_pem_env: Option<String>,
    public_pem_file: Option<PathBuf>,
    issuer: Option<String>,
    audience: Option<String>,
    #[serde(deserialize_with = "options::duration")]
    leeway: Option<Duration>,
    accepting_type: Option<String>,
    context: Option<String>,
    max_token: Option<usize>,
}

impl JwtOptions {
    pub(crate) fn open(&self) -> Result<JwtStore, ConfigError> {
        let mut store = self.with_keys()?;
        if let Some(issuer) = &self.issuer {
            store = store.issuer(issuer.as_str());
        }
        if let Some(audience) = &self.audience {
            store = store.audience(audience.as_str());
        }
        if let Some(leeway) = self.leeway {
            store = store.leeway(leeway);
        }
        if let Some(typ) = &self.accepting_type {
            store = store.accepting_type(typ);
        }
        if let Some(context) = &self.context {
            store = store.context(context.as_str());
        }
        if let Some(bytes) = self.max_token {
            store = store.max_token(bytes);
        }
        Ok(store)
    }

    fn with_keys(&self) -> Result<JwtStore, ConfigError> {
        let private = secret("pem", self.pem_env.as_ref(), self.pem_file.as_ref())?;
        let public = secret("public_pem", self.public_pem_env.as_ref(), self.public_pem_file.as_ref())?;
        match (private, public) {
            (Some(_), Some(_)) => Err(ConfigError::new(
                "public_pem",
                "a private key is given, too, which contains its public key; keep one of them",
            )),
            (Some(pem), None) => {
                SigningKey::from_pem(&pem).map(JwtStore::new).map_err(|error| ConfigError::new("pem", error))
            }
            (None, Some(pem)) => VerifyingKey::from_pem(&pem)
                .map(|key| JwtStore::verify_only([key]))
                .map_err(|error| ConfigError::new("public_pem", error)),
            (None, None) => key_ring(self.keys.as_ref(), self.keys_env.as_ref(), self.keys_file.as_ref())
                .map(|keys| JwtStore::from_ring(&keys)),
        }
    }
}
