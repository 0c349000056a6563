//! Files that are locked, removed, replaced, read-only, damaged or no databases, and disks that are full.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use cloakroom::{SessionErrorKind, StoreErrorKind, store::SqliteStore};

use crate::{
    browser::{Browser, Server},
    disk::SmallDisk,
    scene::{add, look, site, try_to_add, until_closed},
    skipped::skipped,
};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    (folder, path)
}

/// A session that has counted to one.
async fn begun(site: &Server) -> Browser {
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    browser
}

fn kind_of_opening(path: &Path) -> StoreErrorKind {
    SqliteStore::open(path).map(drop).unwrap_err().kind()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_elsewhere_is_waited_for_until_the_deadline_and_readers_do_not_wait() {
    let (_folder, path) = folder();
    let site = site(&path);
    let browser = begun(&site).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(try_to_add(&browser, "n").await, Err(503));
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    let waits = tokio::spawn(async move {
        let added = try_to_add(&browser, "n").await;
        (added, browser)
    });
    tokio::task::yield_now().await;
    other.execute_batch("COMMIT").unwrap();
    let (added, browser) = waits.await.unwrap();
    assert_eq!(added, Ok(()));
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_an_outage_and_no_new_file() {
    let (_folder, path) = folder();
    let site = site(&path);
    let browser = begun(&site).await;
    let away = path.with_file_name("away");
    fs::rename(&path, &away).unwrap();
    assert_eq!(look(&browser, "n").await, Err(503));
    assert_eq!(try_to_add(&browser, "n").await, Err(503));
    assert!(!path.exists());
    fs::rename(&away, &path).unwrap();
    assert_eq!(try_to_add(&browser, "n").await, Ok(()));
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

/// SQLite would apply the log of the old file to it.
#[tokio::test(flavor = "multi_thread")]
async fn another_file_in_its_place_is_not_touched_until_the_process_starts_again() {
    let (_folder, path) = folder();
    let first = site(&path);
    let browser = begun(&first).await;
    let copy = path.with_file_name("copy");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    drop(other);
    assert_eq!(try_to_add(&browser, "n").await, Ok(()));
    let old = path.with_file_name("old");
    fs::rename(&path, &old).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert_eq!((look(&browser, "n").await, try_to_add(&browser, "n").await), (Err(503), Err(503)));
    fs::rename(&path, &copy).unwrap();
    fs::rename(&old, &path).unwrap();
    assert_eq!(look(&browser, "n").await, Ok(Some(2)), "it is back");
    let cookie = browser.cookie.clone();
    drop((first, browser));
    until_closed(&path);
    fs::rename(&copy, &path).unwrap();
    let second = site(&path);
    let browser = Browser { cookie, ..second.browser() };
    assert_eq!(look(&browser, "n").await, Ok(Some(1)), "as it was when it was copied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(2) else { return };
    let path = disk.path().join("sessions.db");
    let site = site(&path);
    let browser = begun(&site).await;
    disk.fill();
    let mut refused = None;
    let mut begun = Vec::new();
    for _ in 0..2_000 {
        let mut new = site.browser();
        let response = new.does(|session| session.insert("filling", "x".repeat(2_000))).await;
        match response.error {
            None => begun.push(new),
            Some(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let refused = refused.expect("the disk is full");
    assert_eq!((refused.status(), refused.kind()), (503, SessionErrorKind::Store(StoreErrorKind::Full)));
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    for new in &begun {
        assert!(new.try_visit(&new.request()).await.unwrap().session.contains("filling"));
    }
    // Many at once, of which none undoes another.
    let crowd = (0..20).map(|_| {
        let mut new = site.browser();
        tokio::spawn(async move {
            new.does(|session| session.insert("filling", "x".repeat(2_000))).await.status()
        })
    });
    for answer in crowd.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), 503);
    }
    disk.empty();
    assert_eq!(try_to_add(&browser, "n").await, Ok(()));
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

/// Makes a file impossible to write even for root, as long as there is a handle.
struct Unwritable(PathBuf);

impl Unwritable {
    fn new(path: &Path) -> Option<Self> {
        let changed = Command::new("chattr").arg("+i").arg(path).output();
        match changed {
            Ok(output) if output.status.success() => Some(Self(path.to_owned())),
            _ => {
                skipped(
                    "a read-only file",
                    "only root can make one that root cannot write, with chattr on some file systems",
                );
                None
            }
        }
    }
}

impl Drop for Unwritable {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(&self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_file_can_be_read_and_says_why_it_is_not_written() {
    let (_folder, path) = folder();
    let cookie = begun(&site(&path)).await.cookie;
    // The log is written to the file when the last handle is dropped.
    until_closed(&path);
    let Some(unwritable) = Unwritable::new(&path) else { return };
    let read_only = site(&path);
    let browser = Browser { cookie, ..read_only.browser() };
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
    let refused = read_only.browser().does(|session| add(session, "n")).await.error.unwrap();
    assert_eq!((refused.status(), refused.kind()), (503, SessionErrorKind::Store(StoreErrorKind::ReadOnly)));
    drop(unwritable);
    assert_eq!(try_to_add(&browser, "n").await, Ok(()), "the file is opened again");
    assert_eq!(look(&browser, "n").await, Ok(Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let (_folder, path) = folder();
    let cookie = begun(&site(&path)).await.cookie;
    until_closed(&path);
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    // All pages but the first, which holds what tables there are.
    let len = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xff; usize::try_from(len - 4096).unwrap()]).unwrap();
    drop(file);
    let damaged = fs::read(&path).unwrap();
    let site = site(&path);
    let browser = Browser { cookie, ..site.browser() };
    assert_eq!(look(&browser, "n").await, Err(500));
    let refused = site.browser().does(|session| add(session, "n")).await.error.unwrap();
    assert_eq!((refused.status(), refused.kind()), (500, SessionErrorKind::Store(StoreErrorKind::Corrupt)));
    drop((site, browser));
    until_closed(&path);
    assert!(fs::read(&path).unwrap() == damaged);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let (_folder, path) = folder();
    fs::write(
        &path,
        "This is a text, and long enough to be taken for the header of some database.".repeat(20),
    )
    .unwrap();
    assert_eq!(kind_of_opening(&path), StoreErrorKind::Corrupt);
    assert_eq!(
        kind_of_opening(&path.with_file_name("nowhere").join("sessions.db")),
        StoreErrorKind::Unavailable
    );
    assert_eq!(kind_of_opening(path.parent().unwrap()), StoreErrorKind::Unavailable);
    for memory in ["", ":memory:"] {
        assert_eq!(kind_of_opening(Path::new(memory)), StoreErrorKind::Unsupported);
    }
}

#[test]
fn another_table_of_the_same_name_is_refused() {
    let (_folder, path) = folder();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE cloakroom_sessions (id INTEGER PRIMARY KEY, name TEXT)").unwrap();
    assert_eq!(kind_of_opening(&path), StoreErrorKind::Corrupt);
    SqliteStore::builder(&path).table("others").unwrap().open().unwrap();
}
