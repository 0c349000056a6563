//! A folder that is gone with its handle.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Where Linux has a file system in memory. Servers that sync every change of their configuration stall for seconds when
/// others keep the disk busy.
const IN_MEMORY: &str = "/dev/shm";

/// A folder of its own, with a path that is short enough for a Unix socket in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new, empty one under the system's folder for temporary files.
    pub(crate) fn on_disk() -> Self {
        Self::under(&std::env::temp_dir())
    }

    /// A new, empty one for little that nobody needs to find after a crash: in memory, if this system can.
    pub(crate) fn in_memory() -> Self {
        let folder = Path::new(IN_MEMORY);
        if folder.is_dir() { Self::under(folder) } else { Self::on_disk() }
    }

    fn under(parent: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let name = format!("cloakroom-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Self { path },
                // Left behind by a process of the same number that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot create {}: {error}", path.display()),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where something in it lives.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file in it, and says where that is.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What remains is where nothing lasts, and no reason to hide why a test failed.
        let _ = fs::remove_dir_all(&self.path);
    }
}
