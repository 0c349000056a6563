//! Drives the shop in headless Chromium, through WebDriver.
//!
//! | module | holds |
//! | --- | --- |
//! | `proxy` | a round-robin proxy before several shops |
//! | `server` | a child process that prints its address and dies with its handle |
//! | `webdriver` | WebDriver's requests and answers |
//! | `browser` | one browser with a profile of its own |
//! | `chromium` | how it is started |
//!
//! | variable | says | if unset |
//! | --- | --- | --- |
//! | `SHOP` | the built shop | `target/debug/examples/shop` of the crate |
//! | `SESSION_STORE` | where its sessions live | in memory |
//! | `CHROMIUM`, `CHROMEDRIVER` | the programs | `/usr/bin/chromium`, `chromedriver` |
//! | `SCREENSHOTS` | a folder to put pictures into | none are taken |

mod browser;
mod chromium;
mod proxy;
mod server;
mod webdriver;

use std::{
    env,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::PathBuf,
    process::Command,
};

pub use crate::browser::{Browser, Looks, Window};
use crate::{proxy::Proxy, server::Server};

/// A shop of its own for one test, and a driver that starts browsers to visit it.
#[derive(Debug)]
pub struct Stage {
    /// Kept running as long as the stage.
    _shops: Vec<Server>,
    driver: Server,
    entrance: String,
}

impl Stage {
    /// A freshly started shop on a free port.
    ///
    /// # Panics
    /// If the shop or the driver does not start.
    #[must_use]
    pub fn new() -> Self {
        let shop = start_shop(&random_key());
        let entrance = shop.address().to_owned();
        Self { _shops: vec![shop], driver: start_driver(), entrance }
    }

    /// Two shops with the same keys and nothing else in common; each request goes to the other one.
    ///
    /// # Panics
    /// If a shop, the proxy or the driver does not start.
    #[must_use]
    pub fn with_two_servers() -> Self {
        let key = random_key();
        let shops = vec![start_shop(&key), start_shop(&key)];
        let addresses = shops.iter().map(|shop| shop.address().trim_start_matches("http://").to_owned());
        let entrance = Proxy::before(addresses.collect()).url();
        Self { _shops: shops, driver: start_driver(), entrance }
    }

    /// A new browser that has never been anywhere, looking at nothing yet.
    #[must_use]
    pub fn browser(&self, window: Window) -> Browser<'_> {
        Browser::start(self.driver.address(), &self.entrance, window)
    }
}

/// The store that the shops of these tests use.
#[must_use]
pub fn session_store() -> String {
    env::var("SESSION_STORE").unwrap_or_else(|_| "memory".to_owned())
}

fn start_shop(key: &str) -> Server {
    let mut shop = Command::new(shop_program());
    Server::start(shop.env("PORT", "0").env("SESSION_KEYS", key), |line| {
        line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
    })
}

fn start_driver() -> Server {
    let mut driver = Command::new(env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned()));
    Server::start(driver.arg("--port=0"), |line| {
        let port = line.split_once("started successfully on port ")?.1.trim_end_matches('.');
        Some(format!("http://127.0.0.1:{port}"))
    })
}

/// A key for the stores whose clients carry the session: 32 bytes in hex.
fn random_key() -> String {
    // The standard library's only source of randomness; enough for a test.
    let word = || RandomState::new().build_hasher().finish();
    (0..4).map(|_| format!("{:016x}", word())).collect()
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
