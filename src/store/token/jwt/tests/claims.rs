//! What a payload has to say, and what becomes of it.

use std::collections::BTreeMap;

use quickcheck::{Arbitrary, Gen};
use serde_json::{Value, json};

use super::*;
use crate::{
    error::StoreErrorKind,
    record::MAX_SUBJECT_LEN,
    store::{Loaded, PresentedToken, SessionStore as _, StoreContext, Upkeep},
    testing::random::{below, check, one_of, word},
    time::Deadline,
};

fn store() -> JwtStore {
    JwtStore::new(hs256())
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A token of another issuer with these claims, `exp` and `iat` beside them.
fn foreign(claims: Value) -> String {
    let mut all = json!({ "exp": 1_790_000_600, "iat": 1_789_999_990 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    forge(&hs256(), r#"{"typ":"session+jwt","alg":"HS256"}"#, &all.to_string())
}

#[test]
fn a_record_comes_back_as_it_was() {
    for key in keys() {
        for store in
            [JwtStore::new(key.clone()), JwtStore::new(key.clone()).issuer("i").audience("a").context("c")]
        {
            for store in [store.clone(), store.top_level(["role", "none"]).claim("https://example.com/s")] {
                let read = open(&store, token(&store)).unwrap();
                let again = store.seal.seal(&read).unwrap();
                let (one, other) = (parts(&token(&store)), parts(again.expose()));
                assert_eq!(value(&one.1), value(&other.1));
                assert_eq!(read.data().get("cart"), Some(&b"[1, 2]"[..]), "byte for byte");
                let mut values: Vec<_> = read.data().iter().collect();
                let expected = record();
                let mut expected: Vec<_> = expected.data().iter().collect();
                values.sort_unstable();
                expected.sort_unstable();
                assert_eq!(values, expected);
                let without_data =
                    |record: Record| record.into_draft().data(Data::default()).finish().encode();
                assert_eq!(without_data(read.clone()), without_data(record()));
            }
        }
    }
}

#[test]
fn the_registered_claims_tell_the_truth_to_others() {
    let store = store().issuer("https://a.example").audience("shop").top_level(["role"]).claim("s");
    let (header, payload) = parts(&token(&store));
    assert_eq!(value(&header), json!({ "typ": "session+jwt", "alg": "HS256", "kid": "hs" }));
    assert_eq!(
        value(&payload),
        json!({
            "iss": "https://a.example", "sub": "al\"ice", "aud": "shop",
            "exp": 1_790_000_056, "nbf": 1_789_999_400, "iat": 1_789_999_995,
            "jti": "abababababababababababababababab", "auth_time": 1_789_999_700,
            "role": "admin",
            "s": {
                "v": 1, "n": 7, "epoch": 2, "created": 1_789_999_400_500_i64, "active": 1_789_999_995_500_i64,
                "idle": 60_000, "until": 1_790_003_600_500_i64, "auth": 1_789_999_700_500_i64,
                "remembered": true, "top": ["role"], "extra": "ZnJvbSB0aGUgZnV0dXJl",
                "data": { "cart": [1, 2], "n\"\n": { "a": 1.0 } },
            },
        })
    );
}

#[test]
fn what_is_nothing_is_not_written() {
    let mut lean = record_with(&[]).into_draft().remembered(false).finish();
    lean = Record::from_parts(Parts {
        id: lean.id(),
        version: 1,
        revocation_sequence: 0,
        epoch: 0,
        remembered: false,
        created_at: lean.created_at(),
        last_active: lean.last_active(),
        idle: MINUTE,
        deadline: lean.deadline(),
        authenticated_at: None,
        subject: None,
        acting_as: None,
        data: Data::default(),
        extra: None,
    });
    let payload = value(&parts(store().seal.seal(&lean).unwrap().expose()).1);
    assert!(["sub", "iss", "aud", "auth_time"].iter().all(|name| payload.get(name).is_none()), "{payload}");
    let session = payload["cloakroom"].as_object().unwrap();
    assert!(
        ["auth", "remembered", "context", "top", "extra"].iter().all(|name| !session.contains_key(*name))
    );
}

#[test]
fn a_mistyped_registered_claim_is_refused_not_ignored() {
    let bad_dates = [json!("1790000600"), json!([1_790_000_600]), json!({}), json!(true)];
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for bad in &bad_dates {
            let token = foreign(json!({ "sub": "a", name: bad }));
            assert_eq!(refusal(&store(), token), Absence::Malformed, "{name} {bad}");
        }
    }
    for name in ["iss", "sub", "jti", "aud"] {
        for bad in [json!(7), json!(false), json!({ "a": 1 }), json!([["a"]]), json!([7])] {
            let token = foreign(json!({ "sub": "a", name: bad }));
            assert_eq!(refusal(&store(), token), Absence::Malformed, "{name} {bad}");
        }
    }
    // `null` is a value too; `foreign` would leave it out.
    for name in ["exp", "nbf", "iat", "auth_time", "iss", "sub", "jti", "aud"] {
        let claims = parts(&foreign(json!({ "sub": "a", "nbf": 0, name: "?" }))).1;
        let payload = claims.replacen(r#""?""#, "null", 1);
        assert!(payload.contains(&format!(r#""{name}":null"#)));
        let token = forge(&hs256(), r#"{"typ":"session+jwt","alg":"HS256"}"#, &payload);
        assert_eq!(refusal(&store(), token), Absence::Malformed, "{name}");
    }
    for sub in [String::new(), "a".repeat(MAX_SUBJECT_LEN + 1)] {
        assert_eq!(refusal(&store(), foreign(json!({ "sub": sub }))), Absence::Malformed);
    }
}

#[test]
fn a_claim_that_comes_twice_is_refused_at_every_level() {
    for (from, to) in [
        (r#""exp":"#, r#""exp":1,"exp":"#),
        (r#""exp":"#, r#""\u0065xp":1,"exp":"#),
        (r#""cloakroom":"#, r#""cloakroom":{},"cloakroom":"#),
        (r#""exp":"#, r#""x":1,"x":1,"exp":"#),
        (r#""v":1"#, r#""v":1,"v":1"#),
        (r#""cart":"#, r#""cart":1,"cart":"#),
    ] {
        let token = with_payload(|payload| {
            assert!(payload.contains(from));
            payload.replacen(from, to, 1)
        });
        assert_eq!(refusal(&store(), token), Absence::Malformed, "{to}");
    }
}

#[test]
fn a_genuine_session_of_a_newer_format_is_no_absence() {
    let opened = |store: &JwtStore, changes: &[(&str, &str)]| {
        let token = with_payload(|payload| {
            changes.iter().fold(payload, |payload, (from, to)| payload.replacen(from, to, 1))
        });
        store.seal.open(token.as_bytes(), NOW).unwrap_err()
    };
    let newer = (r#""v":1"#, r#""v":2"#);
    let otherwise = (r#""n":7,"epoch":2"#, r#""n":"7","unknown":{}"#);
    for changes in [&[newer][..], &[newer, otherwise], &[newer, (r#""idle":60000"#, r#""v2":1"#)]] {
        assert_eq!(opened(&store(), changes), Unopened::Unreadable, "{changes:?}");
    }
    // What is wrong in every format is an absence in a newer one, too.
    let doubled = (r#""n":"7""#, r#""x":1,"x":1"#);
    let expired = (r#""exp":"#, r#""exp":1,"e":"#);
    for (change, absence) in [(doubled, Absence::Malformed), (expired, Absence::Expired)] {
        assert_eq!(opened(&store(), &[newer, otherwise, change]), Unopened::Absent(absence));
    }
    let elsewhere = store().audience("shop");
    assert_eq!(opened(&elsewhere, &[newer, otherwise]), Unopened::Absent(Absence::Forged));
}

#[test]
fn members_of_our_own_claim_may_have_any_order() {
    let store = store().top_level(["role"]);
    let expected = open(&store, token(&store)).unwrap().encode();
    // `serde_json` sorts the members of a value by name.
    let (header, payload) = parts(&token(&store));
    let sorted = value(&payload.replace("[1, 2]", "\"cart\""))
        .to_string()
        .replace("\"cart\":\"cart\"", "\"cart\":[1, 2]");
    assert!(sorted.find("\"active\"") < sorted.find("\"v\""), "{sorted}");
    assert_eq!(open(&store, forge(&hs256(), &header, &sorted)).unwrap().encode(), expected);
}

#[test]
fn our_own_claim_is_read_exactly_or_not_at_all() {
    for (from, to) in [
        (r#""v":1,"#, ""),
        (r#""v":1"#, r#""v":1,"unknown":1"#),
        (r#""v":1"#, r#""v":"1""#),
        (r#""n":7"#, r#""n":-7"#),
        (r#""n":7"#, r#""n":7.0"#),
        (r#""n":7,"#, ""),
        (r#""epoch":2"#, r#""epoch":4294967296"#),
        (r#""idle":60000"#, r#""idle":-1"#),
        (r#""idle":60000"#, r#""idle":6e4"#),
        (r#""remembered":true"#, r#""remembered":1"#),
        (r#""remembered":true"#, r#""remembered":null"#),
        (r#""auth":"#, r#""auth":null,"au":"#),
        (r#""data":{"#, r#""context":null,"data":{"#),
        (r#""data":{"#, r#""top":null,"data":{"#),
        (r#""extra":"ZnJvbSB0aGUgZnV0dXJl""#, r#""extra":null"#),
        (r#""extra":""#, r#""extra":"="#),
        (r#""data":{"#, r#""data":[{"#),
        (r#""data":{"#, r#""top":["exp"],"data":{"#),
        (r#""data":{"#, r#""top":["cloakroom"],"data":{"#),
        (r#""data":{"#, r#""top":["cart"],"data":{"#),
        (r#""data":{"#, r#""top":["absent"],"data":{"#),
        (r#""data":{"#, r#""top":"role","data":{"#),
        (r#""jti":"abab"#, r#""jti":"ABAB"#),
        (r#""jti":"#, r#""jt":"#),
        (r#""exp":"#, r#""ex":"#),
    ] {
        let token = with_payload(|payload| {
            assert!(payload.contains(from), "{from} in {payload}");
            payload.replacen(from, to, 1)
        });
        assert_eq!(refusal(&store(), token), Absence::Malformed, "{to}");
    }
    let twice = with_payload(|payload| {
        payload.replacen(r#""exp":"#, r#""x":1,"exp":"#, 1).replacen(
            r#""data":{"#,
            r#""top":["x","x"],"data":{"#,
            1,
        )
    });
    assert_eq!(refusal(&store(), twice), Absence::Malformed);
    let both = with_payload(|payload| {
        payload.replacen(r#""exp":"#, r#""cart":1,"exp":"#, 1).replacen(
            r#""data":{"#,
            r#""top":["cart"],"data":{"#,
            1,
        )
    });
    assert_eq!(refusal(&store(), both), Absence::Malformed, "one value in two places");
    for payload in ["", "[]", "null", "{", "{}{}", r#"{"exp":1790000600,"jti":"a"} x"#] {
        assert_eq!(refusal(&store(), with_payload(|_| payload.into())), Absence::Malformed, "{payload}");
    }
    assert_eq!(
        refusal(&store(), with_payload(|_| r#"{"cloakroom":7,"exp":1790000600}"#.into())),
        Absence::Malformed
    );
    let array = r#"{"cloakroom":[1,7,2,1,1,60000,1790003600500,{}],"exp":1790000600,"jti":"abababababababababababababababab"}"#;
    assert_eq!(refusal(&store(), with_payload(|_| array.into())), Absence::Malformed);
    let long = "k".repeat(256);
    let token =
        with_payload(|payload| payload.replacen(r#""data":{"#, &format!(r#""data":{{"{long}":1,"#), 1));
    assert_eq!(refusal(&store(), token), Absence::Malformed, "a key that no session can have");
}

#[test]
fn the_leeway_is_for_the_claims_and_no_record_lives_longer() {
    let foreign_at = |claims: Value, seconds: i64| {
        open_at(&store(), foreign(claims), later(seconds)).map(|record| record.deadline())
    };
    // `NOW` lies half a second after the second that is written here.
    let alice = || json!({ "sub": "a", "exp": 1_790_000_000 });
    assert_eq!(foreign_at(alice(), 59), Ok(Timestamp::from_millis(1_790_000_060_000)));
    assert_eq!(foreign_at(alice(), 60), Err(Absence::Expired));
    let sharp = Timestamp::from_millis(1_790_000_060_000);
    assert_eq!(open_at(&store(), foreign(alice()), sharp).err(), Some(Absence::Expired));
    for name in ["nbf", "iat"] {
        let early = |by: i64| json!({ "sub": "a", name: 1_790_000_000 + by });
        assert!(foreign_at(early(60), 0).is_ok(), "{name}");
        assert_eq!(foreign_at(early(61), 0), Err(Absence::NotYetValid), "{name}");
    }
    let exact = store().leeway(Duration::ZERO);
    assert_eq!(refusal(&exact, foreign(alice())), Absence::Expired);
    assert_eq!(refusal(&exact, foreign(json!({ "sub": "a", "iat": 1_790_000_001 }))), Absence::NotYetValid);

    let own = token(&store());
    let ends = record().expires_at();
    let loaded = |at| store().load_now(PresentedToken::new(own.as_bytes()), at).unwrap().unwrap();
    let before = Timestamp::from_millis(ends.as_millis() - 1);
    assert!(matches!(loaded(before), Loaded::Live { .. }));
    assert!(matches!(loaded(ends), Loaded::Absent(Absence::Expired)), "to the millisecond");
    assert!(exact.seal.open(own.as_bytes(), before).is_ok(), "rounding takes nothing away");
}

/// A record whose every number is long, and all its times these.
fn widest(at: Timestamp, data: Data) -> Record {
    Record::from_parts(Parts {
        id: record().id(),
        version: u64::MAX,
        revocation_sequence: u64::MAX,
        epoch: u32::MAX,
        remembered: true,
        created_at: at,
        last_active: at,
        idle: Duration::MAX,
        deadline: at,
        authenticated_at: Some(at),
        subject: Some(Subject::new(&"s".repeat(MAX_SUBJECT_LEN))),
        acting_as: None,
        data,
        extra: None,
    })
}

#[test]
fn times_at_the_ends_of_time_do_no_harm() {
    for text in ["9223372036854775807", "-9223372036854775808", "1e300", "-1e300", "1e999999"] {
        for name in ["exp", "nbf", "iat", "auth_time"] {
            let token = foreign(json!({ "sub": "a" }));
            let payload = parts(&token).1;
            let mut claims = value(&payload);
            claims.as_object_mut().unwrap().remove(name);
            let payload = claims.to_string().replacen('{', &format!(r#"{{"{name}":{text},"#), 1);
            let _ = open(&store(), forge(&hs256(), r#"{"typ":"session+jwt","alg":"HS256"}"#, &payload));
        }
    }
    for (at, read) in [(Timestamp::MIN, Err(Absence::Expired)), (Timestamp::MAX, Ok(Timestamp::MAX))] {
        let token = store().seal.seal(&widest(at, Data::default())).unwrap();
        let timeless = store().leeway(Duration::MAX);
        assert_eq!(open(&timeless, token.expose()).map(|read| read.deadline()), read);
    }
}

#[test]
fn issuer_audience_and_context_have_to_fit() {
    let none = store();
    let all = store().issuer("i").audience("a").context("c");
    assert_eq!(refusal(&all, token(&none)), Absence::Forged);
    assert_eq!(refusal(&none, token(&all)), Absence::Forged);
    for other in [
        store().issuer("x").audience("a").context("c"),
        store().issuer("i").audience("x").context("c"),
        store().issuer("i").audience("a").context("x"),
        store().audience("a").context("c"),
        store().issuer("i").context("c"),
        store().issuer("i").audience("a"),
    ] {
        assert_eq!(refusal(&all, token(&other)), Absence::Forged);
    }
    assert!(open(&none, token(&store().issuer("anyone"))).is_ok());
    assert_eq!(refusal(&none, token(&store().audience("somebody"))), Absence::Forged, "it is not for us");

    let shop = store().audience("shop");
    for aud in [json!("shop"), json!(["shop"]), json!(["other", "shop"])] {
        assert!(open(&shop, foreign(json!({ "sub": "a", "aud": aud }))).is_ok(), "{aud}");
    }
    for aud in [Value::Null, json!("Shop"), json!("shop "), json!([]), json!(["other"])] {
        assert_eq!(refusal(&shop, foreign(json!({ "sub": "a", "aud": aud }))), Absence::Forged, "{aud}");
    }
    assert_eq!(refusal(&store().context("c"), foreign(json!({ "sub": "a" }))), Absence::Forged);
}

#[test]
fn a_token_of_another_issuer_becomes_a_session() {
    let store = store().top_level(["role", "admin"]);
    let jti = "000102030405060708090a0b0c0d0e0f";
    let claims =
        json!({ "sub": "alice", "jti": jti, "auth_time": 1_789_999_000, "role": "editor", "name": "A" });
    let (read, reissue) = store.seal.open(foreign(claims).as_bytes(), NOW).unwrap();
    assert_eq!((read.id().to_string(), read.subject()), (jti.into(), Some("alice")));
    assert_eq!(read.created_at(), Timestamp::from_millis(1_789_999_990_000));
    assert_eq!(read.last_active(), read.created_at());
    assert_eq!(read.deadline(), Timestamp::from_millis(1_790_000_660_000));
    assert_eq!(read.expires_at(), read.deadline());
    assert_eq!(read.authenticated_at(), Some(Timestamp::from_millis(1_789_999_000_000)));
    assert_eq!(read.data().iter().collect::<Vec<_>>(), [("role", &b"\"editor\""[..])]);
    assert!(!reissue, "it stays what it is until something changes");
    let [_, active, _] = keys();
    let other = JwtStore::new(active).accepting(hs256());
    let (_, reissue) = other.seal.open(foreign(json!({ "sub": "a" })).as_bytes(), NOW).unwrap();
    assert!(!reissue, "under another key too");
    // Once written it is one of ours.
    let own = store.seal.seal(&read).unwrap();
    assert_eq!(open(&store, own.expose()).unwrap().id(), read.id());
}

#[test]
fn a_foreign_token_needs_an_end_and_a_name() {
    assert!(open(&store(), foreign(json!({ "sub": "a" }))).is_ok());
    assert!(open(&store(), foreign(json!({ "jti": "a" }))).is_ok());
    assert!(open(&store(), foreign(json!({ "sub": "a", "iat": null }))).is_ok());
    assert_eq!(refusal(&store(), foreign(json!({}))), Absence::Malformed);
    assert_eq!(refusal(&store(), foreign(json!({ "sub": "a", "exp": null }))), Absence::Malformed);
}

#[test]
fn the_ids_of_foreign_sessions_are_stable_and_apart() {
    let id = |claims: Value| open(&store(), foreign(claims)).unwrap().id();
    let ids = [
        json!({ "jti": "a" }),
        json!({ "jti": "b" }),
        json!({ "jti": "a", "iss": "i" }),
        json!({ "jti": "", "iss": "ia" }),
        json!({ "sub": "a" }),
        json!({ "sub": "a", "exp": 1_790_000_601 }),
    ]
    .map(|claims| (id(claims.clone()), id(claims)));
    for (n, (one, again)) in ids.iter().enumerate() {
        assert_eq!(one, again);
        assert!(ids[n + 1..].iter().all(|(other, _)| other != one));
    }
    let same = id(json!({ "jti": "a", "sub": "x", "iat": 1_789_999_000 }));
    assert_eq!(same, ids[0].0, "a name is a name");
}

#[test]
fn values_among_the_claims_are_found_by_every_reader() {
    let writer = store().top_level(["role", "cart"]);
    let token = token(&writer);
    assert_eq!(value(&parts(&token).1)["role"], "admin");
    for reader in [store(), store().top_level(["role"]), store().top_level(["other"])] {
        let read = open(&reader, &token).unwrap();
        assert_eq!(read.data().get("role"), Some(&b"\"admin\""[..]));
        assert_eq!(read.data().get("cart"), Some(&b"[1, 2]"[..]));
    }
}

#[test]
fn no_value_can_pose_as_a_registered_claim() {
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "cloakroom", ""] {
        assert!(std::panic::catch_unwind(|| store().top_level([name])).is_err(), "{name}");
        let renamed = std::panic::catch_unwind(|| store().claim(name));
        assert_eq!(renamed.is_err(), name != "cloakroom", "{name}");
    }
    assert!(std::panic::catch_unwind(|| store().top_level(["role"]).claim("role")).is_err());
    // A session may have such keys all the same.
    let record = record_with(&[("exp", "1"), ("cloakroom", "{}")]);
    let token = store().seal.seal(&record).unwrap();
    assert_eq!(open(&store(), token.expose()).unwrap().data(), record.data());
}

#[test]
fn what_cannot_be_read_again_is_not_written() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for bad in ["", "1,\"role\":\"admin\"", "1}", "{\"a\"", "nul", &deep(200)] {
        let error = store().seal.seal(&record_with(&[("x", bad)])).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{bad}");
        assert!(store().top_level(["x"]).seal.seal(&record_with(&[("x", bad)])).is_err(), "{bad}");
    }
    assert!(store().seal.seal(&record_with(&[("x", &deep(100))])).is_ok());
    let long = "a".repeat(10_000);
    let error = store().seal.seal(&record_with(&[("x", &format!("\"{long}\""))])).unwrap_err();
    let StoreErrorKind::TooLarge { size, limit: 2800 } = error.kind() else { panic!("{error:?}") };
    assert!(error.to_string().contains(&size.to_string()), "{error}");
}

#[test]
fn what_the_guarantees_allow_fits() {
    for key in keys() {
        for store in [
            JwtStore::new(key.clone()),
            JwtStore::new(key)
                .issuer("i".repeat(99))
                .audience("a".repeat(99))
                .context("c".repeat(99))
                .claim(&"n".repeat(99))
                .top_level(["key", "other"])
                .max_token(4000),
        ] {
            let most = store.guarantees().max_data.unwrap();
            assert!(most > 1200, "{most}");
            let value = "1".repeat(most - "key".len() - 5);
            let data = Data::from_entries([("key", &*value)].into_iter()).unwrap();
            let token = store.seal.seal(&widest(Timestamp::MIN, data)).unwrap();
            assert!(token.expose().len() > store.seal.max_token * 9 / 10, "{}", token.expose().len());
        }
    }
    assert_eq!(store().max_token(100).guarantees().max_data, Some(0));
}

#[tokio::test]
async fn loading_answers_what_opening_found() {
    let cx = StoreContext::new(NOW, Deadline::NONE);
    let token = token(&store());
    let load = async |token: &str| store().load(PresentedToken::new(token.as_bytes()), cx).await.unwrap();
    assert!(matches!(load(&token).await, Loaded::Live { upkeep: Upkeep::None, .. }));
    assert!(matches!(load("a.b.c").await, Loaded::Absent(Absence::Malformed)));
}

#[test]
fn nothing_of_a_session_or_a_key_is_printed() {
    let store = store().context("canary").top_level(["role"]);
    let error = store.clone().max_token(10).seal.seal(&record()).unwrap_err();
    let printed = format!("{store:?} {error:?} {error} {:?} {:?}", open(&store, token(&store)), hs256());
    for secret in
        ["admin", "al\"ice", "al\\\"ice", "canary", "[1, 2]", "AAECAwQF", "00010203", "[0, 1, 2", "eyJ0"]
    {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

/// A key of a session and its value: JSON as sessions have it, white space inside included.
#[derive(Debug, Clone)]
struct Entry(String, String);

impl Arbitrary for Entry {
    fn arbitrary(g: &mut Gen) -> Self {
        let key: String = String::arbitrary(g).chars().take(below(21, g)).collect();
        Self(key, any_value(3, g))
    }
}

/// A JSON text of at most this depth.
fn any_value(depth: usize, g: &mut Gen) -> String {
    match below(if depth == 0 { 5 } else { 9 }, g) {
        0 => "null".to_owned(),
        1 => "-0.0".to_owned(),
        2 => "1E+2".to_owned(),
        3 => i64::arbitrary(g).to_string(),
        4 => Value::String(String::arbitrary(g)).to_string(),
        5 | 6 => {
            let list: Vec<_> = (0..below(4, g)).map(|_| any_value(depth - 1, g)).collect();
            format!("[ {} ]", list.join(" ,\t"))
        }
        _ => format!("{{\"a\" : {},\n\"a\":1}}", any_value(depth - 1, g)),
    }
}

#[test]
fn every_value_comes_back_byte_for_byte() {
    fn holds(entries: Vec<Entry>) {
        let values: BTreeMap<_, _> = entries.iter().map(|entry| (&*entry.0, &*entry.1)).collect();
        let values: Vec<_> = values.into_iter().take(6).collect();
        let record = record_with(&values);
        let store = store().max_token(1 << 20);
        let token = store.seal.seal(&record).unwrap();
        let read = open(&store, token.expose()).unwrap();
        assert_eq!(read.encode(), record.encode());
    }
    check(holds as fn(Vec<Entry>));
}

/// What a payload may begin with, then any of the marks of JSON.
#[derive(Debug, Clone)]
struct Payload(String);

impl Arbitrary for Payload {
    fn arbitrary(g: &mut Gen) -> Self {
        let start = one_of(&["", "{\"exp\":", "{\"sub\":", "{\"jti\":", "{\"cloakroom\":"], g);
        Self(start.to_owned() + &word("[]{}\",:\\a0123456789", 40, g))
    }
}

#[test]
fn a_genuine_token_of_any_payload_never_panics() {
    fn holds(Payload(payload): Payload, text: String) {
        for payload in [payload, text] {
            let _ = open(&store(), with_payload(|_| payload.clone()));
            let _ = open(&store(), with_payload(|own| own.replacen("1790", &payload, 1)));
        }
    }
    check(holds as fn(Payload, String));
}
