//! HAProxy, with the configuration that the documentation has.

use std::{
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use crate::{folder::Folder, port::Port, process::Process};

/// What everybody is told to use.
const DOCUMENTED: &str = include_str!("../../../docs/haproxy.cfg");

/// The names of the servers there.
pub(crate) const NAMES: [&str; 2] = ["web-1", "web-2"];

/// A running HAProxy. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct HaProxy {
    // First, since fields are dropped in order and the folder is the process's.
    _process: Process,
    _folder: Folder,
    port: Port,
}

impl HaProxy {
    /// Starts it before these two servers.
    pub(crate) fn before(servers: [SocketAddr; 2]) -> Self {
        let (folder, port) = (Folder::in_memory(), Port::reserve());
        let mut text = DOCUMENTED.to_owned();
        let addresses = [port.address(), servers[0], servers[1]];
        for (documented, real) in
            ["127.0.0.1:8080", "127.0.0.1:3001", "127.0.0.1:3002"].into_iter().zip(addresses)
        {
            assert_eq!(text.matches(documented).count(), 1, "{documented}");
            text = text.replace(documented, &real.to_string());
        }
        let file = folder.write("haproxy.cfg", &text);
        let mut process =
            Process::start("haproxy", ["-db".as_ref(), "-f".as_ref(), file.as_os_str()], &folder);
        for _ in 0..1000 {
            assert!(process.ended().is_none(), "haproxy ended:\n{}", process.log());
            if TcpStream::connect(port.address()).is_ok() {
                return Self { _process: process, _folder: folder, port };
            }
            nap();
        }
        panic!("haproxy does not listen:\n{}", process.log());
    }

    /// Where it listens, as a URL without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }
}

#[expect(clippy::disallowed_methods, reason = "a real server follows no clock of ours")]
fn nap() {
    thread::sleep(Duration::from_millis(10));
}
