//! A `redis-server` of its own on a free loopback port.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("there is a free port").port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Listens to what clients say from now on.
    pub(crate) fn monitor(&self) -> Monitor {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it answers");
        stream.write_all(b"MONITOR\r\n").expect("it listens");
        let mut lines = BufReader::new(stream);
        lines.read_line(&mut String::new()).expect("it says that it will");
        Monitor { lines, port: self.port }
    }
}

/// What clients of a server say.
pub(crate) struct Monitor {
    lines: BufReader<TcpStream>,
    port: u16,
}

impl Monitor {
    /// The names of the commands that were sent until now. Those that a script ran are none.
    pub(crate) fn commands(self) -> Vec<String> {
        let mut end = TcpStream::connect(("127.0.0.1", self.port)).expect("it answers");
        end.write_all(b"ECHO that-is-all\r\n").expect("it listens");
        let lines = self.lines.lines().map(|line| line.expect("it is text"));
        let until = lines.take_while(|line| !line.contains("that-is-all"));
        // Like `+1700000000.000000 [0 127.0.0.1:50000] "GET" "key"`; from a script, `[0 lua]`.
        let sent = until.filter(|line| !line.contains(" lua] "));
        sent.filter_map(|line| Some(line.split('"').nth(1)?.to_uppercase())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It keeps nothing, so nothing is lost if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
