//! Keys as PEM texts (RFC 7468).

use base64_simd::STANDARD;
use zeroize::Zeroizing;

use super::{algorithm::Algorithm, error::InvalidJwtKey, public::PublicKey, rsa::RsaKey};

/// What precedes the key in the DER of an Ed25519 public key (RFC 8410, section 4).
const ED25519_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What precedes the point in the DER of a P-256 public key (RFC 5480, section 2).
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// What precedes the point in the DER of a P-384 public key (RFC 5480, section 2).
const P384_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// What precedes the key in the DER of an RSA public key, behind the length of all (RFC 3279, section 2.3.1).
const RSA_ALGORITHM: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The tags of DER that an RSA public key consists of.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The only public key in the text.
pub(super) fn public_key(text: &str) -> Result<PublicKey, InvalidJwtKey> {
    let expected = "a public key (PUBLIC KEY) for Ed25519, P-256, P-384, or RSA with 2048 to 8192 bits";
    let refused = || InvalidJwtKey::Pem { expected };
    let der = block(text, "PUBLIC KEY").ok_or_else(refused)?;
    let key = if let Some(key) = der.strip_prefix(ED25519_PREFIX) {
        PublicKey::ed25519(key)
    } else if let Some(point) = der.strip_prefix(P256_PREFIX) {
        PublicKey::p256(point)
    } else if let Some(point) = der.strip_prefix(P384_PREFIX) {
        PublicKey::p384(point)
    } else {
        let (modulus, exponent) = rsa_numbers(&der).ok_or_else(refused)?;
        RsaKey::new(Algorithm::Rs256, modulus, exponent).map(PublicKey::Rsa)
    };
    key.map_err(|_| refused())
}

/// Modulus and exponent of an RSA public key.
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let key = only(SEQUENCE, der)?.strip_prefix(RSA_ALGORITHM)?;
    let numbers = only(SEQUENCE, only(BIT_STRING, key)?.strip_prefix(&[0])?)?;
    let (modulus, rest) = first(INTEGER, numbers)?;
    Some((modulus, only(INTEGER, rest)?))
}

/// The content of an element that has this tag and is followed by nothing.
fn only(tag: u8, der: &[u8]) -> Option<&[u8]> {
    first(tag, der).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// The content of the first element, which has this tag, and what follows it (X.690, section 8.1.3).
fn first(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, short], rest) = der.split_first_chunk()?;
    let (len, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81 => rest.split_first().map(|(len, rest)| (usize::from(*len), rest))?,
        0x82 => rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))?,
        _ => return None,
    };
    if found == tag { rest.split_at_checked(len) } else { None }
}

/// The PKCS #8 document of the only private key in the text.
pub(super) fn private_key(text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidJwtKey> {
    block(text, "PRIVATE KEY").ok_or_else(not_private)
}

/// The error for a text that is not a PEM text of a supported private key.
pub(super) const fn not_private() -> InvalidJwtKey {
    InvalidJwtKey::Pem { expected: "a private key (PKCS #8, PRIVATE KEY) for Ed25519 or P-256" }
}

/// The bytes of the only block in the text, which has this label.
fn block(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?;
    // It never grows, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(body.len()));
    bytes.extend(body.bytes().filter(|letter| !letter.is_ascii_whitespace()));
    let len = STANDARD.decode_inplace(&mut bytes).ok()?.len();
    bytes.truncate(len);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1.
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_published_key_is_read() {
        let Ok(PublicKey::Ed25519(key)) = public_key(ED25519) else { panic!("it is an Ed25519 key") };
        assert_eq!(key[..4], [0x19, 0xbf, 0x44, 0x09]);
        assert!(public_key(&ED25519.replace('\n', "\r\n")).is_ok());
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
            assert!(public_key(&bad).is_err(), "{bad}");
        }
    }
}
