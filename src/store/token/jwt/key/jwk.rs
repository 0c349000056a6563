//! Keys as JSON Web Keys (RFC 7517, RFC 8037).

use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    base64url,
    error::InvalidJwtKey,
    json::{self, Malformed, Object, Text},
    public::{Members, P256_COORDINATE, P384_COORDINATE, PublicKey},
    rsa::RsaKey,
};
use crate::keyring::SecretKey;

/// The longest name of a key, in bytes.
pub(super) const MAX_KID_LEN: usize = 255;

/// What a JSON Web Key says.
pub(super) struct Jwk {
    pub(super) kid: Option<String>,
    pub(super) material: Material,
}

pub(super) enum Material {
    Secret(SecretKey),
    Public(PublicKey),
    /// A public key with its private part.
    Private(PublicKey, Zeroizing<Vec<u8>>),
}

impl Jwk {
    /// Reads one key. What it says about its use has to allow signatures of the one algorithm that it can have here.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidJwtKey> {
        let object = json::from_str(text)
            .map_err(|Malformed| refused("it is no JSON object with distinct members"))?;
        let algorithm = algorithm(&object)?;
        if is_for_signatures(&object, algorithm) != Ok(true) {
            return Err(refused("it is for another algorithm or another use"));
        }
        Ok(Self { kid: kid(&object)?, material: Material::read(&object, algorithm)? })
    }
}

impl Material {
    fn read(object: &Object<'_>, algorithm: Algorithm) -> Result<Self, InvalidJwtKey> {
        let public = match algorithm {
            Algorithm::Hs256 => return Ok(Self::Secret(SecretKey::from_bytes(&required(object, "k")?)?)),
            Algorithm::EdDsa => PublicKey::ed25519(&required(object, "x")?)?,
            Algorithm::Es256 => PublicKey::p256(&point(object, P256_COORDINATE)?)?,
            Algorithm::Es384 => PublicKey::p384(&point(object, P384_COORDINATE)?)?,
            rsa => PublicKey::Rsa(RsaKey::new(rsa, &required(object, "n")?, &required(object, "e")?)?),
        };
        Ok(match optional(object, "d")? {
            Some(private) => Self::Private(public, private),
            None => Self::Public(public),
        })
    }
}

/// The algorithm that a key of this type has here.
fn algorithm(object: &Object<'_>) -> Result<Algorithm, InvalidJwtKey> {
    let kty = text(object, "kty")?.ok_or_else(mistyped)?;
    match (&*kty, text(object, "crv")?.as_deref()) {
        ("oct", None) => Ok(Algorithm::Hs256),
        ("OKP", Some("Ed25519")) => Ok(Algorithm::EdDsa),
        ("EC", Some("P-256")) => Ok(Algorithm::Es256),
        ("EC", Some("P-384")) => Ok(Algorithm::Es384),
        ("RSA", None) => rsa_algorithm(object),
        _ => Err(refused("its type is not oct, Ed25519, P-256, P-384 or RSA")),
    }
}

/// What an RSA key says that it is for. Some identity providers do not say it, and mean RS256.
fn rsa_algorithm(object: &Object<'_>) -> Result<Algorithm, InvalidJwtKey> {
    let Some(alg) = text(object, "alg")? else { return Ok(Algorithm::Rs256) };
    let known = Algorithm::RSA.into_iter().find(|algorithm| algorithm.is_called(&alg));
    known.ok_or(refused("it is for another algorithm or another use"))
}

/// Whether the key may be used for signatures of this algorithm, as far as it says (RFC 7517, section 4).
fn is_for_signatures(object: &Object<'_>, algorithm: Algorithm) -> Result<bool, Malformed> {
    let alg = object.optional::<Text<'_>>("alg")?;
    let usage = object.optional::<Text<'_>>("use")?;
    let operations = object.optional::<Vec<Text<'_>>>("key_ops")?.unwrap_or_default();
    Ok(alg.is_none_or(|alg| algorithm.is_called(&alg))
        && usage.is_none_or(|usage| *usage == *"sig")
        && operations.iter().all(|operation| ["sign", "verify"].contains(&&**operation)))
}

fn kid(object: &Object<'_>) -> Result<Option<String>, InvalidJwtKey> {
    match text(object, "kid")? {
        Some(kid) if kid.is_empty() || kid.len() > MAX_KID_LEN => {
            Err(refused("its kid is empty or longer than 255 bytes"))
        }
        kid => Ok(kid.map(|kid| (*kid).to_owned())),
    }
}

fn text<'a>(object: &Object<'a>, name: &str) -> Result<Option<Text<'a>>, InvalidJwtKey> {
    object.optional(name).map_err(|Malformed| mistyped())
}

/// The bytes of a member.
fn optional(object: &Object<'_>, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, InvalidJwtKey> {
    let Some(text) = text(object, name)? else { return Ok(None) };
    let bytes = base64url::decode(text.as_bytes()).ok_or(refused("a member is no base64url"))?;
    Ok(Some(Zeroizing::new(bytes)))
}

fn required(object: &Object<'_>, name: &str) -> Result<Zeroizing<Vec<u8>>, InvalidJwtKey> {
    optional(object, name)?.ok_or_else(mistyped)
}

/// The uncompressed point of two coordinates, each of its full length (RFC 7518, section 6.2.1).
fn point(object: &Object<'_>, coordinate: usize) -> Result<Vec<u8>, InvalidJwtKey> {
    let (x, y) = (required(object, "x")?, required(object, "y")?);
    if x.len() != coordinate || y.len() != coordinate {
        return Err(refused("a coordinate has not the length that its curve asks for"));
    }
    Ok([&[4][..], &x, &y].concat())
}

const fn mistyped() -> InvalidJwtKey {
    refused("a member is missing or of another type")
}

pub(super) const fn refused(reason: &'static str) -> InvalidJwtKey {
    InvalidJwtKey::Jwk { reason }
}

/// The keys of a set, each as its text.
pub(super) fn split_set(text: &str) -> Result<Vec<&str>, InvalidJwtKey> {
    let not_a_set = || refused("it is no JSON Web Key Set, an object with a list of keys");
    let object = json::from_str(text).map_err(|Malformed| not_a_set())?;
    let keys = object.required::<Vec<&RawValue>>("keys").map_err(|Malformed| not_a_set())?;
    Ok(keys.into_iter().map(RawValue::get).collect())
}

/// A JSON Web Key Set of public keys, each with its name.
pub(super) fn set<'a>(keys: impl Iterator<Item = (&'a str, &'a PublicKey)>) -> String {
    let keys = keys.map(|(kid, key)| Published {
        members: key.members(),
        kid,
        alg: key.algorithm().name(),
        usage: "sig",
    });
    serde_json::to_string(&Set { keys: keys.collect() }).expect("strings can be written as JSON")
}

#[derive(Serialize)]
struct Set<'a> {
    keys: Vec<Published<'a>>,
}

#[derive(Serialize)]
struct Published<'a> {
    #[serde(flatten)]
    members: Members,
    kid: &'a str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}
