//! PEM texts (RFC 7468) of the few keys that are used here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::keys::{ED25519_LEN, P256_LEN};

/// What stands before the key in the DER of an Ed25519 public key (RFC 8410, section 4).
const ED25519_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What stands before the point in the DER of a P-256 public key (RFC 5480, section 2).
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A public key of either kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Public {
    Ed25519([u8; ED25519_LEN]),
    P256([u8; P256_LEN]),
}

/// The only public key in the text.
pub(super) fn public_key(text: &str) -> Option<Public> {
    let der = block(text, "PUBLIC KEY")?;
    if let Some(key) = der.strip_prefix(ED25519_PREFIX) {
        return key.try_into().ok().map(Public::Ed25519);
    }
    der.strip_prefix(P256_PREFIX)?.try_into().ok().map(Public::P256)
}

/// The PKCS #8 document of the only private key in the text.
pub(super) fn private_key(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    block(text, "PRIVATE KEY")
}

/// The bytes of the only block in the text, which has this label.
fn block(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?;
    let letters = body.chars().filter(|letter| !letter.is_ascii_whitespace());
    let letters: Zeroizing<String> = Zeroizing::new(letters.collect());
    STANDARD.decode(letters.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1.
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_published_key_is_read() {
        let Some(Public::Ed25519(key)) = public_key(ED25519) else { panic!("it is an Ed25519 key") };
        assert_eq!(key[..4], [0x19, 0xbf, 0x44, 0x09]);
        assert!(public_key(&ED25519.replace('\n', "\r\n")).is_some());
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            String::new(),
            ED25519.replace("PUBLIC", "PRIVATE"),
            ED25519.replace("BEGIN", "END"),
            ED25519.replace("MCow", "MCox"),
            ED25519.replace("ZuE=", ""),
            ED25519.replace("ZuE=", "ZuE!"),
            ED25519.repeat(2),
            format!("Subject: x\n{ED25519}"),
        ] {
            assert_eq!(public_key(&bad), None, "{bad}");
        }
    }
}
