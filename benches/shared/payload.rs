//! What a session holds: three sizes, with one small number among the rest.

#![allow(dead_code, reason = "each bench uses the part it needs")]

use std::ops::Range;

use serde_json::{Value, json};

/// What a session holds.
#[derive(Clone, Copy)]
pub(crate) enum Payload {
    /// A user: 130 bytes of JSON.
    Small,
    /// The same and a cart of ten items: 930 bytes.
    Cart,
    /// The same with thirty-two items: 2.8 kB. Only for stores whose work grows with it.
    Large,
}

/// The one key that is read and changed. Its number always has seven digits.
pub(crate) const VISITS: &str = "visits";

/// Its first value.
pub(crate) const FIRST_VISIT: u32 = 1_000_000;

impl Payload {
    /// Those of stores that only hand records around: a third size would show nothing new.
    pub(crate) const TWO: [Self; 2] = [Self::Small, Self::Cart];

    pub(crate) const ALL: [Self; 3] = [Self::Small, Self::Cart, Self::Large];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Cart => "cart",
            Self::Large => "large",
        }
    }

    /// The values, in the order in which an application would set them.
    pub(crate) fn values(self) -> Vec<(&'static str, Value)> {
        let mut values = vec![
            ("user", json!(48_151_623)),
            ("name", json!("Ada Lovelace")),
            (VISITS, json!(FIRST_VISIT)),
            ("csrf", json!("0f1e2d3c4b5a69788796a5b4c3d2e1f0")),
            ("roles", json!(["editor", "reader"])),
        ];
        let items = match self {
            Self::Small => 0,
            Self::Cart => 10,
            Self::Large => 32,
        };
        if items > 0 {
            values.push(("cart", (0..items).map(item).collect()));
        }
        values
    }

    /// One JSON text of all values, and where in it the number stands.
    pub(crate) fn text(self) -> (Vec<u8>, Range<usize>) {
        let pairs: Vec<_> = self.values().iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let text = format!("{{{}}}", pairs.join(","));
        let number = FIRST_VISIT.to_string();
        let at = text.find(&number).expect("the number stands in the text");
        (text.into_bytes(), at..at + number.len())
    }
}

fn item(number: u32) -> Value {
    json!({ "sku": format!("sku-{number:06}"), "name": "Wool scarf, grey", "quantity": 2, "cents": 1_999 })
}
