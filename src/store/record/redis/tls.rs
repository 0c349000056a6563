//! Encrypted connections: whom they trust, and who they are.

#[cfg(feature = "redis-tls")]
use std::{fs, io};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(feature = "redis-tls")]
use redis::{ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};

/// Certificates or keys in PEM: as they are, or in a file that is read for each connection.
#[derive(Clone)]
#[cfg_attr(not(feature = "redis-tls"), expect(dead_code, reason = "no connection is encrypted"))]
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

    #[cfg(feature = "redis-tls")]
    async fn read(&self) -> io::Result<Vec<u8>> {
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

/// Whom the connections of one hop trust, and who they are.
#[derive(Clone, Default)]
pub(super) struct TlsOptions {
    /// The certificates of the authority that signed the servers'; those of the system if there are none.
    pub(super) roots: Option<Pem>,
    /// The client's own certificate and its key.
    pub(super) client: Option<(Pem, Pem)>,
}

impl TlsOptions {
    #[cfg(all(feature = "redis-sentinel", feature = "redis-tls"))]
    pub(super) fn is_default(&self) -> bool {
        self.roots.is_none() && self.client.is_none()
    }

    /// The certificates for connections to these servers, if they are encrypted and anything differs from the default.
    ///
    /// The choice of a cryptography provider is the application's, and `rustls` panics if its dependencies bring two and none
    /// was chosen. Then it is `ring`, which this crate uses anyway.
    #[cfg(feature = "redis-tls")]
    pub(super) async fn certificates(
        &self,
        servers: &[ConnectionInfo],
    ) -> io::Result<Option<TlsCertificates>> {
        if !servers.iter().any(is_encrypted) {
            return Ok(None);
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have installed one meanwhile, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let root_cert = match &self.roots {
            Some(roots) => Some(roots.read().await?),
            None => None,
        };
        let client_tls = match &self.client {
            Some((certificate, key)) => Some(ClientTlsConfig {
                client_cert: certificate.read().await?,
                client_key: key.read().await?,
            }),
            None => None,
        };
        let is_default = root_cert.is_none() && client_tls.is_none();
        Ok((!is_default).then_some(TlsCertificates { client_tls, root_cert }))
    }
}

#[cfg(feature = "redis-tls")]
pub(super) fn is_encrypted(server: &ConnectionInfo) -> bool {
    matches!(server.addr(), ConnectionAddr::TcpTls { .. })
}
