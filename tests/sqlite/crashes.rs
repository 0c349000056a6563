//! Processes that are killed while they write, and two of them on one file.

use std::path::Path;

use crate::{
    browser::{Browser, Server},
    process::{Counting, Counts},
    scene::{folder_in_memory, look, site},
};

/// How many sessions a process counts in at the same time.
const SESSIONS: usize = 16;

async fn visitors(site: &Server) -> Vec<Browser> {
    let mut browsers = vec![site.browser(); SESSIONS];
    for browser in &mut browsers {
        assert!(browser.does(|session| session.insert("begun", true)).await.is_ok());
    }
    browsers
}

/// What is stored is what was acknowledged, or the one write more that was under way in each session. What was stored `before` the
/// process started was acknowledged as well.
async fn check(browsers: &[Browser], name: &str, before: &mut Counts, counts: Counts) {
    before.extend(counts);
    for (place, browser) in browsers.iter().enumerate() {
        let acknowledged = before.get(&place).copied().unwrap_or_default();
        let stored = look(browser, name).await.unwrap().unwrap_or_default();
        assert!(
            stored == acknowledged || stored == acknowledged + 1,
            "session {place} has {stored}, but {acknowledged} were acknowledged"
        );
        before.insert(place, stored);
    }
}

/// Increments by a process that is killed every now and then, and by one beside it that is not.
async fn counts_while_killed(path: &Path, increments: usize, kills: usize) {
    let site = site(path);
    let browsers = visitors(&site).await;
    let bystander = Counting::start(path, "b", &browsers);
    let mut stored = Counts::new();
    for _ in 0..kills {
        let counts = Counting::start(path, "a", &browsers).kill_after(increments / kills);
        check(&browsers, "a", &mut stored, counts).await;
    }
    let counts = bystander.kill_after(increments);
    check(&browsers, "b", &mut Counts::new(), counts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kills_and_nothing_is_counted_twice() {
    let folder = folder_in_memory();
    counts_while_killed(&folder.path().join("sessions.db"), 10_000, 5).await;
}

/// `cargo test --release -p cloakroom-tests --test sqlite -- --ignored`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes in a debug build; the test above does the same with fewer"]
async fn what_was_acknowledged_survives_kills_a_hundred_thousand_times() {
    let folder = tempfile::tempdir().unwrap();
    counts_while_killed(&folder.path().join("sessions.db"), 100_000, 10).await;
}
