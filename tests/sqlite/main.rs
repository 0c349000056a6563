//! The SQLite store on real files, with real processes, and against everything that can go wrong with a disk.
//!
//! | module | shows |
//! | --- | --- |
//! | `conformance` | the public suite |
//! | `crashes` | processes that are killed while they write, and two of them on one file |
//! | `files` | files that are locked, removed, replaced, read-only, damaged or no databases, and disks that are full |
//! | `growth` | the file of a site with many visitors, and what each session takes |
//! | `together` | writes that share a transaction, and threads that end |
//! | `process`, `scene` | what the tests share |

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../promises/browser.rs"]
#[allow(dead_code, reason = "the promises use all of it")]
mod browser;
#[path = "../rig/disk.rs"]
mod disk;
#[path = "../rig/folder.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod folder;
#[path = "../rig/skipped.rs"]
mod skipped;
#[path = "../rig/wait.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wait;

mod conformance;
mod crashes;
mod files;
mod growth;
mod process;
mod scene;
mod together;
