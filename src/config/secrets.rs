//! Secrets by reference: in an environment variable or in a file.

use std::{env, fs};

use zeroize::Zeroizing;

#[cfg(feature = "sealed")]
use super::fields::Scalar;
use super::fields::{ConfigError, Fields};

/// The secret that `<what>_env` or `<what>_file` refers to, if one of them is there.
pub(super) fn referred(fields: &Fields, what: &str) -> Result<Option<Zeroizing<String>>, ConfigError> {
    let (variable, file) = (format!("{what}_env"), format!("{what}_file"));
    match (fields.text(&variable), fields.text(&file)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(ConfigError::of(&variable, format!("there is {file} too, and only one of them can count")))
        }
        (Some(name), None) => match env::var(&name) {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(_) => Err(ConfigError::of(&variable, format!("the environment variable {name} is not set"))),
        },
        (None, Some(path)) => match fs::read_to_string(&path) {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(error) => Err(ConfigError::of(&file, format!("the file {path} cannot be read: {error}"))),
        },
    }
}

/// The key ring that `keys_env` or `keys_file` refers to, or a new one where `keys=generate` asks for it.
#[cfg(feature = "sealed")]
pub(super) fn key_ring(fields: &Fields) -> Result<crate::keyring::KeyRing, ConfigError> {
    use crate::keyring::{KeyRing, SecretKey};

    if let Some(text) = referred(fields, "keys")? {
        return KeyRing::parse(&text).map_err(|error| ConfigError::of("keys", error));
    }
    let generate = |value: &Scalar, name: &str| {
        // It may be a key, and is not quoted.
        let choice = value.choice(name, &[("generate", ())]);
        choice.map_err(|_| {
            ConfigError::of(
                name,
                "only \"generate\" may stand here; for a key say keys_env=VARIABLE or keys_file=PATH",
            )
        })
    };
    fields.read("keys", generate)?.ok_or_else(|| {
        let ways = "say where the keys are, with keys_env=VARIABLE or keys_file=PATH; \
                    keys=generate makes one for this run, and all sessions end with it";
        ConfigError::of("keys", ways)
    })?;
    SecretKey::generate().map(KeyRing::new).map_err(|error| ConfigError::of("keys", error))
}
