//! Checks the manifests: the declared compiler is enough, `full` means everything, the first command stays fast, and what
//! would be published is complete.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    process::Command,
};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What `cargo run --example shop` may compile on a fresh machine: half of the packages that it once took.
const MOST_PACKAGES: usize = 123;

/// What cargo prints in the folder of the crate.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(ROOT).output().expect("cargo runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// What cargo knows about the workspace and all its dependencies, on any platform.
fn metadata() -> Value {
    let text = cargo(&["metadata", "--locked", "--all-features", "--format-version", "1"]);
    serde_json::from_str(&text).expect("cargo metadata prints JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("metadata has lists")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("metadata has texts")
}

fn the_crate(metadata: &Value) -> &Value {
    let mut packages = list(&metadata["packages"]).iter();
    packages.find(|package| package["name"] == "cloakroom").expect("metadata lists the crate")
}

/// The IDs of all packages that a user of the crate compiles with every feature on, the crate's own among them.
fn published_dependencies(metadata: &Value) -> BTreeSet<&str> {
    let nodes = list(&metadata["resolve"]["nodes"]).iter();
    let nodes: HashMap<_, _> = nodes.map(|node| (text(&node["id"]), list(&node["deps"]))).collect();
    let mut found = BTreeSet::new();
    let mut todo = vec![text(&the_crate(metadata)["id"])];
    while let Some(package) = todo.pop() {
        if found.insert(package) {
            let needed = nodes[package]
                .iter()
                .filter(|dependency| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev"));
            todo.extend(needed.map(|dependency| text(&dependency["pkg"])));
        }
    }
    found
}

/// `1.95` and `1.95.0` alike.
fn version(text: &str) -> [u64; 3] {
    let mut parts = text.split('.').map(|part| part.parse().expect("a rust-version is made of numbers"));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[test]
fn no_dependency_needs_a_newer_compiler_than_the_crate_declares() {
    let metadata = metadata();
    let declared = text(&the_crate(&metadata)["rust_version"]);
    let published = published_dependencies(&metadata);
    assert!(published.len() > 100, "{published:?}");
    let newer: Vec<_> = list(&metadata["packages"])
        .iter()
        .filter(|package| published.contains(text(&package["id"])))
        .filter(|package| {
            package["rust_version"].as_str().is_some_and(|theirs| version(theirs) > version(declared))
        })
        .map(|package| {
            format!("{} {} needs {}", package["name"], package["version"], package["rust_version"])
        })
        .collect();
    assert!(newer.is_empty(), "rust-version is {declared}, but: {newer:#?}");
}

#[test]
fn the_readme_names_the_compiler_that_the_manifest_declares() {
    let metadata = metadata();
    let declared = text(&the_crate(&metadata)["rust_version"]);
    let readme = fs::read_to_string(format!("{ROOT}/README.md")).expect("there is a README");
    assert!(readme.contains(&format!("Rust {declared} or later")), "{declared}");
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
fn the_first_command_compiles_few_packages() {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--package",
        "cloakroom",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--no-dedupe",
    ]);
    let packages: BTreeSet<_> = tree.lines().filter(|line| !line.is_empty()).collect();
    assert!(packages.len() > 50, "{packages:#?}");
    assert!(
        packages.len() <= MOST_PACKAGES,
        "`cargo run --example shop` compiles {} packages; what only tests need belongs in tests/Cargo.toml: {packages:#?}",
        packages.len()
    );
}

#[test]
fn docs_rs_builds_every_feature() {
    let metadata = metadata();
    let docs = &the_crate(&metadata)["metadata"]["docs"]["rs"];
    assert_eq!(docs["all-features"], true);
    assert_eq!(docs["rustdoc-args"], serde_json::json!(["--cfg", "docsrs"]));
}

#[test]
fn the_registry_can_list_the_crate() {
    let metadata = metadata();
    let package = the_crate(&metadata);
    for field in ["description", "documentation", "license", "readme"] {
        assert!(package[field].is_string(), "{field}");
    }
    let keywords = list(&package["keywords"]);
    assert!((1..=5).contains(&keywords.len()) && keywords.iter().all(|word| text(word).len() <= 20));
    assert!((1..=5).contains(&list(&package["categories"]).len()));
}

#[test]
fn only_the_crate_is_published_and_all_packages_share_its_lints() {
    let metadata = metadata();
    let members = list(&metadata["workspace_members"]);
    for package in list(&metadata["packages"]).iter().filter(|package| members.contains(&package["id"])) {
        let is_crate = package["name"] == "cloakroom";
        assert_eq!(package["publish"].is_null(), is_crate, "{}", package["name"]);
        let manifest = fs::read_to_string(text(&package["manifest_path"])).expect("it has a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{}", package["name"]);
    }
}

#[test]
fn a_published_package_has_what_its_users_need_and_nothing_else() {
    let files = cargo(&["package", "--list", "--locked", "--allow-dirty", "--package", "cloakroom"]);
    let files: BTreeSet<_> = files.lines().collect();
    for needed in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md", "src/lib.rs", "docs/swap.md"]
    {
        assert!(files.contains(needed), "{needed}");
    }
    let folders: BTreeSet<_> =
        files.iter().filter_map(|file| file.split_once('/')).map(|(folder, _)| folder).collect();
    assert_eq!(folders, BTreeSet::from(["docs", "examples", "src"]));
}

#[test]
fn versions_compare_as_numbers() {
    assert!(version("1.100") > version("1.95.1"));
    assert_eq!(version("1.95"), version("1.95.0"));
}
