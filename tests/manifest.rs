//! Holds the manifest of the crate to its word: the compiler it names is enough, and `full` means everything.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// What cargo says about the workspace and all it can depend on, on any platform.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--all-features", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().expect("metadata lists packages")
}

fn the_crate(metadata: &Value) -> &Value {
    let mut packages = packages(metadata).iter();
    packages.find(|package| package["name"] == "cloakroom").expect("metadata lists the crate")
}

fn rust_version(package: &Value) -> &str {
    package["rust_version"].as_str().expect("the crate declares one")
}

/// `1.95` and `1.95.0` alike.
fn version(text: &str) -> [u64; 3] {
    let mut parts = text.split('.').map(|part| part.parse().expect("a rust-version is made of numbers"));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[test]
fn no_dependency_asks_for_a_newer_compiler_than_we_declare() {
    let metadata = metadata();
    let declared = rust_version(the_crate(&metadata));
    let ours = version(declared);
    let newer: Vec<_> = packages(&metadata)
        .iter()
        .filter(|package| package["rust_version"].as_str().is_some_and(|theirs| version(theirs) > ours))
        .map(|package| {
            format!("{} {} needs {}", package["name"], package["version"], package["rust_version"])
        })
        .collect();
    assert!(newer.is_empty(), "rust-version is {declared}, but: {newer:#?}");
}

#[test]
fn full_turns_on_every_feature() {
    let metadata = metadata();
    let features = the_crate(&metadata)["features"].as_object().expect("metadata lists features");
    let mut on = BTreeSet::from(["full"]);
    let mut todo = vec!["full"];
    while let Some(feature) = todo.pop() {
        for implied in features[feature].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if features.contains_key(implied) && on.insert(implied) {
                todo.push(implied);
            }
        }
    }
    let off: Vec<_> =
        features.keys().filter(|name| *name != "default" && !on.contains(name.as_str())).collect();
    assert!(off.is_empty(), "the feature `full` leaves out {off:?}");
}

#[test]
fn versions_compare_as_numbers() {
    assert!(version("1.100") > version("1.95.1"));
    assert_eq!(version("1.95"), version("1.95.0"));
}
