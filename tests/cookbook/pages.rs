//! Checks that each block of Rust in the pages is in one of the files here.

const RECIPES: &[&str] = &[
    include_str!("administration.rs"),
    include_str!("csrf.rs"),
    include_str!("deployment.rs"),
    include_str!("flash.rs"),
    include_str!("from_actix_session.rs"),
    include_str!("from_tower_sessions.rs"),
    include_str!("guard.rs"),
    include_str!("oauth.rs"),
    include_str!("old_values.rs"),
    include_str!("password.rs"),
    include_str!("remember.rs"),
    include_str!("streams.rs"),
    include_str!("testing.rs"),
];

const PAGES: &[(&str, &str)] = &[
    ("cookbook.md", include_str!("../../docs/cookbook.md")),
    ("testing.md", include_str!("../../docs/testing.md")),
    ("deployment.md", include_str!("../../docs/deployment.md")),
    ("coming-from-tower-sessions.md", include_str!("../../docs/coming-from-tower-sessions.md")),
    ("coming-from-actix-session.md", include_str!("../../docs/coming-from-actix-session.md")),
];

/// The lines without their indentation and visibility, which a page leaves out.
fn flush(text: &str) -> String {
    let text = text.replace("pub(crate) ", "");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

fn blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest))
}

/// A block consists of pieces of one file; a blank line may mean that lines were left out.
fn is_tested(block: &str) -> bool {
    RECIPES.iter().any(|recipe| {
        let recipe = flush(recipe);
        block.split("\n\n").all(|piece| recipe.contains(&flush(piece)))
    })
}

#[test]
fn pages_show_only_what_is_tested() {
    let mut shown = 0;
    for (name, page) in PAGES {
        for block in blocks(page) {
            assert!(is_tested(block), "{name} shows what no file of tests/cookbook has:\n{block}");
            shown += 1;
        }
    }
    assert!(shown >= 12, "only {shown} blocks were found");
}
