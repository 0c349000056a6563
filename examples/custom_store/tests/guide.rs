//! The guide for authors of stores quotes this store as it is.

#![expect(clippy::unwrap_used, reason = "a test may")]

#[test]
fn the_guide_quotes_this_store() {
    let guide = include_str!("../../../src/store/mod.rs");
    let sources = [include_str!("../src/lib.rs"), include_str!("../src/tables.rs")];
    let quotes: Vec<_> = guide.split("//! ```ignore\n").skip(1).map(quote).collect();
    assert_eq!(quotes.len(), 3);
    for quote in quotes {
        assert!(sources.iter().any(|source| source.contains(&quote)), "the store has no such code:\n{quote}");
    }
}

/// The lines up to the end of a block of code, without the marks of a comment.
fn quote(text: &str) -> String {
    let block = text.split("//! ```").next().unwrap();
    block
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default()))
        .collect()
}
