//! A child process that never outlives us.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

use super::folder::Folder;

/// Becomes the program, after it has set a watchdog over it: a shell that reads from us. A line dismisses it. When we end
/// without a word, even by `SIGKILL`, its pipe closes; then it kills the program, whose process number is `$$`, and
/// removes its folder, which is `$0`.
const WATCHED: &str = r#"
exec 3<&0
(read -r dismissed <&3 || { kill -9 $$; rm -rf "$0"; }) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"#;

/// What a shell says when there is no such program.
const NOT_FOUND: i32 = 127;

/// A running program. Dropped, it is killed: also when a test panics, and when the test's process dies.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    watchdog: Option<ChildStdin>,
    log: PathBuf,
    program: OsString,
}

impl Process {
    /// Starts a program that lives in `folder` and writes to the file `log` there.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        folder: &Folder,
    ) -> Self {
        let program = program.into();
        let log = folder.join("log");
        let output = File::options().create(true).append(true).open(&log).expect("the folder is ours");
        let mut child = Command::new("sh")
            .args(["-c", WATCHED])
            .arg(folder.path())
            .arg(&program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a file has a second handle"))
            .stderr(output)
            // Ctrl-C is for the test; the program is killed when that has ended.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start sh, to watch over {}: {error}", program.display()));
        let watchdog = child.stdin.take();
        Self { child, watchdog, log, program }
    }

    /// How it ended, if it did by itself.
    ///
    /// # Panics
    ///
    /// When the program is not installed.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("it is our child")?;
        self.dismiss_watchdog();
        let program = self.program.display();
        assert!(
            status.code() != Some(NOT_FOUND),
            "{program} is not installed: these tests need Redis and PostgreSQL (on Debian and Ubuntu: \
             apt-get install redis-server postgresql pgbouncer)"
        );
        Some(status)
    }

    /// Kills it with `SIGKILL`, and returns when it is gone.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.dismiss_watchdog();
    }

    /// Lets it stand still, with its connections open, or go on: `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "there is a kill");
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote, from all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The process is gone and its number may soon be another's, which the watchdog must not kill.
    fn dismiss_watchdog(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            // A watchdog that is gone needs no dismissal.
            let _ = watchdog.write_all(b"\n");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
