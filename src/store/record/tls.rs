//! Encrypted connections: whom they trust, and who they are.

#[cfg(any(feature = "redis-tls", feature = "postgres-tls"))]
use std::{fs, io};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Certificates or keys in PEM: as they are, or in a file that is read for each connection.
#[derive(Clone)]
#[cfg_attr(
    not(any(feature = "redis-tls", feature = "postgres-tls")),
    expect(dead_code, reason = "no connection is encrypted")
)]
pub(super) enum Pem {
    Text(Arc<[u8]>),
    File(PathBuf),
}

impl Pem {
    pub(super) fn text(pem: &[u8]) -> Self {
        Self::Text(pem.into())
    }

    pub(super) fn file(path: &Path) -> Self {
        Self::File(path.to_path_buf())
    }

    #[cfg(any(feature = "redis-tls", feature = "postgres-tls"))]
    pub(super) async fn read(&self) -> io::Result<Vec<u8>> {
        let path = match self {
            Self::Text(text) => return Ok(text.to_vec()),
            Self::File(path) => path.clone(),
        };
        let read = move || {
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            fs::read(&path).map_err(named)
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }
}

/// Whom the connections to one kind of servers trust, and who they are.
#[derive(Clone, Default)]
#[cfg_attr(
    not(any(feature = "redis-tls", feature = "postgres-tls")),
    allow(dead_code, reason = "no connection is encrypted")
)]
pub(super) struct TlsOptions {
    /// The certificates of the authority that signed the servers'; those of the system if there are none.
    pub(super) roots: Option<Pem>,
    /// The client's own certificate and its key.
    pub(super) client: Option<(Pem, Pem)>,
}
