//! The bytes of real memory that a session takes.

use std::hint::black_box;

use crate::{filled_store::FilledStore, limit::Map, payload::Payload};

const SESSIONS: usize = 1_000_000;

/// Prints them for each payload, beside those of a bare map.
#[expect(clippy::print_stdout, reason = "that is what this is for")]
pub(crate) fn print() {
    println!("| payload | bare map | memory store |");
    println!("| --- | ---: | ---: |");
    // Nothing is given back before the end, so that no memory is counted that was there before.
    let mut kept = Vec::new();
    for payload in Payload::TWO {
        let empty = resident();
        let filled = FilledStore::new(SESSIONS, payload);
        // Its own notes: the cookies, those of nobody, and the IDs.
        let own = SESSIONS * (2 * size_of_val(&filled.cookies[0]) + size_of_val(&filled.ids[0]));
        let full = resident();
        let map = Map::new(&filled.ids, payload);
        let both = resident();
        println!(
            "| {} | {} | {} |",
            payload.name(),
            (both - full) / SESSIONS,
            (full - empty - own) / SESSIONS
        );
        kept.push((filled, map));
    }
    black_box(kept);
}

/// What the kernel says this process takes, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("it is a number") * 1024
}
