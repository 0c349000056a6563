//! What was compared.

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
