//! How Chromium is started.

use std::{
    env,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

use crate::browser::Window;

/// No window on a screen, no sandbox (the only site it visits is ours), and nothing that calls home.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,900",
];

/// What the driver is asked for.
pub(crate) fn capabilities(profile: &Path, window: Window) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let flags: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).collect();
    let program = env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let mut chromium = json!({ "binary": program, "args": flags });
    if window == Window::Phone {
        chromium["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": 320, "height": 640, "pixelRatio": 2 } });
    }
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": chromium,
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "implicit": 5000, "pageLoad": 30000, "script": 5000 },
    })
}

/// A folder that does not exist yet, for a browser to keep its things in.
pub(crate) fn new_profile() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("cloakroom-browser-{}-{number}", process::id()))
}
