//! What a session holds: two sizes, with one small number among the rest.

use std::ops::Range;

use serde_json::{Value, json};

/// What a session holds.
#[derive(Clone, Copy)]
pub(crate) enum Payload {
    /// Who somebody is: 130 bytes of JSON.
    Small,
    /// The same and a cart of ten items: 930 bytes.
    Cart,
}

/// The one key that is read and changed. Its number always has seven digits.
pub(crate) const VISITS: &str = "visits";

/// Its first value.
pub(crate) const FIRST_VISIT: u32 = 1_000_000;

impl Payload {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Cart];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Cart => "cart",
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
        if let Self::Cart = self {
            values.push(("cart", (0..10).map(item).collect()));
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
