//! The vectors of Project Wycheproof in `tests/vectors`.

use std::{fmt, fs};

use serde_json::Value;

/// One vector. It has the properties of its group, too.
pub(crate) struct Vector {
    group: Value,
    test: Value,
}

/// All vectors of a file.
pub(crate) fn vectors(name: &str) -> Vec<Vector> {
    let path = format!("{}/tests/vectors/wycheproof/{name}_test.json", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).expect("the repository has the vectors");
    let mut file: Value = serde_json::from_str(&text).expect("vectors are JSON");
    let mut vectors = Vec::new();
    for group in file["testGroups"].as_array_mut().expect("vectors come in groups") {
        let Value::Array(tests) = group["tests"].take() else { panic!("a group has tests") };
        vectors.extend(tests.into_iter().map(|test| Vector { group: group.clone(), test }));
    }
    vectors
}

impl Vector {
    /// Whether the published answer is the right one. "Acceptable" would be a vector that neither answer fails; no file here has one.
    pub(crate) fn is_valid(&self) -> bool {
        match self.test["result"].as_str() {
            Some("valid") => true,
            Some("invalid") => false,
            other => panic!("{other:?} is no result: {self}"),
        }
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let text = self.get(name).as_str().expect("it is a text");
        assert!(text.len().is_multiple_of(2), "{self}");
        let digits = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
        digits.map(|pair| u8::from_str_radix(pair, 16).expect("it is hexadecimal")).collect()
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        let number = self.get(name).as_u64().expect("it is a number");
        number.try_into().expect("sizes are small")
    }

    fn get(&self, name: &str) -> &Value {
        let value = self.test.get(name).or_else(|| self.group.get(name));
        value.unwrap_or_else(|| panic!("{self} has no {name}"))
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.test["tcId"], self.test["comment"])
    }
}
