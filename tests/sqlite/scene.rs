//! What the tests share: a site over a file, and what holds the file up.

use std::{
    fs::{self, File},
    mem,
    path::{Path, PathBuf},
    time::Duration,
};

use cloakroom::store::SqliteStore;
use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
};

use crate::{
    browser::{Browser, Request, Response, Server, finish},
    wait::until,
};

/// How long a request waits for the store.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Where Linux has a file system in memory, for tests that write so much that the disk would be all they wait for.
const IN_MEMORY: &str = "/dev/shm";

pub(crate) fn folder_in_memory() -> tempfile::TempDir {
    if Path::new(IN_MEMORY).is_dir() { tempfile::tempdir_in(IN_MEMORY) } else { tempfile::tempdir() }.unwrap()
}

/// A site whose requests do not wait long.
pub(crate) fn site(path: &Path) -> Server {
    Server::new(SqliteStore::open(path).unwrap()).with(|sessions| sessions.store_timeout(PATIENCE))
}

/// A file of SQLite's beside a database.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Waits until nobody has a database open: then its log is gone, and everything is in the file.
pub(crate) fn until_closed(path: &Path) {
    until("the file is closed", || !beside(path, "-wal").exists() && !is_open_here(path));
}

/// Whether this process has a file open. SQLite would use it again.
fn is_open_here(path: &Path) -> bool {
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    open.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file == path)
}

/// Adds one to the number of this name.
pub(crate) fn add(session: &cloakroom::Session, name: &'static str) -> Result<(), cloakroom::SessionError> {
    session.update(name, |number: &mut u64| *number += 1)
}

/// What a request that only looks is answered: its status, and a value of its session.
pub(crate) async fn look(browser: &Browser, name: &str) -> Result<Option<u64>, u16> {
    let request: Request = browser.request();
    let visit = browser.try_visit(&request).await.map_err(|error| error.status())?;
    let value = visit.session.get(name).expect("it is a number");
    let response: Response = finish(visit, 200).await;
    assert_eq!(response.cookie(), None, "who only looks is told nothing");
    if response.is_ok() { Ok(value) } else { Err(response.status()) }
}

/// What a request that adds one is answered: its status.
pub(crate) async fn try_to_add(browser: &Browser, name: &'static str) -> Result<(), u16> {
    let visit = browser.try_visit(&browser.request()).await.map_err(|error| error.status())?;
    add(&visit.session, name).unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(response.cookie(), None, "no cookie is set and none is cleared");
    if response.is_ok() { Ok(()) } else { Err(response.status()) }
}

/// Where SQLite's lock bytes are in the index of the write-ahead log: the writer's, and those of all readers.
const LOCK_BYTES: [libc::off_t; 2] = [120, 8];

/// All locks of a file's write-ahead log, so that SQLite neither reads nor writes, and nothing fails.
pub(crate) struct Held(File);

impl Held {
    pub(crate) fn everything(path: &Path) -> Self {
        let index = File::options().read(true).write(true).open(beside(path, "-shm")).unwrap();
        let held = Self(index);
        held.set(libc::F_WRLCK);
        held
    }

    pub(crate) fn release(self) {
        self.set(libc::F_UNLCK);
        // Closed, it would take the locks along that SQLite holds in this process.
        mem::forget(self.0);
    }

    fn set(&self, lock: libc::c_int) {
        let [start, len] = LOCK_BYTES;
        let range = libc::flock {
            l_type: libc::c_short::try_from(lock).unwrap(),
            l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap(),
            l_start: start,
            l_len: len,
            l_pid: 0,
        };
        fcntl(&self.0, FcntlArg::F_OFD_SETLKW(&range)).unwrap();
    }
}
