//! The stores of this crate use only its public API, so that a store outside of it can be as good.
//!
//! Two rules, for everything that a store's folder uses of the rest of the crate:
//!
//! - **Items** are declared `pub`. The lint `unreachable_pub` makes sure that what is declared so can be reached.
//! - **Methods** are not declared as `pub(crate)` only: a name that is public on one type and private on another one passes.

use std::collections::BTreeSet;

use crate::{
    Sources, assert_none,
    source::{File, Mention, Token, tokens},
};

/// The folders of the stores, and of what those in SQL databases have in common.
const STORES: &[&str] = &[
    "store/record/memory/",
    "store/record/postgres/",
    "store/record/redis/",
    "store/record/sql/",
    "store/record/sqlite/",
    "store/token/cookie/",
    "store/token/jwt/",
];

/// Where the types live that a store handles.
const TYPES: &[&str] = &[
    "data.rs",
    "error.rs",
    "id.rs",
    "keyring/",
    "random.rs",
    "record/",
    "secret.rs",
    "store/",
    "time.rs",
    "token/",
];

/// Private methods of these types that are called as methods of the standard library are. Types are not inferred here.
const STANDARD: &[&str] = &["count", "find", "finish", "get", "max", "next", "read"];

/// What stores may use although it is private: helpers that know nothing of sessions, which an outside author has from
/// other crates, and the keys of our own token formats.
const HELPERS: &[(&str, &str)] = &[
    ("hex", "digits, in constant time"),
    ("store::record::sql", "sessions in a table, for any SQL database"),
    ("sealing", "the form and the seal of our own tokens"),
    ("value::depth::is_nested_at_most", "how deep a JSON text is nested"),
    ("options", "how configurations write values and refer to secrets"),
    ("time::millis", "a duration as a number"),
    ("store::record::announcements", "the one listener of a store, which may come later"),
    ("store::record::driver", "the threads that connections live on"),
    ("store::record::reference", "how configurations refer to passwords and certificates"),
    ("store::record::tls", "certificates in text or files"),
    (".derivation", "keys for our own token formats, by HKDF"),
    (".derive", "keys for our own token formats, by HKDF"),
    (".for_ring", "the system's randomness, in the form that `ring` asks for"),
];

#[test]
fn stores_use_only_public_api() {
    assert_none(&Sources::on_disk().private_uses());
}

#[test]
fn every_exception_is_needed() {
    let uses = Sources::on_disk().uses();
    let unused: Vec<_> =
        HELPERS.iter().filter(|(name, _)| !uses.iter().any(|used| is_of(used, name))).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

impl Sources {
    fn private_uses(&self) -> Vec<String> {
        let uses = self.private_uses_by_name().into_iter();
        uses.filter(|(used, _)| !HELPERS.iter().any(|(name, _)| is_of(used, name)))
            .map(|(used, at)| format!("{at}: {used} is private, but this store may use only public API"))
            .collect()
    }

    fn uses(&self) -> Vec<String> {
        self.private_uses_by_name().into_iter().map(|(used, _)| used).collect()
    }

    /// What each store uses although it is private, and where: `module::item`, or `.method`.
    fn private_uses_by_name(&self) -> Vec<(String, String)> {
        let lies_in = |file: &File, places: &[&str]| places.iter().any(|place| file.path.starts_with(place));
        let types = self.files.iter().filter(|file| lies_in(file, TYPES) && !lies_in(file, STORES));
        let private = Methods::of(types).only_private();
        let mut uses = Vec::new();
        for &store in STORES {
            let own: Vec<_> = self.files.iter().filter(|file| file.path.starts_with(store)).collect();
            let own_methods = Methods::of(own.iter().copied());
            let is_private = |name: &str| private.contains(name) && !own_methods.knows(name);
            for file in own.into_iter().filter(|file| !file.path.contains("/tests/")) {
                let at = |line: usize| format!("src/{}:{line}", file.path);
                uses.extend(file.mentions.iter().filter_map(|mention| {
                    self.private_item(store, file, mention).map(|item| (item, at(mention.line)))
                }));
                let calls = calls(file).into_iter().filter(|(name, _)| is_private(name));
                uses.extend(calls.map(|(name, line)| (format!(".{name}"), at(line))));
            }
        }
        uses
    }

    /// The item that is mentioned, if it is defined outside of the store and is private.
    fn private_item(&self, store: &str, file: &File, mention: &Mention) -> Option<String> {
        let (module, item) = self.origin(&self.absolute(file, mention)?);
        let home = self.files.iter().find(|file| file.module == module)?;
        let is_private = !item.is_empty() && !home.path.starts_with(store) && !declares_public(home, &item);
        is_private.then(|| format!("{module}::{item}"))
    }
}

/// Whether `used` is this helper, or lies in a module of this name.
fn is_of(used: &str, helper: &str) -> bool {
    used.strip_prefix(helper).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// A declaration in a file.
struct Declaration<'a> {
    name: &'a str,
    visibility: Visibility,
    is_method: bool,
}

#[derive(PartialEq)]
enum Visibility {
    Public,
    /// `pub(crate)` or narrower.
    Restricted,
    /// Nothing is written: it is private to its module, or a method of a trait.
    Inherited,
}

/// The longest beginning of a method's arguments: `(&'a mut self`, where the apostrophe is a token.
const RECEIVER_LEN: usize = 6;

fn declarations<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = Declaration<'a>> {
    const KEYWORDS: &[&str] = &["fn", "struct", "enum", "trait", "type", "const", "static", "mod"];
    let named = tokens.windows(2).enumerate().filter(|(_, pair)| KEYWORDS.contains(&pair[0].text));
    named.map(|(at, pair)| {
        let mut before = tokens[..at].iter().rev().map(|token| token.text);
        let before = before.find(|word| !["const", "async", "unsafe"].contains(word));
        let visibility = match before {
            Some("pub") => Visibility::Public,
            Some(")") => Visibility::Restricted,
            _ => Visibility::Inherited,
        };
        let arguments = tokens[at..].iter().map(|token| token.text).skip_while(|word| *word != "(");
        let is_method = pair[0].text == "fn" && arguments.take(RECEIVER_LEN).any(|word| word == "self");
        Declaration { name: pair[1].text, visibility, is_method }
    })
}

fn declares_public(file: &File, item: &str) -> bool {
    let tokens = tokens(&file.code);
    declarations(&tokens).any(|declared| declared.name == item && declared.visibility == Visibility::Public)
}

/// The names of the methods that some files declare.
#[derive(Default)]
struct Methods {
    restricted: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Methods {
    fn of<'a>(files: impl Iterator<Item = &'a File>) -> Self {
        let mut methods = Self::default();
        for file in files {
            let tokens = tokens(&file.code);
            for method in declarations(&tokens).filter(|declared| declared.is_method) {
                let is_restricted = method.visibility == Visibility::Restricted;
                let names = if is_restricted { &mut methods.restricted } else { &mut methods.others };
                names.insert(method.name.to_owned());
            }
        }
        methods
    }

    fn knows(&self, name: &str) -> bool {
        self.restricted.contains(name) || self.others.contains(name)
    }

    fn only_private(self) -> BTreeSet<String> {
        let private = self.restricted.difference(&self.others);
        private.filter(|name| !STANDARD.contains(&name.as_str())).cloned().collect()
    }
}

/// The methods that are called in a file, with their lines.
fn calls(file: &File) -> Vec<(String, usize)> {
    let tokens = tokens(&file.code);
    let called = tokens.windows(3).filter(|words| words[0].text == "." && words[2].text == "(");
    called.map(|words| (words[1].text.to_owned(), words[1].line)).collect()
}

/// The rule's own tests: each builds a small sources.
mod rule {
    use super::Sources;

    const RECORD: (&str, &str) = (
        "record/mod.rs",
        "pub struct Record;\npub(crate) struct Draft;\nimpl Record { pub fn id() {} pub(crate) fn draft(&self) {} }",
    );

    fn uses(source: &str) -> Vec<String> {
        let store = ("store/record/memory/mod.rs", source);
        Sources::new([RECORD, store].map(|(path, source)| (path.to_owned(), source.to_owned())))
            .private_uses()
    }

    #[test]
    fn public_api_and_the_store_itself_are_fine() {
        for source in [
            "use crate::record::Record;\nfn f(record: Record) { record.id() }",
            "struct Slot;\nimpl Slot { pub(super) fn draft(&self) {} }\nfn f(slot: Slot) { slot.draft() }",
            "use std::fmt;\nuse crate::record::{self};",
        ] {
            assert_eq!(uses(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn a_private_item_is_caught_however_it_is_named() {
        for source in [
            "use crate::record::Draft;",
            "use crate::record::{self, Record};\nfn f() { record::Draft }",
            "fn f() -> crate::record::Draft {}",
        ] {
            assert_eq!(uses(source).len(), 1, "{source}");
        }
        assert_eq!(
            uses("use crate::record::Draft;"),
            [
                "src/store/record/memory/mod.rs:1: record::Draft is private, but this store may use only public API"
            ]
        );
    }

    #[test]
    fn a_private_method_is_caught() {
        assert_eq!(uses("fn f(record: Record) {\n    record.draft()\n}").len(), 1);
    }
}
