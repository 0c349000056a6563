//! Who a connection to a server belongs to, asked anew for each: [`CredentialsProvider`].

use std::{env, error::Error, fmt, fs, path::PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

/// A user name and a password for Redis, its Sentinels or PostgreSQL. `Debug` shows neither.
#[derive(Clone)]
pub struct Credentials {
    user: Option<String>,
    password: Zeroizing<String>,
}

impl Credentials {
    /// Those of a user.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: Some(user.into()), password: Zeroizing::new(password.into()) }
    }

    /// The password of the user that the URL names, or of the default user: in Redis that of `requirepass`.
    #[must_use]
    pub fn of_default_user(password: impl Into<String>) -> Self {
        Self { user: None, password: Zeroizing::new(password.into()) }
    }

    /// The name of the user, if it is not the default user.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Why there are no credentials. It is logged, so it must not contain them.
type Failure = Box<dyn Error + Send + Sync>;

/// Says who a connection belongs to. It is asked whenever one is made, so a password that has been changed needs no restart.
///
/// [`Credentials`] that stay the same are one, and so are [`PasswordFile`], [`PasswordVariable`] and every closure that returns
/// a future:
///
#[cfg_attr(feature = "redis", doc = "```")]
#[cfg_attr(not(feature = "redis"), doc = "```ignore")]
/// use cloakroom::store::{Credentials, PasswordFile, RedisStore};
///
/// async fn token_of_the_cloud() -> Result<String, std::io::Error> {
///     // …
/// #   Ok("token".to_owned())
/// }
///
/// let from_a_file = RedisStore::builder("redis://127.0.0.1")?.credentials(PasswordFile::new("/run/secrets/redis"));
/// let from_a_service = RedisStore::builder("redis://127.0.0.1")?
///     .credentials(async || token_of_the_cloud().await.map(|token| Credentials::new("shop", token)));
/// # Ok::<(), cloakroom::store::InvalidRedisUrl>(())
/// ```
///
/// It runs on the thread that drives the connections, and must not block it.
#[async_trait]
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials of a connection that is about to be made.
    ///
    /// # Errors
    /// When there are none at present. No connection is made then, and the next call asks again.
    async fn credentials(&self) -> Result<Credentials, Box<dyn Error + Send + Sync>>;
}

#[async_trait]
impl CredentialsProvider for Credentials {
    async fn credentials(&self) -> Result<Credentials, Failure> {
        Ok(self.clone())
    }
}

#[async_trait]
impl<F, A, E> CredentialsProvider for F
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future<Output = Result<Credentials, E>> + Send,
    E: Into<Failure>,
{
    async fn credentials(&self) -> Result<Credentials, Failure> {
        self().await.map_err(Into::into)
    }
}

/// A password in a file, whose last line break does not count.
#[derive(Debug, Clone)]
pub struct PasswordFile {
    user: Option<String>,
    path: PathBuf,
}

impl PasswordFile {
    /// The password of the default user.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { user: None, path: path.into() }
    }

    /// Sets the user whose password it is.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }
}

#[async_trait]
impl CredentialsProvider for PasswordFile {
    async fn credentials(&self) -> Result<Credentials, Failure> {
        let path = self.path.clone();
        let text = tokio::task::spawn_blocking(move || fs::read_to_string(path)).await?;
        let text = Zeroizing::new(text.map_err(|error| format!("{}: {error}", self.path.display()))?);
        let password = text.trim_end_matches(['\r', '\n']);
        Ok(Credentials { user: self.user.clone(), password: Zeroizing::new(password.to_owned()) })
    }
}

/// A password in an environment variable.
#[derive(Debug, Clone)]
pub struct PasswordVariable {
    user: Option<String>,
    name: String,
}

impl PasswordVariable {
    /// The password of the default user.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { user: None, name: name.into() }
    }

    /// Sets the user whose password it is.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }
}

#[async_trait]
impl CredentialsProvider for PasswordVariable {
    async fn credentials(&self) -> Result<Credentials, Failure> {
        // Its error quotes what is not UTF-8.
        let password =
            env::var(&self.name).map_err(|_| format!("the environment variable {} is not set", self.name))?;
        Ok(Credentials { user: self.user.clone(), password: Zeroizing::new(password) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_anew_and_its_last_line_break_does_not_count() {
        let path = env::temp_dir().join(format!("cloakroom-password-{}", std::process::id()));
        let file = PasswordFile::new(&path).user("shop");
        for password in ["one ", "two"] {
            fs::write(&path, format!("{password}\n")).unwrap();
            let credentials = file.credentials().await.unwrap();
            assert_eq!((credentials.user(), credentials.password()), (Some("shop"), password));
        }
        fs::remove_file(&path).unwrap();
        let error = file.credentials().await.unwrap_err().to_string();
        assert!(error.contains("cloakroom-password"), "{error}");
    }

    #[tokio::test]
    async fn nothing_shows_a_password() {
        let credentials = Credentials::new("shop", "s3cret");
        assert!(!format!("{credentials:?}").contains("s3cret"));
        let error = PasswordVariable::new("CLOAKROOM_NO_SUCH_VARIABLE").credentials().await.unwrap_err();
        assert!(error.to_string().contains("CLOAKROOM_NO_SUCH_VARIABLE"));
    }
}
