//! Every flipped bit, every prefix, other spellings; and the tokens of format version 1, which stay readable.

use super::*;
use crate::store::{PresentedToken, SessionStore as _};

/// Tokens of several sizes.
fn many_tokens(store: &JwtStore) -> Vec<String> {
    let long = format!("\"{}\"", "x".repeat(200));
    let records = [record_with(&[]), record(), record_with(&[("long", &long)])];
    records.iter().map(|record| store.seal.seal(record).unwrap().expose().to_owned()).collect()
}

#[test]
fn every_flipped_bit_and_every_prefix_is_refused() {
    for key in keys() {
        let store = JwtStore::new(key);
        for token in many_tokens(&store) {
            assert!(open(&store, &token).is_ok());
            let mut bytes = token.clone().into_bytes();
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    bytes[at] ^= 1 << bit;
                    assert!(open(&store, &bytes).is_err(), "bit {bit} of byte {at}");
                    bytes[at] ^= 1 << bit;
                }
            }
            for end in 0..token.len() {
                assert!(open(&store, &token[..end]).is_err(), "{end} bytes");
            }
        }
    }
}

#[test]
fn a_token_has_one_spelling() {
    for key in keys() {
        let store = JwtStore::new(key.clone());
        let token = token(&store);
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("three parts")
        };
        for bad in [
            format!("{token} "),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{token}."),
            format!("{token}.{signature}"),
            format!("{token}="),
            format!("{token}A"),
            format!(".{token}"),
            format!("{header}..{signature}"),
            format!(".{payload}.{signature}"),
            format!("{header}.{payload}."),
            format!("{header}.{payload}"),
            format!("{header}={}", &token[header.len()..]),
            token.replace('.', ".."),
            token.replace('.', ","),
            format!("{{\"payload\":\"{payload}\",\"protected\":\"{header}\",\"signature\":\"{signature}\"}}"),
            format!("{token}\0"),
            String::new(),
            "..".into(),
            ".".into(),
        ] {
            assert!(open(&store, &bad).is_err(), "{bad}");
        }
        // Genuinely signed, but spelled otherwise: the same rules hold.
        for (header, payload) in [
            (format!("{header}="), payload.to_owned()),
            (header.to_owned(), format!("{payload}=")),
            (header.to_owned(), format!("{payload}==")),
            (header.to_owned(), format!("{payload}\n")),
            (header.to_owned(), payload.replacen(|letter: char| letter.is_ascii_digit(), "+", 1)),
        ] {
            let bad = sign(&key, &format!("{header}.{payload}"));
            assert_eq!(refusal(&store, &bad), Absence::Malformed, "{bad}");
        }
    }
}

#[test]
fn stray_bits_behind_the_last_letter_are_refused() {
    // 32 bytes are 42 letters and 4 bits of a 43rd; the other two have to be zero.
    let store = JwtStore::new(hs256());
    let token = token(&store);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = token.into_bytes();
    let last = *bytes.last().unwrap();
    let value = letters.iter().position(|letter| *letter == last).unwrap();
    for stray in 1..4 {
        *bytes.last_mut().unwrap() = letters[value + stray];
        assert_eq!(refusal(&store, &bytes), Absence::Malformed);
    }
}

#[test]
fn a_length_is_bounded_before_anything_is_read() {
    let store = JwtStore::new(hs256());
    let token = token(&store);
    let exact = store.clone().max_token(token.len());
    assert!(open(&exact, &token).is_ok());
    let shorter = store.max_token(token.len() - 1);
    assert_eq!(refusal(&shorter, &token), Absence::Malformed);
    assert!(!shorter.recognises(PresentedToken::new(token.as_bytes())));
    assert!(exact.recognises(PresentedToken::new(token.as_bytes())));
}

#[test]
fn the_form_of_a_token_is_recognised_and_no_other() {
    let [_, _, key] = keys();
    let store = JwtStore::new(key);
    let recognises = |token: &str| store.recognises(PresentedToken::new(token.as_bytes()));
    assert!(recognises(&token(&store)) && recognises("eyJ9.e30.AA"));
    for other in [
        "",
        "eyJ9",
        "eyJ9.e30",
        "eyJ9.e30.",
        "eyJ9.e30.AA.",
        "eyJ9.e30.A=",
        "eyJ9.e 0.AA",
        "abc.def.ghi",
        &"ab".repeat(32),
    ] {
        assert!(!recognises(other), "{other}");
    }
}

#[test]
fn a_signature_of_another_length_is_refused() {
    for key in keys() {
        let store = JwtStore::new(key);
        let token = token(&store);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for len in (0..200).filter(|len| *len != bytes.len()) {
            let other: Vec<u8> = bytes.iter().copied().cycle().take(len).collect();
            assert_eq!(
                refusal(&store, format!("{signed}.{}", URL_SAFE_NO_PAD.encode(other))),
                Absence::Malformed
            );
        }
    }
}

/// Tokens of [`record`] under [`keys`], written by format version 1 on its first day: they stay readable for ever.
const GOLDEN: &str = include_str!("golden_v1.txt");

fn golden_store(key: SigningKey) -> JwtStore {
    JwtStore::new(key).issuer("https://a.example").audience("shop").context("golden").top_level(["role"])
}

#[test]
fn tokens_of_format_version_1_stay_readable() {
    let tokens: Vec<&str> = GOLDEN.lines().collect();
    assert_eq!(tokens.len(), 3);
    for (key, token) in keys().into_iter().zip(tokens) {
        let store = golden_store(key);
        let read = open(&store, token).unwrap();
        assert_eq!(read.data().get("role"), Some(&b"\"admin\""[..]));
        let sealed = store.seal.seal(&read).unwrap();
        let (header, payload) = parts(token);
        let today = (header, payload.replace("\\u000a", "\\n"));
        assert_eq!(parts(sealed.expose()), today, "and are what is written today, except for line breaks");
    }
}
