//! What was compared, and where.

use std::{fs, process::Command};

/// The crates whose versions matter.
const CRATES: [&str; 11] = [
    "actix-session",
    "actix-web",
    "axum",
    "axum_session",
    "axum_session_redispool",
    "cookie",
    "jsonwebtoken",
    "redis",
    "tower-sessions",
    "tower-sessions-moka-store",
    "tower-sessions-redis-store",
];

/// Their versions, as the lock file has them.
pub fn crates() -> String {
    let lock = include_str!("../Cargo.lock");
    let mut found = Vec::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("name = ").map(|name| name.trim_matches('"')) else { continue };
        let version = lines.next().and_then(|line| line.strip_prefix("version = "));
        if let Some(version) = version.filter(|_| CRATES.contains(&name)) {
            found.push(format!("{name} {}", version.trim_matches('"')));
        }
    }
    found.join(", ")
}

/// The machine, the day, the compiler, and how busy the machine is with other work.
pub fn place() -> String {
    let said = |command: &str, args: &[&str]| {
        let output = Command::new(command).args(args).output().map(|output| output.stdout);
        String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned()
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}; {cores} cores, {}; {}; {}; load {}",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        model.trim_start_matches([' ', '\t', ':']),
        said("rustc", &["--version"]),
        said("redis-server", &["--version"]).split(' ').take(3).collect::<Vec<_>>().join(" "),
        load.split(' ').next().unwrap_or("unknown"),
    )
}
