//! Encrypted connections.

use redis::{ConnectionAddr, ConnectionInfo, TlsCertificates};

use super::connect_options::ConnectOptions;

pub(super) fn is_encrypted(server: &ConnectionInfo) -> bool {
    matches!(server.addr(), ConnectionAddr::TcpTls { .. })
}

/// The certificates to trust in connections to these servers, if they are encrypted and the roots are not the system's.
///
/// The choice of a cryptography provider is the application's, and `rustls` panics if its dependencies bring two and none
/// was chosen. Then it is `ring`, which this crate uses anyway.
pub(super) fn certificates(servers: &[ConnectionInfo], options: &ConnectOptions) -> Option<TlsCertificates> {
    if !servers.iter().any(is_encrypted) {
        return None;
    }
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one meanwhile, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let roots = options.tls_roots.as_ref()?;
    Some(TlsCertificates { client_tls: None, root_cert: Some(roots.to_vec()) })
}
