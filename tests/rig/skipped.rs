//! Saying that something is not tested here.

use std::io::{self, Write as _};

/// Says that something is skipped: on a line of its own, and past the harness, which captures what tests print.
pub(crate) fn skipped(what: &str, why: &str) {
    let line = format!("\nSKIPPED {what}: {why}\n");
    io::stderr().write_all(line.as_bytes()).expect("standard error is open");
}
