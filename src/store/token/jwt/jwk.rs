//! JSON Web Keys (RFC 7517, RFC 8037): read one, write the public ones as a set, and name them by thumbprint (RFC 7638).

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use zeroize::Zeroizing;

use super::{
    json::{Malformed, Object, Writer},
    keys::{InvalidJwtKey, MAX_KID_LEN, P256_LEN, Public, VerifyingKey},
    signing::SigningKey,
};
use crate::{keyring::SecretKey, random::SystemRandom};

/// The public keys as a JSON Web Key Set. Secrets are left out.
pub(super) fn set<'a>(keys: impl Iterator<Item = &'a VerifyingKey>) -> String {
    let keys: Vec<String> = keys
        .filter_map(|key| Jwk::of(key.public()).map(|jwk| jwk.published(key.kid(), key.algorithm().name())))
        .collect();
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

/// A key by its parts, each the base64url text that a JSON Web Key has of it.
pub(super) struct Jwk {
    kid: Option<String>,
    material: Material,
}

enum Material {
    Secret { k: Zeroizing<String> },
    Ed25519 { x: String, d: Option<Zeroizing<String>> },
    P256 { x: String, y: String, d: Option<Zeroizing<String>> },
}

impl Jwk {
    /// The key as it is published; `None` for a secret.
    pub(super) fn of(public: Option<Public<'_>>) -> Option<Self> {
        let material = match public? {
            Public::Ed25519(key) => Material::Ed25519 { x: URL_SAFE_NO_PAD.encode(key), d: None },
            Public::P256(point) => {
                let (x, y) = point[1..].split_at(P256_LEN / 2);
                let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
                Material::P256 { x, y, d: None }
            }
        };
        Some(Self { kid: None, material })
    }

    /// Reads one key. What it says of its use has to allow signatures of the one algorithm that it can have here.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidJwtKey> {
        let object =
            Object::parse(text).map_err(|Malformed| refused("it is no JSON object with distinct members"))?;
        let material =
            Material::read(&object).map_err(|Malformed| refused("a member is missing or of another type"))?;
        let material = material.ok_or(refused("its type is not oct, Ed25519 or P-256"))?;
        if !is_for_signatures(&object, material.algorithm()) {
            return Err(refused("it is for another algorithm or another use"));
        }
        let kid =
            object.optional::<Cow<'_, str>>("kid").map_err(|Malformed| refused("its kid is no string"))?;
        Ok(Self { kid: kid.map(Cow::into_owned), material })
    }

    pub(super) fn verifying_key(&self) -> Result<VerifyingKey, InvalidJwtKey> {
        let key = match &self.material {
            Material::Secret { .. } => return Err(refused("it is secret; a SigningKey can be made of it")),
            Material::Ed25519 { d: Some(_), .. } | Material::P256 { d: Some(_), .. } => {
                return Err(refused("it is private; a SigningKey can be made of it"));
            }
            Material::Ed25519 { x, .. } => VerifyingKey::ed25519(&bytes(x)?)?,
            Material::P256 { x, y, .. } => VerifyingKey::es256(&point(x, y)?)?,
        };
        match self.kid()? {
            Some(kid) => Ok(key.named(kid)),
            None => Ok(key),
        }
    }

    pub(super) fn signing_key(&self) -> Result<SigningKey, InvalidJwtKey> {
        let mismatch = |_| refused("its private and its public part do not belong together");
        let key = match &self.material {
            Material::Secret { k } => SigningKey::hs256(&SecretKey::from_bytes(&bytes(k)?)?),
            Material::Ed25519 { x, d: Some(d) } => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&bytes(d)?, &bytes(x)?);
                SigningKey::of_ed25519(pair.map_err(mismatch)?)?
            }
            Material::P256 { x, y, d: Some(d) } => {
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &bytes(d)?,
                    &point(x, y)?,
                    SystemRandom::new().for_ring(),
                );
                SigningKey::of_p256(pair.map_err(mismatch)?)?
            }
            Material::Ed25519 { d: None, .. } | Material::P256 { d: None, .. } => {
                return Err(refused("it has no private part; a VerifyingKey can be made of it"));
            }
        };
        match self.kid()? {
            Some(kid) => Ok(key.named(kid)),
            None => Ok(key),
        }
    }

    fn kid(&self) -> Result<Option<&str>, InvalidJwtKey> {
        match self.kid.as_deref() {
            Some(kid) if kid.is_empty() || kid.len() > MAX_KID_LEN => {
                Err(refused("its kid is empty or longer than 255 bytes"))
            }
            kid => Ok(kid),
        }
    }

    /// The SHA-256 of its required members, in the order and spelling of RFC 7638, section 3.
    pub(super) fn thumbprint(&self) -> String {
        let mut members = Writer::default();
        members.open();
        self.write_required(&mut members);
        members.close();
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.finish().as_bytes()))
    }

    fn published(&self, kid: &str, algorithm: &str) -> String {
        let mut members = Writer::default();
        members.open();
        self.write_required(&mut members);
        members.text("kid", kid);
        members.text("alg", algorithm);
        members.text("use", "sig");
        members.close();
        members.finish()
    }

    fn write_required(&self, out: &mut Writer) {
        match &self.material {
            // A secret is never written.
            Material::Secret { .. } => {}
            Material::Ed25519 { x, .. } => {
                out.text("crv", "Ed25519");
                out.text("kty", "OKP");
                out.text("x", x);
            }
            Material::P256 { x, y, .. } => {
                out.text("crv", "P-256");
                out.text("kty", "EC");
                out.text("x", x);
                out.text("y", y);
            }
        }
    }
}

impl Material {
    /// `Ok(None)` for a type that is not used here.
    fn read(object: &Object<'_>) -> Result<Option<Self>, Malformed> {
        let text = |name| object.required::<Cow<'_, str>>(name).map(Cow::into_owned);
        let d = || Ok(object.optional::<Cow<'_, str>>("d")?.map(|d| Zeroizing::new(d.into_owned())));
        let curve = object.optional::<Cow<'_, str>>("crv")?;
        Ok(match (&*object.required::<Cow<'_, str>>("kty")?, curve.as_deref()) {
            ("oct", None) => Some(Self::Secret { k: Zeroizing::new(text("k")?) }),
            ("OKP", Some("Ed25519")) => Some(Self::Ed25519 { x: text("x")?, d: d()? }),
            ("EC", Some("P-256")) => Some(Self::P256 { x: text("x")?, y: text("y")?, d: d()? }),
            _ => None,
        })
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "HS256",
            Self::Ed25519 { .. } => "EdDSA",
            Self::P256 { .. } => "ES256",
        }
    }
}

/// Whether the key may be used for signatures of this algorithm, as far as it says (RFC 7517, section 4).
fn is_for_signatures(object: &Object<'_>, algorithm: &str) -> bool {
    let is = |name, expected: &str| match object.optional::<Cow<'_, str>>(name) {
        Ok(given) => given.is_none_or(|given| given == expected),
        Err(Malformed) => false,
    };
    let operations = match object.optional::<Vec<String>>("key_ops") {
        Ok(given) => given.is_none_or(|given| given.iter().all(|it| it == "sign" || it == "verify")),
        Err(Malformed) => false,
    };
    is("alg", algorithm) && is("use", "sig") && operations
}

fn bytes(text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidJwtKey> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused("a member is no base64url"))?;
    Ok(Zeroizing::new(bytes))
}

/// An uncompressed point; both coordinates have their full length (RFC 7518, section 6.2.1).
fn point(x: &str, y: &str) -> Result<Vec<u8>, InvalidJwtKey> {
    let (x, y) = (bytes(x)?, bytes(y)?);
    if x.len() != P256_LEN / 2 || y.len() != P256_LEN / 2 {
        return Err(refused("a coordinate has not 32 bytes"));
    }
    Ok([&[4], &x[..], &y[..]].concat())
}

const fn refused(reason: &'static str) -> InvalidJwtKey {
    InvalidJwtKey::Jwk { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.2.
    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// RFC 9449, section 4.2.
    const P256: &str = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
    /// RFC 8037, appendix A.1.
    const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn verifying(text: &str) -> Result<VerifyingKey, InvalidJwtKey> {
        VerifyingKey::from_jwk(text)
    }

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        // RFC 8037, appendix A.3, and RFC 9449, section 6.1.
        assert_eq!(verifying(ED25519).unwrap().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(verifying(P256).unwrap().kid(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn a_published_key_is_read_again_and_holds_nothing_private() {
        let signing = SigningKey::from_jwk(PRIVATE).unwrap();
        let secret = SigningKey::of_secret("secret", &[7; 32]);
        let set =
            set([signing.verifying_key(), secret.verifying_key(), &verifying(P256).unwrap()].into_iter());
        assert!(!set.contains("\"d\"") && !set.contains("nWGxne") && !set.contains("secret"), "{set}");
        let keys: serde_json::Value = serde_json::from_str(&set).unwrap();
        let keys: Vec<_> =
            keys["keys"].as_array().unwrap().iter().map(|key| verifying(&key.to_string()).unwrap()).collect();
        assert!(keys.len() == 2 && keys[0].is_same(signing.verifying_key()));
        assert_eq!(keys[0].kid(), signing.kid());
    }

    #[test]
    fn a_set_without_public_keys_is_empty() {
        assert_eq!(set([].into_iter()), r#"{"keys":[]}"#);
    }

    #[test]
    fn keys_for_something_else_are_refused() {
        for (from, to) in [
            ("\"kty\"", "\"use\":\"enc\",\"kty\""),
            ("\"kty\"", "\"alg\":\"ES256\",\"kty\""),
            ("\"kty\"", "\"alg\":\"eddsa\",\"kty\""),
            ("\"kty\"", "\"key_ops\":[\"encrypt\"],\"kty\""),
            ("\"kty\"", "\"key_ops\":\"verify\",\"kty\""),
            ("\"kty\"", "\"kid\":7,\"kty\""),
            ("\"kty\"", "\"kid\":\"\",\"kty\""),
            ("\"kty\"", "\"kty\":\"OKP\",\"kty\""),
            ("Ed25519", "X25519"),
            ("OKP", "EC"),
            ("11qY", ""),
            ("11qY", "=1qY"),
        ] {
            let text = ED25519.replacen(from, to, 1);
            assert!(verifying(&text).is_err(), "{text}");
        }
        assert!(verifying(PRIVATE).is_err(), "a private key");
        assert!(verifying(r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#).is_err());
        assert!(SigningKey::from_jwk(ED25519).is_err(), "a public key");
        let other = PRIVATE.replace("11qY", "12qY");
        assert!(SigningKey::from_jwk(&other).is_err(), "two parts of different keys");
    }

    #[test]
    fn a_kid_names_the_key() {
        let named = ED25519.replacen("\"kty\"", "\"kid\":\"2026-07\",\"kty\"", 1);
        assert_eq!(verifying(&named).unwrap().kid(), "2026-07");
    }
}
