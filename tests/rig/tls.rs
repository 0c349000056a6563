//! Certificates for a server on this machine.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// A server's certificate and key, and the authority that signed it, all as PEM.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Certificates {
    /// New ones for `localhost` and `127.0.0.1`, from an authority that nobody else knows.
    pub(super) fn for_loopback() -> Self {
        let authority = authority();
        let key = new_key();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)
            .and_then(|server| server.signed_by(&key, &authority))
            .expect("the names are valid");
        Self { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    // Another name than the server's: OpenSSL takes a certificate that names itself as its issuer for one that signed itself.
    params.distinguished_name.push(DnType::CommonName, "the authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    CertifiedIssuer::self_signed(params, new_key()).expect("the parameters are valid")
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}
