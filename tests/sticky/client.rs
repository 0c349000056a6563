//! A client with a cookie.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What an answer says.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    /// Who has answered.
    pub(crate) server: String,
    pub(crate) subject: String,
    pub(crate) count: u64,
}

/// A client that keeps the session cookie. Each request has a connection of its own.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    pub(crate) cookie: Option<String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookie: None }
    }

    /// The server that its token names.
    pub(crate) fn owner(&self) -> String {
        self.cookie.as_ref().unwrap().split_once('.').unwrap().1.to_owned()
    }

    pub(crate) fn get(&mut self, path: &str) -> Seen {
        self.send("GET", path)
    }

    pub(crate) fn post(&mut self, path: &str) -> Seen {
        self.send("POST", path)
    }

    fn send(&mut self, method: &str, path: &str) -> Seen {
        let cookie = self.cookie.iter().map(|cookie| format!("Cookie: a=b; session={cookie}\r\n"));
        let cookie: String = cookie.collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\nConnection: close\r\n{cookie}\r\n"
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        self.read(&answer)
    }

    fn read(&mut self, answer: &str) -> Seen {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
        for line in head.lines() {
            if let Some((name, value)) = line.split_once(": session=")
                && name.eq_ignore_ascii_case("set-cookie")
            {
                self.cookie = Some(value.split(';').next().unwrap().to_owned());
            }
        }
        let mut words = body.lines().find(|line| line.contains(' ')).unwrap_or_default().split(' ');
        Seen {
            status: head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0),
            server: words.next().unwrap_or_default().to_owned(),
            subject: words.next().unwrap_or_default().to_owned(),
            count: words.next().and_then(|count| count.parse().ok()).unwrap_or(0),
        }
    }
}
