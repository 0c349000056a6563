//! Encrypted connections to Redis.

use std::io;

use redis::{ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};

use super::super::tls::TlsOptions;

impl TlsOptions {
    #[cfg(feature = "redis-sentinel")]
    pub(super) fn is_default(&self) -> bool {
        self.roots.is_none() && self.client.is_none()
    }

    /// The certificates for connections to these servers, if they are encrypted and anything differs from the default.
    ///
    /// The choice of a cryptography provider is the application's, and `rustls` panics if its dependencies bring two and none
    /// was chosen. Then it is `ring`, which this crate uses anyway.
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

pub(super) fn is_encrypted(server: &ConnectionInfo) -> bool {
    matches!(server.addr(), ConnectionAddr::TcpTls { .. })
}
