//! The shop, as a process.

use std::{
    env,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    net::SocketAddr,
    path::PathBuf,
    process::Command,
};

use crate::{port::Port, server::Server};

/// A running shop.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) server: Server,
    /// Stays ours while the shop is down.
    port: Port,
}

impl Shop {
    /// Starts the first or the second one, with these keys and this store.
    pub(crate) fn start(index: usize, keys: &str, store: &str) -> Self {
        let port = Port::reserve();
        let mut command = Command::new(program(index));
        command.env("PORT", port.number().to_string());
        command.env("SESSION_KEYS", keys).env("SESSION_STORE", store);
        let server = Server::start(command, |line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        Self { server, port }
    }

    /// Where it listens, also after a restart.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

/// A key for the stores whose clients carry the session: 32 bytes in hex.
pub(crate) fn random_key() -> String {
    // The standard library's only source of randomness; enough for a test.
    let word = || RandomState::new().build_hasher().finish();
    (0..4).map(|_| format!("{:016x}", word())).collect()
}

fn program(index: usize) -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/examples/shop");
    let second = env::var_os("SECOND_SHOP").filter(|_| index == 1);
    let program = second.or_else(|| env::var_os("SHOP")).map_or_else(|| built.into(), PathBuf::from);
    assert!(
        program.is_file(),
        "there is no shop at {}: run `cargo build --example shop` in the crate, or say in SHOP where it is",
        program.display()
    );
    program
}
