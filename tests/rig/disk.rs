//! A disk that can be full: [`SmallDisk`].

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::{folder::Folder, skipped::skipped};

/// A disk of a few megabytes in memory, as long as there is a handle. Everybody may write to it.
#[derive(Debug)]
pub(crate) struct SmallDisk(Folder);

impl SmallDisk {
    /// Only root can have one; who is somebody else is told that the test is skipped.
    pub(crate) fn mount(megabytes: usize) -> Option<Self> {
        let folder = Folder::on_disk();
        let options = format!("size={megabytes}m,mode=1777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "cloakroom-test"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                skipped("a full disk", "a small file system can only be mounted by root");
                None
            }
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("it is writable");
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives that room back.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Those who still have a file open there lose nothing that a test looks for.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
