//! A client with a jar of cookies. Each request has a connection of its own.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub(crate) struct Client {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// The status and the body of the response.
    pub(crate) fn send(&mut self, method: &str, path: &str) -> (u16, String) {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: shop.example\r\nContent-Length: 0\r\nCookie: {}\r\n\r\n",
            cookies.join("; ")
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        head.lines().for_each(|line| self.keep(line));
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn keep(&mut self, line: &str) {
        let Some((name, line)) = line.split_once(": ") else { return };
        if !name.eq_ignore_ascii_case("set-cookie") {
            return;
        }
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}
