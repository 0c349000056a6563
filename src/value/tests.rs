//! Every value is read back as it was, or refused.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize, Serializer, ser::Error as _};
use serde_json::{Value, json, value::RawValue};

use super::*;

fn read_back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = encode(value).unwrap();
    decode(&text).unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&text)))
}

fn refused<T: Serialize + ?Sized>(value: &T) -> String {
    let error = encode(value).unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Unencodable);
    error.to_string()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    float: f64,
    inner: Option<Newtype>,
    variant: Variant,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Option<f32>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Variant {
    Unit,
    Newtype(Option<u8>),
    Tuple(u8, Option<()>),
    Struct { inner: Option<Option<u8>> },
}

#[test]
fn floats_are_read_back_to_the_last_bit() {
    for float in [
        117.633_313_914_000_17,
        0.1,
        -0.0,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        1e16,
        1.0,
        123_456_789.123_456_78,
    ] {
        assert_eq!(read_back(&float).to_bits(), float.to_bits(), "{float:e}");
    }
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (double, single) = (f64::from_bits(bits), f32::from_bits((bits >> 32) as u32));
        if double.is_finite() {
            assert_eq!(read_back(&double).to_bits(), double.to_bits(), "{double:e}");
        }
        if single.is_finite() {
            assert_eq!(read_back(&single).to_bits(), single.to_bits(), "{single:e}");
        }
    }
}

#[test]
fn a_number_that_is_not_finite_is_refused_wherever_it_stands() {
    for short in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let float = f64::from(short);
        let named = Named { float, inner: None, variant: Variant::Unit };
        assert!(refused(&float).contains("infinite or not a number"));
        for refusal in [
            refused(&Some(float)),
            refused(&[1.0, float]),
            refused(&(1, float)),
            refused(&BTreeMap::from([("a", vec![float])])),
            refused(&named),
            refused(&Newtype(Some(short))),
            refused(&Some(Newtype(Some(short)))),
        ] {
            assert!(refusal.contains("infinite or not a number"), "{refusal}");
        }
    }
}

#[test]
fn an_option_that_would_read_as_none_is_refused() {
    for refusal in [
        refused(&Some(None::<u8>)),
        refused(&Some(Some(None::<u8>))),
        refused(&Some(())),
        refused(&Some(Unit)),
        refused(&[Some(None::<u8>)]),
        refused(&Some(Newtype(None))),
        refused(&Some(Value::Null)),
        refused(&Variant::Tuple(1, Some(()))),
        refused(&Variant::Struct { inner: Some(None) }),
    ] {
        assert!(refusal.contains("reads as None"), "{refusal}");
    }
    assert_eq!(read_back(&Some(Some(1))), Some(Some(1)));
    assert_eq!(read_back(&Some([None::<u8>])), Some([None]));
    assert_eq!(read_back(&Some(Variant::Newtype(None))), Some(Variant::Newtype(None)));
    assert_eq!(read_back(&None::<Option<u8>>), None);
}

#[test]
fn integers_of_every_size_are_read_back() {
    assert_eq!(read_back(&(u64::MAX, (1_u64 << 53) + 1, i64::MIN)), (u64::MAX, (1 << 53) + 1, i64::MIN));
    assert_eq!(read_back(&(u128::MAX, i128::MIN, i128::MAX)), (u128::MAX, i128::MIN, i128::MAX));
}

#[test]
fn maps_are_read_back_whatever_their_keys() {
    fn same<K: Serialize + DeserializeOwned + Ord + std::fmt::Debug>(keys: impl IntoIterator<Item = K>) {
        let map: BTreeMap<K, u8> = keys.into_iter().zip(0..).collect();
        assert_eq!(read_back(&map), map);
    }
    same([-1_i8, 1]);
    same([u64::MAX, 0]);
    same([u128::MAX, 1]);
    same([i128::MIN, 1]);
    same([true, false]);
    same(['a', '"', '\0']);
    same(["".to_owned(), "\0".to_owned(), "ü\"\\".to_owned()]);
    same([Variant::Unit]);
    same([Some(7_u8)]);
    let many: HashMap<u32, String> = (0..5_000).map(|n| (n, n.to_string())).collect();
    assert_eq!(read_back(&many), many);
}

#[test]
fn a_map_whose_keys_are_no_texts_is_refused() {
    for refusal in [
        refused(&BTreeMap::from([((1, 2), 3)])),
        refused(&BTreeMap::from([(vec![1], 3)])),
        refused(&BTreeMap::from([(None::<u8>, 3)])),
        refused(&BTreeMap::from([((), 3)])),
        refused(&BTreeMap::from([(Variant::Newtype(None), 3)])),
    ] {
        assert!(refusal.contains("keys of a map"), "{refusal}");
    }
}

#[test]
fn texts_bytes_and_raw_json_are_read_back() {
    let text = "a\0b\"\\\u{7f}\u{2028}\u{fffd}\u{1f9e5}".to_owned();
    assert_eq!(read_back(&text), text);
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(read_back(&bytes), bytes);
    let raw = RawValue::from_string(r#"{ "a": "\ud800", "b" : 1e999 }"#.to_owned()).unwrap();
    assert_eq!(read_back(&raw).get(), raw.get());
    let value = json!({ "float": 0.1, "large": u64::MAX, "none": null, "list": [[], {}] });
    assert_eq!(read_back(&value), value);
    let named =
        Named { float: -0.0, inner: Some(Newtype(Some(0.1))), variant: Variant::Struct { inner: None } };
    assert_eq!(read_back(&named), named);
    read_back(&());
    assert_eq!(read_back(&Unit), Unit);
}

#[test]
fn a_value_is_read_back_or_refused_however_deep_it_is() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert_eq!(read_back(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
    assert!(refused(&nested(MAX_DEPTH + 1)).contains("nested"));
    let wide = json!(vec![json!(["[", "{"]); 3 * MAX_DEPTH]);
    assert_eq!(read_back(&wide), wide);
    let raw = RawValue::from_string("[".repeat(200) + &"]".repeat(200)).unwrap();
    assert!(refused(&raw).contains("nested"));
}

#[test]
fn an_error_quotes_nothing_of_the_value() {
    struct Telltale;

    impl Serialize for Telltale {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("canary"))
        }
    }

    let error = encode(&[Telltale]).unwrap_err();
    assert!(error.to_string().contains("Serialize implementation"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
    let error = decode::<u8>(b"\"canary\"").unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Undecodable);
    assert!(!format!("{error} {error:?}").contains("canary"));
}
