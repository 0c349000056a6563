//! Where something was measured.

#![allow(unreachable_pub, reason = "one of its users is a library")]

use std::{env, fs, process::Command};

/// The day, the machine, the compiler, and how busy the machine is with other work.
pub fn environment() -> String {
    let said = |command: &str, args: &[&str]| {
        let output = Command::new(command).args(args).output().map(|output| output.stdout);
        String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned()
    };
    let redis = env::var("CLOAKROOM_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}; {cores} cores, {}; {}; {}; load {}",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        model.trim_start_matches([' ', '\t', ':']),
        said("rustc", &["--version"]),
        said(&redis, &["--version"]).split(' ').take(3).collect::<Vec<_>>().join(" "),
        load.split(' ').next().unwrap_or("unknown"),
    )
}
