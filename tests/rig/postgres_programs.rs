//! The programs of PostgreSQL, the user that they run as, and the processes that they are.

use std::{
    env, fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use super::{folder::Folder, process::Process};

/// Where Debian has the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Names the folder with the programs of another version.
const VARIABLE: &str = "CLOAKROOM_POSTGRES_BIN";

/// What to do when a program is missing.
pub(super) const INSTALL: &str =
    "these tests need PostgreSQL (on Debian and Ubuntu: apt-get install postgresql)";

/// Where a program is: of the version that the variable names, else of the newest one that is installed.
pub(super) fn program(name: &str) -> PathBuf {
    if let Some(folder) = env::var_os(VARIABLE) {
        return Path::new(&folder).join(name);
    }
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let number =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    match versions.max_by_key(number) {
        Some(version) => version.join("bin").join(name),
        None => name.into(),
    }
}

/// The user that the server runs as if we are root, as which it refuses to run.
fn other_user() -> Option<[u32; 2]> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let line = line.unwrap_or_else(|| panic!("there is no user postgres; {INSTALL}"));
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().expect("it is a number"));
    Some([(); 2].map(|()| numbers.next().expect("a user has two numbers")))
}

/// Lets the server's user write there.
pub(super) fn give_away(path: &Path) {
    if let Some([user, group]) = other_user() {
        chown(path, Some(user), Some(group)).expect("we are root");
    }
}

/// A program and its arguments, run as the server's user.
pub(super) fn unprivileged(program: &Path) -> Vec<String> {
    let mut words = match other_user() {
        None => vec![],
        Some([user, group]) => vec![
            "setpriv".to_owned(),
            format!("--reuid={user}"),
            format!("--regid={group}"),
            "--clear-groups".to_owned(),
        ],
    };
    words.push(program.display().to_string());
    words
}

/// The processes that one has started.
pub(super) fn children(of: u32) -> Vec<u32> {
    let path = format!("/proc/{of}/task/{of}/children");
    let numbers = fs::read_to_string(path).unwrap_or_default();
    numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Sends a signal to processes, of which some may have ended.
pub(super) fn signal(name: &str, processes: &[u32]) {
    if !processes.is_empty() {
        let numbers = processes.iter().map(u32::to_string);
        let _ = Command::new("kill").args(["-s", name, "--"]).args(numbers).output();
    }
}

/// Runs a program that makes the folder of a server.
#[track_caller]
pub(super) fn create(arguments: &[&str], name: &str) {
    let words = unprivileged(&program(name));
    let output = Command::new(&words[0]).args(&words[1..]).args(arguments).current_dir("/").output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}; {INSTALL}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Starts the process; it may still fail.
pub(super) fn run(folder: &Folder) -> Process {
    let words = unprivileged(&program("postgres"));
    let data = folder.join("data").display().to_string();
    let arguments = words[1..].iter().map(String::as_str).chain(["-D", &data]);
    // Left behind by a process that was killed, whose number may be another's by now.
    let _ = fs::remove_file(folder.join("data/postmaster.pid"));
    Process::start(&words[0], arguments, folder)
}

/// Kills a server with `SIGKILL`, all processes of it at once.
pub(super) fn kill(server: &mut Process) {
    let main = server.number();
    // Else it would begin to repair itself as soon as the first of the others is gone.
    signal("STOP", &[main]);
    signal("KILL", &children(main));
    server.kill();
}
