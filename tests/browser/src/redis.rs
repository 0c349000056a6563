//! A real `redis-server`, made of the same parts as the crate's rig for Redis.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use crate::{folder::Folder, port::Port, process::Process};

/// A server that has written each change to its file before it says so. Dropped, it is killed and its folder removed.
#[derive(Debug)]
pub(crate) struct Redis {
    // First, since fields are dropped in order and the folder is the process's.
    process: Process,
    folder: Folder,
    port: Port,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let (folder, port) = (Folder::on_disk(), Port::reserve());
        let mut redis = Self { process: run(&folder, &port), folder, port };
        redis.wait_ready();
        redis
    }

    /// Kills it with `SIGKILL`. Its port stays reserved and its file as it is.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills it, if it still runs, and starts it on the same port with what is in its file.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = run(&self.folder, &self.port);
        self.wait_ready();
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    fn wait_ready(&mut self) {
        for _ in 0..1000 {
            assert!(self.process.ended().is_none(), "redis-server ended:\n{}", self.process.log());
            if is_ready(self.port.address()) {
                return;
            }
            nap();
        }
        panic!("redis-server does not answer:\n{}", self.process.log());
    }
}

fn run(folder: &Folder, port: &Port) -> Process {
    let (port, folder_name) = (port.number().to_string(), folder.path().display().to_string());
    let options = [
        ["--bind", "127.0.0.1"],
        ["--port", &port],
        ["--dir", &folder_name],
        ["--save", ""],
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
    ];
    Process::start("redis-server", options.concat(), folder)
}

/// While it reads its file, it answers `-LOADING`.
fn is_ready(address: SocketAddr) -> bool {
    let ping = || {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(b"PING\r\n")?;
        let mut reply = [0; 5];
        connection.read_exact(&mut reply)?;
        std::io::Result::Ok(reply)
    };
    ping().is_ok_and(|reply| reply == *b"+PONG")
}

#[expect(clippy::disallowed_methods, reason = "a real server follows no clock of ours")]
fn nap() {
    thread::sleep(Duration::from_millis(10));
}
