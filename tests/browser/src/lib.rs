//! Drives the shop in headless Chromium, through WebDriver.
//!
//! | module | holds |
//! | --- | --- |
//! | `stage` | [`Stage`]: shops, what they need, and a driver |
//! | `shop` | the shop, as a process |
//! | `database` | what keeps the sessions outside of the shops: a server, or a file |
//! | `redis`, `postgres` | a real `redis-server`, a real `postgres` |
//! | `haproxy` | HAProxy, with the configuration that the documentation has |
//! | `proxy` | a round-robin proxy before several shops |
//! | `server` | a child process that prints its address and dies with its handle |
//! | `webdriver` | WebDriver's requests and answers |
//! | `client` | a client that is no browser |
//! | `browser` | one browser with a profile of its own |
//! | `chromium` | how it is started |
//! | `folder`, `port`, `postgres_programs`, `process` | parts of the crate's rig |
//!
//! | variable | says | if unset |
//! | --- | --- | --- |
//! | `SHOP` | the built shop | `target/debug/examples/shop` of the crate |
//! | `SECOND_SHOP` | the same for the second of two servers | as `SHOP` |
//! | `SESSION_STORE` | where its sessions live; `redis:` and `postgres:` start a server, and `sqlite:` makes a file, for each test | in memory |
//! | `CHROMIUM`, `CHROMEDRIVER` | the programs | `/usr/bin/chromium`, `chromedriver` |
//! | `SCREENSHOTS` | a folder to put pictures into | none are taken |

mod browser;
mod chromium;
mod client;
mod database;
#[allow(dead_code, reason = "the rig needs more of it")]
#[path = "../../rig/folder.rs"]
mod folder;
mod haproxy;
#[allow(dead_code, reason = "the rig needs more of it")]
#[path = "../../rig/port.rs"]
mod port;
mod postgres;
#[allow(dead_code, reason = "the rig needs more of it")]
#[path = "../../rig/postgres_programs.rs"]
mod postgres_programs;
#[allow(dead_code, reason = "the rig needs more of it")]
#[path = "../../rig/process.rs"]
mod process;
mod proxy;
mod redis;
mod server;
mod shop;
mod stage;
mod webdriver;

use std::env;

pub use crate::{
    browser::{Browser, Looks, Window},
    client::Restless,
    stage::Stage,
};

/// The store that the shops of these tests use, as a configuration says it.
fn session_store() -> String {
    env::var("SESSION_STORE").unwrap_or_else(|_| "memory:".to_owned())
}

/// The name by which that store calls itself.
#[must_use]
pub fn session_store_name() -> String {
    session_store().split(':').next().unwrap_or_default().to_owned()
}
