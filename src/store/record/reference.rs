//! Passwords and certificates to which a configuration refers, rather than contain them.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{Credentials, CredentialsProvider, PasswordFile, PasswordVariable};
use crate::options::{self, ConfigError, secret};

/// A password in a file or a variable, which is read for each connection.
pub(super) struct Referred(Box<dyn CredentialsProvider>);

#[async_trait]
impl CredentialsProvider for Referred {
    async fn credentials(&self) -> Result<Credentials, Box<dyn std::error::Error + Send + Sync>> {
        self.0.credentials().await
    }
}

/// The password that `<name>_env` or `<name>_file` refers to. That there is one now is checked at once.
pub(super) fn referred(
    name: &str,
    user: Option<&String>,
    variable: Option<&String>,
    file: Option<&PathBuf>,
) -> Result<Option<Referred>, ConfigError> {
    secret(name, variable, file)?;
    let provider: Box<dyn CredentialsProvider> = match (variable, file, user) {
        (Some(variable), _, None) => Box::new(PasswordVariable::new(variable)),
        (Some(variable), _, Some(user)) => Box::new(PasswordVariable::new(variable).user(user)),
        (None, Some(path), None) => Box::new(PasswordFile::new(path)),
        (None, Some(path), Some(user)) => Box::new(PasswordFile::new(path).user(user)),
        (None, None, _) => return Ok(None),
    };
    Ok(Some(Referred(provider)))
}

/// The path, if there is a file that can be read.
pub(super) fn readable<'a>(
    option: &str,
    path: Option<&'a PathBuf>,
) -> Result<Option<&'a PathBuf>, ConfigError> {
    path.map(|path| options::read(option, path).map(|_| path)).transpose()
}

/// Two files of which none makes sense without the other.
pub(super) fn pair<'a>(
    names: [&str; 2],
    paths: [Option<&'a PathBuf>; 2],
) -> Result<Option<(&'a PathBuf, &'a PathBuf)>, ConfigError> {
    let [certificate, key] = [readable(names[0], paths[0])?, readable(names[1], paths[1])?];
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::new(names[1], format!("missing; {} is given", names[0]))),
        (None, Some(_)) => Err(ConfigError::new(names[0], format!("missing; {} is given", names[1]))),
    }
}
