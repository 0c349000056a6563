//! Published test vectors, in the folder that `CLOAKROOM_VECTORS` names.
//!
//! Their payloads are no claims, so they are tested where tokens are only signed texts. Vectors of algorithms that are not
//! used here are counted as skipped; they have to be refused all the same, without a panic.
//!
//! # Decisions
//! Where a vector leaves the choice, or a strict reader differs from it, [`DECISIONS`] says what is done and why.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use serde_json::Value;

use super::*;
use crate::store::token::jwt::{InvalidJwtKey, VerifyingKey, jws::Jws, key::Signature};

/// File, vectors, whether they are accepted here, and why.
const DECISIONS: &[(&str, &[u64], bool, &str)] = &[
    (
        "json_web_signature",
        &[367, 370],
        true,
        "they test padding, but have none: byte for byte they are the valid vector 357",
    ),
    (
        "json_web_signature",
        &[372, 373],
        false,
        "a stray `?` among the letters may be skipped, says the vector; RFC 7515, section 2, allows no other letters",
    ),
    (
        "json_web_signature",
        &[259, 264, 268, 272, 320, 325],
        false,
        "their payload is empty; a payload of claims is an object",
    ),
    (
        "json_web_signature",
        &[346, 350],
        false,
        "the key says PS256, the token PS384; a key has one algorithm",
    ),
    (
        "json_web_crypto",
        &[46],
        true,
        "a modulus of a generator that was weak (ROCA) is not recognised: the key is chosen by the application",
    ),
    ("json_web_key", &[7], true, "the same weak modulus"),
    (
        "json_web_key",
        &[1],
        true,
        "MixedKeySet: a store takes secrets and public keys at once, or no key could be changed from HS256 to EdDSA; \
         each key has one algorithm, so none is mistaken for another",
    ),
    ("json_web_crypto", &[47], true, "the same mixed set"),
    (
        "json_web_key",
        &[4],
        false,
        "DuplicateKid: two keys of one name are refused when the store is built, which is a panic that its docs announce",
    ),
];

/// The algorithms of which a vector has to be answered as it says.
const ALGORITHMS: &[&str] = &[
    "HS256", "ES256", "EdDSA", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "none", "NONE",
];

/// The folder; `None`, loudly, if no variable names one.
fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CLOAKROOM_VECTORS");
    if folder.is_none() {
        say(&format!("SKIPPED {test}: CLOAKROOM_VECTORS names no folder"));
    }
    folder.map(PathBuf::from)
}

/// Past the test harness, which keeps what passing tests print.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The vectors of a file of the folder.
fn read(folder: &std::path::Path, path: &str) -> Value {
    let text = fs::read_to_string(folder.join(path)).expect("the folder has the file");
    serde_json::from_str(&text).expect("vectors are JSON")
}

fn wycheproof(folder: &std::path::Path, name: &str) -> Value {
    read(folder, &format!("wycheproof/{name}_test.json"))
}

/// Every test with its group.
fn each<'a>(file: &'a Value, key: &str) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    let groups = file["testGroups"].as_array().unwrap().iter();
    groups
        .flat_map(move |group| group["tests"].as_array().unwrap().iter().map(move |test| (group, test)))
        .filter(move |(_, test)| key.is_empty() || test.get(key).is_some())
}

#[derive(Default)]
struct Tally {
    run: usize,
    decided: usize,
    skipped: BTreeMap<String, usize>,
}

impl Tally {
    fn skip(&mut self, why: &str) {
        *self.skipped.entry(why.into()).or_default() += 1;
    }

    fn report(&self, name: &str) {
        let skipped: usize = self.skipped.values().sum();
        say(&format!(
            "vectors {name}: {} run, of which {} by decision; {skipped} skipped but refused {:?}",
            self.run, self.decided, self.skipped
        ));
    }
}

/// A key of a vector. The secret of zeros, which no application may have, is taken as it is.
fn key(jwk: &Value) -> Result<VerifyingKey, InvalidJwtKey> {
    let text = jwk.to_string();
    if jwk["kty"] != "oct" {
        return VerifyingKey::from_jwk(&text);
    }
    match SigningKey::from_jwk(&text) {
        Err(InvalidJwtKey::Secret(crate::keyring::InvalidKey::Weak)) => {
            let secret = URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).unwrap();
            Ok(VerifyingKey::hs256(jwk["kid"].as_str().unwrap(), &secret))
        }
        other => other.map(VerifyingKey::from),
    }
}

/// The keys of a group: its public part where it has one.
fn keys_of(group: &Value) -> Vec<&Value> {
    let keys = group.get("public").unwrap_or(&group["private"]);
    keys["keys"].as_array().map_or_else(|| vec![keys], |keys| keys.iter().collect())
}

/// A reader of these keys that takes tokens of any type; `None` if it cannot be built.
fn reader(keys: Vec<VerifyingKey>) -> Option<Jws> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut jws = Jws::new(None);
        jws.accept_type("JWT");
        keys.into_iter().for_each(|key| jws.accept(key));
        jws
    }))
    .ok()
}

fn accepts(group: &Value, token: &str) -> bool {
    let keys: Result<Vec<_>, _> = keys_of(group).into_iter().map(key).collect();
    let reader = keys.ok().and_then(reader);
    reader.is_some_and(|reader| reader.verify(token.as_bytes()).is_ok())
}

/// What the token's header says, or else its key, is the algorithm.
fn algorithm(group: &Value, token: &str) -> String {
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
    let key = keys_of(group)[0];
    let named = header.as_ref().map(|header| &header["alg"]).filter(|alg| alg.is_string());
    named.or_else(|| key.get("alg")).unwrap_or(&key["kty"]).as_str().unwrap().to_owned()
}

/// A compact token as it is; anything else, like JSON serialisation, as its text.
fn text(token: &Value) -> String {
    token.as_str().map_or_else(|| token.to_string(), str::to_owned)
}

fn run_tokens(folder: &std::path::Path, name: &str) {
    let file = wycheproof(folder, name);
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for (group, test) in each(&file, "") {
        let id = test["tcId"].as_u64().or_else(|| test["tcId"].as_str()?.parse().ok()).unwrap();
        let token = text(test.get("jws").unwrap_or(&test["jwe"]));
        let algorithm = if test.get("jwe").is_some() { "JWE".into() } else { algorithm(group, &token) };
        let accepted = accepts(group, &token);
        if !ALGORITHMS.contains(&&*algorithm) {
            assert!(!accepted, "{name} {id}: {algorithm}");
            tally.skip(&algorithm);
            continue;
        }
        let decision = DECISIONS.iter().find(|(file, ids, ..)| *file == name && ids.contains(&id));
        let expected = decision.map_or(test["result"] == "valid", |(_, _, accepted, _)| *accepted);
        if accepted != expected {
            wrong.push(format!("{name} {id}: {test}"));
        }
        tally.decided += usize::from(decision.is_some());
        tally.run += 1;
    }
    tally.report(name);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tokens_of_wycheproof() {
    let Some(folder) = folder("tokens_of_wycheproof") else { return };
    for name in ["json_web_signature", "json_web_crypto", "json_web_key"] {
        run_tokens(&folder, name);
    }
}

#[test]
fn every_ambiguous_vector_has_a_decision() {
    let Some(folder) = folder("every_ambiguous_vector_has_a_decision") else { return };
    for name in ["json_web_signature", "json_web_crypto", "json_web_key"] {
        let file = wycheproof(&folder, name);
        for (_, test) in each(&file, "") {
            let flags = test["flags"].as_array().unwrap();
            let id = test["tcId"].as_u64().unwrap_or_default();
            let decided = DECISIONS.iter().any(|(file, ids, ..)| *file == name && ids.contains(&id));
            assert!(decided || !flags.contains(&"Ambiguous".into()), "{name} {id}");
        }
    }
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Whether a signature is good, on the way that the signature of a token goes.
fn verifies(key: &VerifyingKey, message: &Value, signature: &Value) -> bool {
    let text = URL_SAFE_NO_PAD.encode(bytes(signature));
    Signature::decode(text.as_bytes(), key.signature_len())
        .is_some_and(|signature| key.verifies(&bytes(message), signature.as_bytes()))
}

#[test]
fn signatures_of_wycheproof() {
    let Some(folder) = folder("signatures_of_wycheproof") else { return };
    for name in ["ed25519", "ecdsa_secp256r1_sha256_p1363"] {
        let file = wycheproof(&folder, name);
        let mut tally = Tally::default();
        for (group, test) in each(&file, "sig") {
            let public = &group["publicKey"];
            let key = match public.get("pk") {
                Some(key) => VerifyingKey::ed25519(&bytes(key)),
                None => VerifyingKey::es256(&bytes(&public["uncompressed"])),
            };
            let good = verifies(&key.unwrap(), &test["msg"], &test["sig"]);
            assert_eq!(good, test["result"] == "valid", "{name}: {test}");
            tally.run += 1;
        }
        tally.report(name);
    }
}

#[test]
fn macs_of_wycheproof() {
    let Some(folder) = folder("macs_of_wycheproof") else { return };
    let file = wycheproof(&folder, "hmac_sha256");
    let mut tally = Tally::default();
    for (group, test) in each(&file, "tag") {
        let key = VerifyingKey::hs256("kid", &bytes(&test["key"]));
        let good = verifies(&key, &test["msg"], &test["tag"]);
        if group["tagSize"] == 256 {
            assert_eq!(good, test["result"] == "valid", "{test}");
            tally.run += 1;
        } else {
            assert!(!good, "a truncated tag");
            tally.skip("truncated");
        }
    }
    tally.report("hmac_sha256");
}

#[test]
fn examples_of_the_rfcs() {
    let Some(folder) = folder("examples_of_the_rfcs") else { return };
    let file = read(&folder, "rfc7515_rfc8037_examples.json");
    let mut tally = Tally::default();
    for case in file["cases"].as_array().unwrap() {
        let token = case["compact"].as_str().unwrap();
        if case["alg"] == "none" {
            let all = reader(super::keys().map(VerifyingKey::from).into()).unwrap();
            assert!(all.verify(token.as_bytes()).is_err(), "{case}");
        } else {
            let private = SigningKey::from_jwk(&case["jwk"].to_string());
            let public = private
                .as_ref()
                .map_or_else(|_| key(&case["jwk"]).unwrap(), |key| key.verifying_key().clone());
            let verified = reader(vec![public]).unwrap().verify(token.as_bytes()).map(|it| it.by_active);
            assert_eq!(verified, Ok(false), "{case}");
            reproduces(private.ok().as_ref(), token);
        }
        tally.run += 1;
    }
    tally.report("rfc7515_rfc8037_examples");
}

/// The two algorithms without randomness sign a text as it was signed before.
fn reproduces(key: Option<&SigningKey>, token: &str) {
    let key = key.filter(|key| key.verifying_key().algorithm().name() != "ES256");
    let (signed, _) = token.rsplit_once('.').unwrap();
    assert!(key.is_none_or(|key| sign(key, signed) == token), "{token}");
}

#[test]
fn the_cookbook_of_jose() {
    let Some(folder) = folder("the_cookbook_of_jose") else { return };
    let folder = folder.join("jose-cookbook");
    let mut tally = Tally::default();
    for (path, accepted) in [
        ("jws/4_4.hmac-sha2_integrity_protection.json", true),
        ("curve25519/jws.json", true),
        // Detached content, several signatures, unprotected headers, unencoded payloads: not read here.
        ("jws/4_5.signature_with_detached_content.json", false),
        ("jws/4_6.protecting_specific_header_fields.json", false),
        ("jws/4_7.protecting_content_only.json", false),
        ("jws/4_8.multiple_signatures.json", false),
        ("rfc7797/4.2.hmac-sha2_b64_false.json", false),
        ("rfc7797/hmac-sha2_b64_false.json", false),
    ] {
        let example = read(&folder, path);
        let jwk = &example["input"]["key"];
        let jwk = if jwk.is_array() { &jwk[2] } else { jwk };
        let private = SigningKey::from_jwk(&jwk.to_string()).unwrap();
        let reader = reader(vec![private.verifying_key().clone()]).unwrap();
        for (form, token) in example["output"].as_object().unwrap() {
            let good = reader.verify(text(token).as_bytes()).is_ok();
            assert_eq!(good, accepted && form == "compact", "{path} {form}");
            tally.run += 1;
        }
        if accepted {
            reproduces(Some(&private), example["output"]["compact"].as_str().unwrap());
        }
    }
    let es512 = read(&folder, "jws/4_3.ecdsa_signature.json");
    assert!(SigningKey::from_jwk(&es512["input"]["key"].to_string()).is_err());
    tally.skip("ES512");
    for (path, usable) in [
        ("jwk/3_1.ec_public_key.json", false),
        ("jwk/3_2.ec_private_key.json", false),
        ("jwk/3_5.symmetric_key_mac_computation.json", true),
    ] {
        let jwk = read(&folder, path).to_string();
        assert_eq!(SigningKey::from_jwk(&jwk).is_ok(), usable, "{path}");
        assert!(VerifyingKey::from_jwk(&jwk).is_err(), "{path}");
        tally.run += 1;
    }
    tally.report("jose-cookbook");
}
