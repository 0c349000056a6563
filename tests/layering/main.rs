//! Checks the structure of the crate: imports only go down and never in a circle, and some names are confined to one module.
//!
//! [`LAYERS`] and [`CONFINED`] are the plan, which `ARCHITECTURE.md` explains. `source` reads the files, and [`Sources`] finds out where
//! each item is defined.

mod circles;
mod public_api;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use source::{File, Mention, tokens};

/// The modules of each layer, from the bottom up.
///
/// A module is a file or a folder of `src` with everything in it; `x/mod` is that one file. Modules import those of lower layers,
/// and those of their own layer below [`APART`].
const LAYERS: &[&[&str]] = &[
    // 0: primitives
    &["error", "hex", "id", "key", "keyring", "random", "secret", "testing", "time"],
    // 1: types
    &["data", "options", "policy", "record", "token", "value"],
    // 2: traits
    &[
        "sealing",
        "session",
        "store/answer",
        "store/authenticate",
        "store/changes",
        "store/circuit_breaker",
        "store/context",
        "store/end",
        "store/enumerate",
        "store/freshness_proof",
        "store/guarantees",
        "store/index",
        "store/mod",
        "store/requirement",
        "store/revocation_log",
        "store/revocations",
        "store/session_store",
        "transport",
    ],
    // 3: implementations
    &["plan", "store/layers", "store/record", "store/token"],
    // 4: engine
    &["manager"],
    // 5: tools
    &["config", "conformance"],
    // 6: adapters
    &["adapter"],
];

/// From this layer up, modules of one layer must not import each other.
const APART: usize = 3;

/// Names, and the only place under `src` that may use them. A leading `::` means the root of a crate.
const CONFINED: &[(&str, &str)] = &[
    ("SystemTime", "time.rs"),
    ("Instant::now", "time.rs"),
    ("OffsetDateTime::now_utc", "time.rs"),
    ("ring::rand", "random.rs"),
    ("::hashbrown", "store/record/memory"),
    ("::humantime", "options.rs"),
    ("::futures_util", "store/record/"),
    ("::redis", "store/record/redis"),
    ("::rusqlite", "store/record/sqlite"),
    ("::tokio_postgres", "store/record/postgres"),
    ("::tokio_rustls", "store/record/postgres"),
    ("::rustls_native_certs", "store/record/postgres"),
    ("::rustls", "store/record/"),
    ("::http", "adapter/"),
    ("::actix_web", "adapter/actix"),
    ("::axum_core", "adapter/"),
    ("::tower_layer", "adapter/"),
    ("::tower_service", "adapter/"),
];

/// The root has docs and re-exports; these would be logic.
const NOT_IN_THE_ROOT: &[&str] =
    &["fn", "impl", "struct", "enum", "union", "trait", "type", "const", "static", "macro_rules"];

#[test]
fn imports_only_go_down() {
    assert_none(&Sources::on_disk().upward_imports());
}

#[test]
fn confined_names_are_used_in_one_place() {
    assert_none(&Sources::on_disk().misplaced_words());
}

#[test]
fn no_files_import_each_other() {
    assert_none(&Sources::on_disk().circles());
}

#[test]
fn the_root_holds_no_logic() {
    assert_none(&Sources::on_disk().logic_in_the_root());
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// All sources of the crate, read.
struct Sources {
    files: Vec<File>,
    /// What every imported name resolves to: `store::Token` is `token::Token`.
    imports: BTreeMap<String, String>,
}

impl Sources {
    fn on_disk() -> Self {
        let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../src")).to_path_buf();
        let mut sources = Vec::new();
        let mut folders = vec![src.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("src can be listed") {
                let path = entry.expect("src can be listed").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                    let name = path.strip_prefix(&src).expect("it was found there").display().to_string();
                    sources.push((
                        name.replace('\\', "/"),
                        fs::read_to_string(&path).expect("sources are UTF-8"),
                    ));
                }
            }
        }
        sources.sort();
        Self::new(sources)
    }

    fn new(sources: impl IntoIterator<Item = (String, String)>) -> Self {
        let files = sources.into_iter().map(|(path, source)| File::read(path, &source)).collect();
        let mut sources = Self { files, imports: BTreeMap::new() };
        sources.imports = sources.read_imports();
        sources
    }

    fn read_imports(&self) -> BTreeMap<String, String> {
        let mut imports = BTreeMap::new();
        for file in &self.files {
            for mention in &file.mentions {
                if let (Some(import), Some(target)) = (&mention.import, self.absolute(file, mention)) {
                    imports.insert(join(&file.module, &import.name), target);
                }
            }
        }
        imports
    }

    /// Imports that go up, or to a module of the same layer.
    fn upward_imports(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for file in self.files.iter().filter(|file| !file.module.is_empty()) {
            let Some(own) = layer_of(&file.path) else {
                complaints.push(format!("src/{}: add it to LAYERS in tests/layers/main.rs", file.path));
                continue;
            };
            complaints.extend(file.mentions.iter().filter_map(|mention| self.violation(file, own, mention)));
        }
        complaints
    }

    fn violation(&self, file: &File, own: (usize, &str), mention: &Mention) -> Option<String> {
        let target = self.absolute(file, mention)?;
        let at = format!("src/{}:{}", file.path, mention.line);
        let home = self.home(&target);
        let Some(home) = self.files.iter().find(|file| file.module == home && !home.is_empty()) else {
            return Some(format!("{at}: crate::{target} cannot be followed; import it from its module"));
        };
        // A module shows what its children hold, as the root does; an import of that leads to the child.
        let shows = mention.import.as_ref().is_some_and(|import| import.public)
            && home.module.starts_with(&format!("{}::", file.module));
        let (layer, name) = own;
        let (its_layer, its_name) = layer_of(&home.path)?;
        let names =
            format!("{at}: {name} (layer {layer}) imports crate::{target} of {its_name} (layer {its_layer})");
        if shows || its_name == name || its_layer < layer {
            None
        } else if its_layer > layer {
            Some(format!("{names}; imports only go down"))
        } else {
            (layer >= APART).then(|| format!("{names}; modules of this layer must not import each other"))
        }
    }

    /// Words in places that must not say them.
    fn misplaced_words(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for file in &self.files {
            for &(word, place) in CONFINED.iter().filter(|(_, place)| !file.path.starts_with(place)) {
                complaints.extend(file.mentions.iter().filter(|mention| mention.says(word)).map(|mention| {
                    format!("src/{}:{}: only src/{place} may say {word}", file.path, mention.line)
                }));
            }
        }
        complaints
    }

    fn logic_in_the_root(&self) -> Vec<String> {
        let root = self.files.iter().find(|file| file.path == "lib.rs").expect("there is a lib.rs");
        let words = tokens(&root.code).into_iter().filter(|token| NOT_IN_THE_ROOT.contains(&token.text));
        words.map(|word| format!("src/lib.rs:{}: holds no logic, so no `{}`", word.line, word.text)).collect()
    }

    /// The path from the crate's root, without `crate::`; `None` if it leads out of the crate.
    fn absolute(&self, file: &File, mention: &Mention) -> Option<String> {
        let mut here: Vec<&str> = file.module.split("::").filter(|part| !part.is_empty()).collect();
        here.extend(mention.within.iter().map(String::as_str));
        let (first, rest) = mention.segments.split_first()?;
        let own = join(&file.module, first);
        match first.as_str() {
            "crate" => here.clear(),
            "super" => drop(here.pop()),
            "self" => {}
            name if self.has_module(&own) => here.push(name),
            _ => here = self.imports.get(&own)?.split("::").collect(),
        }
        for segment in rest {
            match segment.as_str() {
                "super" => drop(here.pop()),
                "self" => {}
                name => here.push(name),
            }
        }
        Some(here.join("::"))
    }

    /// The module in which the thing at an absolute path was written, however often it was re-exported.
    fn home(&self, path: &str) -> String {
        self.origin(path).0
    }

    /// The module in which the thing at an absolute path was written, and its name there; no name if it is a module.
    fn origin(&self, path: &str) -> (String, String) {
        let mut path = path.to_owned();
        let mut seen = BTreeSet::new();
        loop {
            let (module, rest) = self.split(&path);
            let (name, rest) = rest.split_once("::").unwrap_or((rest, ""));
            match self.imports.get(&join(module, name)) {
                Some(target) if seen.insert(path.clone()) => path = join(target, rest),
                _ => return (module.to_owned(), name.to_owned()),
            }
        }
    }

    /// The longest module at the front of a path, and what follows.
    fn split<'a>(&self, path: &'a str) -> (&'a str, &'a str) {
        let ends = path.rmatch_indices("::").map(|(at, _)| (&path[..at], &path[at + 2..]));
        std::iter::once((path, ""))
            .chain(ends)
            .find(|(front, _)| self.has_module(front))
            .unwrap_or(("", path))
    }

    fn has_module(&self, module: &str) -> bool {
        self.files.iter().any(|file| file.module == module)
    }
}

/// The layer and the name of the module that a file belongs to: the longest name that fits.
fn layer_of(path: &str) -> Option<(usize, &'static str)> {
    let stem = path.strip_suffix(".rs")?;
    let holds =
        |module: &str| stem.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let modules = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, modules)| modules.iter().map(move |module| (layer, *module)));
    modules.filter(|(_, module)| holds(module)).max_by_key(|(_, module)| module.len())
}

fn join(front: &str, back: &str) -> String {
    [front, back].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("::")
}

/// The scanner's own tests: each builds a small sources.
mod scanner {
    use super::Sources;

    const STORE: (&str, &str) = ("store/mod.rs", "mod record;\npub use self::record::MemoryStore;");
    const MEMORY: (&str, &str) = ("store/record/mod.rs", "use super::SessionStore;");
    const ROOT: (&str, &str) = ("lib.rs", "pub use crate::store::SessionStore;");

    fn sources(files: &[(&str, &str)]) -> Sources {
        Sources::new(
            [ROOT, STORE, MEMORY]
                .iter()
                .chain(files)
                .map(|(path, source)| ((*path).to_owned(), (*source).to_owned())),
        )
    }

    fn upward_imports(path: &str, source: &str) -> Vec<String> {
        sources(&[(path, source)]).upward_imports()
    }

    #[test]
    fn a_complaint_names_file_line_and_both_layers() {
        assert_eq!(
            upward_imports(
                "record/mod.rs",
                "use std::fmt;\n\nuse crate::{\n    store::{StoreContext, self},\n};"
            )[0],
            "src/record/mod.rs:4: record (layer 1) imports crate::store::StoreContext of store/mod (layer 2); \
             imports only go down"
        );
    }

    #[test]
    fn an_import_that_goes_up_is_caught_however_it_is_written() {
        for source in [
            "use crate::store::SessionStore;",
            "pub(crate) use crate::{store::{self as shop}};",
            "use crate::{\n    store::*,\n};",
            "use super::super::store::StoreContext;",
            "use crate::SessionStore;",
            "fn f() { crate::store::authenticate() }",
            "impl<'a> From<crate::store::StoreContext> for X<'a> {}",
            "mod inner {\n    use super::super::super::store::StoreContext;\n}",
            "#[cfg(test)]\nuse crate::store::StoreContext;",
            "const QUOTE: char = '\"'; use crate::store::StoreContext; const END: char = '\"';",
            "const TEXT: &str = r#\"\"#; use crate::store::StoreContext;",
        ] {
            assert_eq!(upward_imports("record/codec.rs", source).len(), 1, "{source}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_not_caught() {
        for source in [
            "// use crate::store::StoreContext;\n/* use crate::store::StoreContext; */",
            "/// See [`crate::store::StoreContext`].\nstruct X;",
            "const TEXT: &str = \"\\\" crate::store::StoreContext\";\nconst RAW: &str = r#\"\"crate::store::StoreContext\"#;",
            "const BYTES: &[u8] = b\"crate::store::StoreContext\"; const RAW: &[u8] = br\"crate::store::StoreContext\";",
            "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::store::StoreContext;\n}",
            "use std::store::StoreContext;\nfn f() { other::store::authenticate() }",
        ] {
            assert_eq!(upward_imports("record/mod.rs", source), [""; 0], "{source}");
        }
    }

    #[test]
    fn imports_that_go_down_or_stay_in_the_module_are_fine() {
        assert_eq!(upward_imports("manager.rs", "use crate::{store::MemoryStore, SessionStore};"), [""; 0]);
        assert_eq!(
            upward_imports("store/record/sweep.rs", "use super::Shard;\nuse crate::store::StoreContext;"),
            [""; 0]
        );
    }

    #[test]
    fn a_module_shows_its_children_but_does_not_use_them() {
        assert_eq!(
            upward_imports("session.rs", "use crate::store::MemoryStore;").len(),
            1,
            "through the module above"
        );
        let uses = ("store/mod.rs", "mod record;\nfn f() { record::sweep() }");
        let sources = Sources::new([uses, MEMORY].map(|(path, source)| (path.to_owned(), source.to_owned())));
        assert_eq!(sources.upward_imports().len(), 1);
    }

    #[test]
    fn a_module_that_was_imported_leads_on() {
        let manager = ("manager.rs", "pub struct SessionManager;");
        let store = "use crate::store;\nfn f() { store::MemoryStore::new() }";
        assert_eq!(sources(&[manager, ("session.rs", store)]).upward_imports().len(), 1);
    }

    #[test]
    fn modules_of_the_upper_layers_do_not_import_each_other() {
        let complaints = upward_imports("plan.rs", "use crate::store::record::Shard;");
        assert!(
            complaints[0].ends_with("modules of this layer must not import each other"),
            "{complaints:?}"
        );
    }

    #[test]
    fn a_file_without_a_layer_is_asked_for_one() {
        for path in ["attic.rs", "store/sql.rs", "recorder.rs"] {
            assert_eq!(
                upward_imports(path, ""),
                [format!("src/{path}: add it to LAYERS in tests/layers/main.rs")]
            );
        }
    }

    #[test]
    fn a_name_that_cannot_be_followed_is_a_complaint() {
        assert_eq!(
            upward_imports("manager.rs", "use crate::Nowhere;"),
            ["src/manager.rs:1: crate::Nowhere cannot be followed; import it from its module"]
        );
    }

    #[test]
    fn a_word_is_caught_outside_its_place() {
        for source in [
            "use std::time::{Duration, SystemTime};",
            "fn f() { std::time::Instant::now() }",
            "use ring::{digest, rand::SystemRandom};",
            "use http;",
            "fn f() { http::StatusCode::OK }",
        ] {
            assert_eq!(sources(&[("manager.rs", source)]).misplaced_words().len(), 1, "{source}");
        }
        let elsewhere =
            "use std::time::Instant; use crate::http::Line; use ring::digest; use http_body::Body;";
        assert_eq!(
            sources(&[("manager.rs", elsewhere), ("adapter/axum.rs", "use http::Request;")])
                .misplaced_words(),
            [""; 0]
        );
    }

    #[test]
    fn logic_in_the_root_is_caught() {
        let root =
            |source: &str| Sources::new([("lib.rs".to_owned(), source.to_owned())]).logic_in_the_root();
        assert_eq!(root("//! fn in docs\npub mod a;\nmod b {}\npub use crate::a::A;"), [""; 0]);
        assert_eq!(root("mod a;\nfn f() {}"), ["src/lib.rs:2: holds no logic, so no `fn`"]);
    }
}
