//! Drives the shop in headless Chromium, through WebDriver.
//!
//! | module | holds |
//! | --- | --- |
//! | `server` | a child process that prints its address and dies with its handle |
//! | `webdriver` | WebDriver's requests and answers |
//! | `browser` | one browser with a profile of its own |
//! | `chromium` | how it is started |
//!
//! | variable | says | if unset |
//! | --- | --- | --- |
//! | `SHOP` | the built shop | `target/debug/examples/shop` of the crate |
//! | `SESSION_STORE` | where its sessions live | the shop decides |
//! | `CHROMIUM`, `CHROMEDRIVER` | the programs | `/usr/bin/chromium`, `chromedriver` |
//! | `SCREENSHOTS` | a folder to put pictures into | none are taken |

mod browser;
mod chromium;
mod server;
mod webdriver;

use std::{env, path::PathBuf, process::Command};

pub use crate::browser::{Browser, Looks, Window};
use crate::server::Server;

/// A shop of its own for one test, and a driver that starts browsers to visit it.
#[derive(Debug)]
pub struct Stage {
    shop: Server,
    driver: Server,
}

impl Stage {
    /// A freshly started shop on a free port.
    ///
    /// # Panics
    /// If the shop or the driver does not start.
    #[must_use]
    pub fn new() -> Self {
        let mut shop = Command::new(shop_program());
        let mut driver = Command::new(env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned()));
        Self {
            shop: Server::start(shop.env("PORT", "0"), |line| {
                line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
            }),
            driver: Server::start(driver.arg("--port=0"), |line| {
                let port = line.split_once("started successfully on port ")?.1.trim_end_matches('.');
                Some(format!("http://127.0.0.1:{port}"))
            }),
        }
    }

    /// A new browser that has never been anywhere, looking at nothing yet.
    #[must_use]
    pub fn browser(&self, window: Window) -> Browser<'_> {
        Browser::start(self.driver.address(), self.shop.address(), window)
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

fn shop_program() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/examples/shop");
    let program = env::var_os("SHOP").map_or_else(|| built.into(), PathBuf::from);
    assert!(
        program.is_file(),
        "there is no shop at {}: run `cargo build --example shop` in the crate, or say in SHOP where it is",
        program.display()
    );
    program
}
